package purge

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Config says whom to tell.
type Config struct {
	// Targets are the caches: varnish:URL, nginx:URL, fastly:SERVICE:SECRET,
	// cloudflare:ZONE:SECRET.
	Targets []string
	// Journal is the file in which it stands what is to be told. Without the one
	// of an earlier process, every target is told to forget everything once.
	Journal string
}

// Service tells caches. An edge calls Prepare and Serving; any number of
// goroutines may.
type Service struct {
	journal  journal
	releases releases
	log      *slog.Logger
	lanes    []*lane
	lists    release.Lists // of the goroutine that compares
	wake     chan struct{}

	cancel  func()
	running sync.WaitGroup

	mu      sync.Mutex
	served  []served
	serving string // id of the release that the edge serves; "" before the first
	loaded  map[string]*release.Release
}

// New returns a service that has not begun. It fails, with an Invalid error, if a
// target is none.
func New(c Config, d Deps) (*Service, error) { return newService(c.Targets, file{c.Journal}, d) }

func newService(targets []string, j journal, d Deps) (*Service, error) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		journal: j, releases: d.Releases, log: d.Log,
		wake: make(chan struct{}, 1), loaded: make(map[string]*release.Release),
	}
	found, err := s.journal.read()
	if err != nil {
		d.Log.Warn("caches are told to forget everything, because it is not known what they were told", "error", err)
	}
	s.served = found.Served
	calls := newCaller(d)
	for _, text := range slices.Compact(slices.Sorted(slices.Values(targets))) {
		to, err := parse(text, calls)
		if err != nil {
			return nil, err
		}
		l := &lane{name: text, target: to, wake: make(chan struct{}, 1)}
		l.first, l.known = found.Owed[text]
		s.lanes = append(s.lanes, l)
	}
	return s, nil
}

// Start begins to tell what an earlier process left, and goes on until Stop.
func (s *Service) Start(ctx context.Context, _ func(error)) error {
	// Telling ends when Stop says so, not before.
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
				s.compare(ctx)
			}
		}
	})
	for _, l := range s.lanes {
		s.running.Go(func() { s.run(ctx, l) })
	}
	return nil
}

// Stop ends telling. What is left is in the journal.
func (s *Service) Stop(ctx context.Context) error {
	s.cancel()
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ovenbird.Errorf(ovenbird.Unavailable, "waiting for caches to answer: %w", ctx.Err())
	}
}

// Prepare notes that documents of a release will be given out. It comes before
// the first of them is. A release whose content was not read yet is read again.
func (s *Service) Prepare(next *release.Release) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := next.Ref()
	s.loaded[ref.ID] = next
	if n := len(s.served); n > 0 && s.served[n-1].Ref == ref {
		return
	}
	s.served = append(s.served, served{ref, next.Manifest().Everything()})
	s.save()
}

// Serving says that from now on the edge answers with that release alone, which
// it has prepared. It does not wait.
func (s *Service) Serving(id string) {
	s.mu.Lock()
	s.serving = id
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// save writes the journal. Who calls it holds s.mu.
func (s *Service) save() {
	r := record{Served: s.served, Owed: make(map[string]release.Outdated)}
	for _, l := range s.lanes {
		if l.known {
			r.Owed[l.name] = l.owed()
		}
	}
	if err := s.journal.write(r); err != nil {
		// Serving goes on. If the process ends before all is told, what is left ends
		// with its lifetime.
		s.log.Error("a crash would leave caches with what they must forget", "error", err)
	}
}

// compare works out what the targets have to be told, release by release.
func (s *Service) compare(ctx context.Context) {
	for {
		before, after, ok := s.step()
		if !ok {
			break
		}
		gone, err := s.outdated(ctx, before, after)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.WarnContext(ctx, "caches are told to forget everything, because releases can not be compared",
				"before", before.ID, "after", after.ID, "error", err)
			gone = before.Everything.Merge(after.Everything)
		}
		s.owe(gone)
	}
	s.mu.Lock()
	current := s.loaded[s.serving]
	s.mu.Unlock()
	if current != nil {
		// So that it need not be read when something is to be told. If it fails, it
		// fails then, too.
		_ = s.lists.Follow(ctx, current)
	}
}

// step returns the next two releases to compare: none while the second is not
// served yet. It sees to it that targets that nothing is known of forget everything.
func (s *Service) step() (before, after served, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := len(s.served) - 1
	for at >= 0 && s.served[at].ID != s.serving {
		at--
	}
	if at < 0 { // it was not prepared
		return served{}, served{}, false
	}
	for _, l := range s.lanes {
		if !l.known {
			l.known = true
			l.add(s.served[at].Everything)
		}
	}
	if at == 0 {
		return served{}, served{}, false
	}
	return s.served[0], s.served[1], true
}

// outdated returns what caches may hold of one release that another says otherwise.
func (s *Service) outdated(ctx context.Context, before, after served) (release.Outdated, error) {
	next, err := s.load(ctx, after, nil)
	if err != nil {
		return release.Outdated{}, err
	}
	old, err := s.load(ctx, before, next)
	if err != nil {
		return release.Outdated{}, err
	}
	return release.FindOutdated(ctx, old, next, &s.lists)
}

// load returns a release that was served, by this process or an earlier one.
func (s *Service) load(ctx context.Context, which served, near *release.Release) (*release.Release, error) {
	s.mu.Lock()
	loaded := s.loaded[which.ID]
	s.mu.Unlock()
	if loaded != nil {
		return loaded, nil
	}
	loaded, err := s.releases.Load(ctx, which.Ref)
	if err != nil {
		return nil, err
	}
	if near != nil {
		loaded.Share(near)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded[which.ID] = loaded
	return loaded, nil
}

// owe leaves the first of the releases that were served behind: everything that
// the second one says otherwise is to be told.
func (s *Service) owe(gone release.Outdated) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.served[0].ID
	s.served = slices.Clone(s.served[1:])
	if !slices.ContainsFunc(s.served, func(r served) bool { return r.ID == left }) {
		delete(s.loaded, left)
	}
	for _, l := range s.lanes {
		l.add(gone)
	}
	s.save()
}

// Status is how it stands with a target.
type Status struct {
	Target string `json:"target"`
	Owed   int    `json:"owed"` // keys that it has still to be told, once or a second time
	// Told is when it confirmed something last, as far as this process knows.
	Told     *time.Time `json:"told,omitempty"`
	Failures int        `json:"failures,omitempty"` // in a row
	Error    string     `json:"error,omitempty"`    // of the last of them
}

// Status returns how it stands with each target.
func (s *Service) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Status, len(s.lanes))
	for i, l := range s.lanes {
		all[i] = l.status()
	}
	return all
}
