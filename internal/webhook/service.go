package webhook

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

const (
	// beat is how often the service looks: what happens within one beat is told as one.
	beat = time.Second
	// lookAtHead is how often the head is looked at for what another process has
	// published and did not live to tell.
	lookAtHead = time.Minute
	// headTimeout is how long a look at the head may hold up those who write.
	headTimeout = 5 * time.Second
	// kept is how long deliveries are, arrived or not.
	kept = 7 * 24 * time.Hour
	// atOnce is how many subscribers are called at once.
	atOnce = 8
)

// ServiceConfig says how to deliver.
type ServiceConfig struct {
	// Timeout is how long a subscriber has to answer; 0 means 15 s.
	Timeout time.Duration
}

// Deps is what a Service works with.
type Deps struct {
	Store    *Store
	Catalog  sequencer
	Releases headed
	Log      *slog.Logger // nil discards
}

// sequencer knows the number of the catalog's last change.
type sequencer interface {
	Sequence(ctx context.Context) (int64, error)
}

// headed knows which release is served.
type headed interface {
	Head(ctx context.Context) (release.Head, error)
}

// Service tells subscribers. It is a lifecycle service, and any number of
// processes may run one on the same database.
type Service struct {
	store    *Store
	catalog  sequencer
	releases headed
	log      *slog.Logger
	caller   *caller
	holder   string
	lease    time.Duration

	published chan struct{} // holds one when a release was published
	slots     chan struct{}
	calls     sync.WaitGroup
	stop      context.CancelFunc
	done      chan struct{}
}

// NewService returns a service that is not started.
func NewService(cfg ServiceConfig, deps Deps) (*Service, error) {
	if deps.Store == nil || deps.Catalog == nil || deps.Releases == nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "webhooks need a store, a catalog and releases")
	}
	timeout := cmp.Or(cfg.Timeout, 15*time.Second)
	return &Service{
		store: deps.Store, catalog: deps.Catalog, releases: deps.Releases, log: cmp.Or(deps.Log, slog.New(slog.DiscardHandler)),
		caller: newCaller(deps.Store.cfg.Private, timeout, deps.Store.now), holder: rand.Text(), lease: timeout + 10*time.Second,
		published: make(chan struct{}, 1), slots: make(chan struct{}, atOnce), done: make(chan struct{}),
	}, nil
}

// Notify says that a release was published.
func (s *Service) Notify() {
	select {
	case s.published <- struct{}{}:
	default: // it is said already
	}
}

// Start begins with what happened while nobody was there.
func (s *Service) Start(ctx context.Context, _ func(error)) error {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.done)
		s.run(ctx)
		s.calls.Wait()
	}()
	return nil
}

// Stop ends the calls that are under way. What they were to deliver stays.
func (s *Service) Stop(ctx context.Context) error {
	s.stop()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Service) run(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	var looked time.Time // at the head, for the last time
	for {
		if time.Since(looked) >= lookAtHead {
			looked = time.Now()
			s.try(ctx, s.tellRelease, s.prune)
		}
		s.try(ctx, s.tellChanges, s.deliver)
		select {
		case <-ctx.Done():
			return
		case <-s.published:
			s.try(ctx, s.tellRelease)
		case <-s.store.wake:
		case <-ticker.C:
		}
	}
}

// try does what can be done again in a second.
func (s *Service) try(ctx context.Context, work ...func(context.Context) error) {
	for _, do := range work {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("webhooks: trying again", "error", err)
		}
	}
}

// deliver begins to call subscribers, as many as there may be at once.
func (s *Service) deliver(ctx context.Context) error {
	for {
		select {
		case s.slots <- struct{}{}:
		default:
			return nil
		}
		lane, err := s.store.claim(ctx, s.holder, s.lease)
		if err != nil || lane == nil {
			<-s.slots
			return err
		}
		s.calls.Go(func() {
			defer func() { <-s.slots }()
			s.try(ctx, func(ctx context.Context) error { return lane.drain(ctx, s.caller) })
		})
	}
}

// mark is what has been told.
type mark struct {
	value string // "" where nothing has
	at    time.Time
}

// tell runs fn with what has been told, in the transaction that notes what it
// returns. Processes take turns, so each thing is told once.
func (s *Service) tell(ctx context.Context, name string, fn func(tx *sql.Tx, told mark) (now string, err error)) error {
	return s.store.db.Tx(ctx, func(tx *sql.Tx) error {
		var told mark
		var at string
		err := tx.QueryRowContext(ctx, `SELECT value, at FROM webhook_marks WHERE name = $1`, name).Scan(&told.value, &at)
		if err == nil {
			told.at, err = time.Parse(stampForm, at)
		} else if errors.Is(err, sql.ErrNoRows) {
			_, err = tx.ExecContext(ctx, `INSERT INTO webhook_marks (name, value, at) VALUES ($1, '', $2)`, name, stamp(s.store.now()))
		}
		if err != nil {
			return err
		}
		value, err := fn(tx, told)
		if err != nil || value == told.value {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE webhook_marks SET value = $2, at = $3 WHERE name = $1`, name, value, stamp(s.store.now()))
		return err
	})
}

// told returns a mark without waiting for anybody.
func (s *Service) told(ctx context.Context, name string) (value string, err error) {
	err = s.store.db.ReadTx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT value FROM webhook_marks WHERE name = $1`, name).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return value, err
}

// changes is the data of CatalogChanged.
type changes struct {
	First int64 `json:"first_sequence"`
	Last  int64 `json:"last_sequence"`
	Count int64 `json:"changes"`
}

// tellChanges tells what has changed in the catalog since it was told last.
func (s *Service) tellChanges(ctx context.Context) error {
	const name = "catalog"
	last, err := s.catalog.Sequence(ctx)
	if err != nil {
		return err
	}
	if told, err := s.told(ctx, name); err != nil || told == strconv.FormatInt(last, 10) {
		return err
	}
	return s.tell(ctx, name, func(tx *sql.Tx, told mark) (string, error) {
		// Nobody writes meanwhile, so this is what the mark is to be compared with.
		last, err := s.catalog.Sequence(ctx)
		if err != nil {
			return "", err
		}
		value := strconv.FormatInt(last, 10)
		if told.value == "" {
			return value, nil // the first look
		}
		before, err := strconv.ParseInt(told.value, 10, 64)
		if err != nil {
			return "", err
		}
		if last <= before {
			return value, nil // somebody else was faster; or a backup was restored
		}
		if since := s.store.now().Sub(told.at); since >= 0 && since < beat {
			return told.value, nil // the next one will have this
		}
		return value, s.store.Add(ctx, tx, CatalogChanged, changes{before + 1, last, last - before})
	})
}

// published is the data of ReleasePublished.
type published struct {
	Release    string    `json:"release"`
	Parent     string    `json:"parent,omitempty"`
	AsOf       time.Time `json:"as_of"`
	HorizonEnd time.Time `json:"horizon_end"`
	Documents  int       `json:"documents"`
}

// tellRelease tells which releases were published since it was told last.
func (s *Service) tellRelease(ctx context.Context) error {
	const name = "release"
	head, err := s.releases.Head(ctx)
	if err != nil || head.Current == "" {
		return err
	}
	if told, err := s.told(ctx, name); err != nil || told == head.Current {
		return err
	}
	return s.tell(ctx, name, func(tx *sql.Tx, told mark) (string, error) {
		// Others may have published and told of it since.
		looking, cancel := context.WithTimeout(ctx, headTimeout)
		defer cancel()
		head, err := s.releases.Head(looking)
		if err != nil || told.value == "" {
			return head.Current, err // the first look
		}
		for _, r := range untold(head, told.value) {
			data := published{r.ID, r.Parent, r.AsOf, r.HorizonEnd, r.Counts.Documents}
			if err := s.store.Add(ctx, tx, ReleasePublished, data); err != nil {
				return "", err
			}
		}
		return head.Current, nil
	})
}

// untold returns the releases that were published after the one that was told
// last, oldest first, up to the one that is served; only that one where they can
// not be told apart, as after a rollback.
func untold(head release.Head, last string) []release.Kept {
	at := func(id string) int {
		return slices.IndexFunc(head.Releases, func(r release.Kept) bool { return r.ID == id })
	}
	from, to := at(head.Current), at(last)
	switch {
	case from < 0 || from == to:
		return nil
	case to < from: // it is not there any more, or newer: somebody went back
		to = from + 1
	}
	list := slices.Clone(head.Releases[from:to])
	slices.Reverse(list)
	return list
}

// prune forgets deliveries that are old.
func (s *Service) prune(ctx context.Context) error {
	return s.store.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM webhook_deliveries WHERE at < $1`, stamp(s.store.now().Add(-kept)))
		return err
	})
}
