package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ledger"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/release"
	"ovenbird/internal/webhook"
)

// system is the actor of what the program does by itself.
const system = "ovenbird"

// openLedger opens the ledger for a command, whose author is who runs it.
func (c *cli) openLedger(ctx context.Context, e *environment) (err error) {
	e.ledger, err = ledger.New(ctx, ledger.Deps{DB: e.database, Feed: catalogFeed{}, Author: c.author(ctx)})
	return err
}

// keeper returns what signs the ledger. Its key lies with the environment's data,
// and is made when something is to be signed for the first time.
func (e *environment) keeper(log *slog.Logger) *ledger.Keeper {
	name := e.settings.Name
	return ledger.NewKeeper(ledger.KeeperConfig{Environment: name}, ledger.KeeperDeps{
		Ledger: e.ledger, Bucket: e.bucket, Log: log,
		Key: e.ledgerKey,
	})
}

func (e *environment) ledgerKey() (ledger.Key, error) {
	return ledger.LoadKey(e.ledgerKeyPath(), e.settings.Name)
}

func (e *environment) ledgerKeyPath() string { return filepath.Join(e.dir, "ledger.key") }

// catalogFeed is the catalog's feed of changes, for the ledger.
type catalogFeed struct{}

// SequenceIn returns the number of the last change.
func (catalogFeed) SequenceIn(ctx context.Context, tx *sql.Tx) (int64, error) {
	return catalog.SequenceIn(ctx, tx)
}

// EachWritten reads changes as the table has them.
func (catalogFeed) EachWritten(
	ctx context.Context, tx *sql.Tx, after int64, limit int, fn func(int64, []sql.NullString) error,
) error {
	return catalog.EachWritten(ctx, tx, after, limit, fn)
}

// Find reads changes as entries of the audit.
func (catalogFeed) Find(ctx context.Context, tx *sql.Tx, f ledger.Filter, before int64, limit int) ([]ledger.Entry, error) {
	list, err := catalog.FindIn(ctx, tx, catalog.FeedFilter{
		Since: f.Since, Until: f.Until, Actor: f.Actor, ID: f.Target, Before: before,
	}, limit)
	entries := make([]ledger.Entry, 0, len(list))
	for _, c := range list {
		entries = append(entries, ledger.Entry{
			Chain: ledger.Feed, Sequence: c.Sequence, At: c.At, Actor: c.Actor, Action: string(c.Type) + "." + verbs[c.Action],
			Target: c.ID, Before: json.RawMessage(c.Before), After: json.RawMessage(c.After),
		})
	}
	return entries, err
}

// verbs are what the audit calls the catalog's actions: like those of the ledger.
var verbs = map[catalog.Action]string{catalog.Created: "create", catalog.Updated: "update", catalog.Deleted: "delete"}

// changeHead changes the head of the releases and records that, with what it said
// before and after. The head is not in the database, so the record follows it.
func (e *environment) changeHead(ctx context.Context, event ledger.Event, change func() (release.Head, error)) error {
	before, err := e.releases.Head(ctx)
	if err != nil {
		return err
	}
	after, err := change()
	if err != nil || after.Version() == before.Version() {
		return err
	}
	event.Before, event.After = before.Sum(event.Target), after.Sum(event.Target)
	return e.ledger.Add(ctx, event)
}

// recording records what a process that is up does by itself, and signs the
// ledger. It is a lifecycle service.
type recording struct {
	environment *environment
	log         *slog.Logger
	keeper      *ledger.Keeper
	published   chan struct{} // holds one when a release may be new
	recorded    []string      // ids of releases that have a record
	stop        context.CancelFunc
	done        chan struct{}
}

// openRecording opens the ledger for a process that is up, and records what it
// runs where that is another thing than the last one did.
func (c *cli) openRecording(ctx context.Context, e *environment, log *slog.Logger) (*recording, error) {
	by := c.author(ctx)
	if err := e.openLedgerAs(ctx, ledger.Author{Name: system, Commit: by.Commit, Dirty: by.Dirty}); err != nil {
		return nil, err
	}
	r := &recording{environment: e, log: log, keeper: e.keeper(log), published: make(chan struct{}, 1), done: make(chan struct{})}
	return r, e.recordSettings(ctx, by)
}

// openRecords opens the ledger, and the webhooks, whose changes it records.
func (c *cli) openRecords(ctx context.Context, e *environment, log *slog.Logger) (*recording, *webhook.Service, error) {
	records, err := c.openRecording(ctx, e, log)
	if err != nil {
		return nil, nil, err
	}
	hooks, err := e.openWebhooks(ctx, log)
	return records, hooks, err
}

func (e *environment) openLedgerAs(ctx context.Context, author ledger.Author) (err error) {
	e.ledger, err = ledger.New(ctx, ledger.Deps{DB: e.database, Feed: catalogFeed{}, Author: author})
	return err
}

// running is what of an environment's site and settings decides what viewers get.
type running struct {
	Site                    string        `json:"site"` // hash of its configuration
	Keep                    int           `json:"keep"`
	Shrink                  float64       `json:"shrink"`
	Every                   time.Duration `json:"every_ns"`
	MaxConnections          int           `json:"max_connections"`
	MaxConnectionsPerClient int           `json:"max_connections_per_client"`
	Drain                   time.Duration `json:"drain_ns"`
}

// settingsAction is the action of records of what is run.
const settingsAction = "environment.configure"

// recordSettings records site and limits where they are not those of the last time.
func (e *environment) recordSettings(ctx context.Context, by ledger.Author) error {
	content, s := &e.site.Content, e.settings
	now := running{
		Site: content.Hash, Keep: content.Releases.Keep, Shrink: content.Releases.Shrink, Every: content.Schedule.Every,
		MaxConnections: s.MaxConnections, MaxConnectionsPerClient: s.MaxConnectionsPerClient, Drain: s.Drain,
	}
	encoded, err := json.Marshal(now)
	if err != nil {
		return err
	}
	last, there, err := e.ledger.Last(ctx, settingsAction)
	if err != nil || there && bytes.Equal(last.After, encoded) {
		return err
	}
	event := ledger.Event{Action: settingsAction, Target: s.Name, Author: by, After: now}
	if there {
		event.Before = last.After
	}
	return e.ledger.Add(ctx, event)
}

// addTo adds it to what runs: before what changes anything, so that it ends behind
// it and signs the last of it.
func (r *recording) addTo(group *lifecycle.Group) {
	group.Add("ledger", r.keeper)
	group.Add("records of releases", r)
}

// notify says that a release was published.
func (r *recording) notify() {
	select {
	case r.published <- struct{}{}:
	default:
	}
}

// Start begins to record releases, first those that a process that was killed
// did not come to.
func (r *recording) Start(ctx context.Context, _ func(error)) error {
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.notify()
	go func() {
		defer close(r.done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.published:
			}
			r.record(ctx)
		}
	}()
	return nil
}

// Stop records what was published last, and ends.
func (r *recording) Stop(ctx context.Context) error {
	r.stop()
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.record(ctx)
	return nil
}

// record records releases. One that could not be recorded is the next time.
func (r *recording) record(ctx context.Context) {
	recorded, err := r.environment.recordReleases(ctx, r.recorded)
	if err != nil {
		if ctx.Err() == nil {
			r.log.ErrorContext(ctx, "a release is not recorded yet in the ledger", "error", err)
		}
		return
	}
	r.recorded = recorded
}

// published is what the ledger keeps of a release.
type published struct {
	Root      string    `json:"root"`
	Parent    string    `json:"parent,omitempty"`
	AsOf      time.Time `json:"as_of"`
	Created   time.Time `json:"created_at"`
	Sequence  int64     `json:"catalog_sequence"`
	Site      string    `json:"site"`
	Documents int       `json:"documents"`
}

// recordReleases records the releases in the head that have no record yet, oldest
// first, whichever process has published them. known are ids that need not be
// looked up; it returns those of the next time.
func (e *environment) recordReleases(ctx context.Context, known []string) ([]string, error) {
	head, err := e.releases.Head(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, kept := range slices.Backward(head.Releases) {
		ids = append(ids, kept.ID)
		if slices.Contains(known, kept.ID) {
			continue
		}
		loaded, err := e.releases.Load(ctx, kept.Ref)
		if err != nil {
			return nil, err
		}
		m := loaded.Manifest()
		err = e.ledger.AddOnce(ctx, ledger.Event{Action: "release.publish", Target: kept.ID, After: published{
			Root: kept.Root.String(), Parent: kept.Parent, AsOf: kept.AsOf, Created: kept.CreatedAt, Sequence: m.CatalogSequence,
			Site: m.Site, Documents: kept.Counts.Documents,
		}})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// restoring runs what makes the database another one, and declares that in the
// ledger: before, so that a kill in between leaves no riddle, and afterwards.
func (c *cli) restoring(ctx context.Context, e *environment, why string, restore func() error) error {
	if err := c.openLedger(ctx, e); err != nil {
		return err
	}
	keeper := e.keeper(nil)
	if err := keeper.Announce(ctx, why); err != nil {
		return err
	}
	if err := restore(); err != nil {
		// Nothing was restored: what was announced is over.
		_, closing := keeper.Checkpoint(context.WithoutCancel(ctx))
		return errors.Join(err, closing)
	}
	_, err := keeper.Restored(ctx)
	return err
}
