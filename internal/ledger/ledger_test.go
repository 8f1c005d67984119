package ledger_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
)

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is the time: each look at it is a second later.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
	return c.now
}

// feed is the catalog's feed, as the program connects it.
type feed struct{}

func (feed) SequenceIn(ctx context.Context, tx *sql.Tx) (int64, error) {
	return catalog.SequenceIn(ctx, tx)
}

func (feed) EachWritten(ctx context.Context, tx *sql.Tx, after int64, limit int, fn func(int64, []sql.NullString) error) error {
	return catalog.EachWritten(ctx, tx, after, limit, fn)
}

func (feed) Find(ctx context.Context, tx *sql.Tx, f ledger.Filter, before int64, limit int) ([]ledger.Entry, error) {
	list, err := catalog.FindIn(ctx, tx, catalog.FeedFilter{
		Since: f.Since, Until: f.Until, Actor: f.Actor, ID: f.Target, Before: before,
	}, limit)
	var entries []ledger.Entry
	for _, c := range list {
		entries = append(entries, ledger.Entry{
			Chain: ledger.Feed, Sequence: c.Sequence, At: c.At, Actor: c.Actor, Action: string(c.Type) + "." + string(c.Action), Target: c.ID,
		})
	}
	return entries, err
}

// world is one process in an environment.
type world struct {
	*ledger.Store
	t       testing.TB
	at      database.Config
	db      *database.DB
	catalog *catalog.Store
	bucket  *bucket.Bucket
	keyPath string
	keeper  *ledger.Keeper
}

func newWorld(t testing.TB) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a database")
	}
	objects, err := bucket.Open(t.Context(), bucket.Config{URL: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = objects.Close() })
	return open(t, databasetest.Empty(t), objects, filepath.Join(t.TempDir(), "ledger.key"))
}

func open(t testing.TB, at database.Config, objects *bucket.Bucket, keyPath string) *world {
	t.Helper()
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{t: t, at: at, db: db, bucket: objects, keyPath: keyPath}
	c := &clock{now: noon}
	if w.catalog, err = catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db, Now: c.Now}); err != nil {
		t.Fatal(err)
	}
	w.Store, err = ledger.New(t.Context(), ledger.Deps{
		DB: db, Feed: feed{}, Author: ledger.Author{Name: "ada", Commit: "c0ffee", Dirty: true}, Now: c.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.keeper = ledger.NewKeeper(ledger.KeeperConfig{Environment: "test"}, ledger.KeeperDeps{
		Ledger: w.Store, Bucket: objects, Key: func() (ledger.Key, error) { return ledger.LoadKey(keyPath, "test") },
	})
	return w
}

// add records events.
func (w *world) add(targets ...string) {
	w.t.Helper()
	for _, target := range targets {
		err := w.Add(context.Background(), ledger.Event{Action: "thing.change", Target: target, Before: 1, After: map[string]int{"n": 2}})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// edit writes titles, one edit each.
func (w *world) edit(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		r, err := catalog.ParseRecord(fmt.Appendf(nil, `{"type":"title","id":%q,"kind":"movie"}`, id))
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.catalog.Apply(context.Background(), catalog.Batch{Actor: "ed", Records: []catalog.Record{r}, Atomic: true}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) checkpoint() *ledger.Note {
	w.t.Helper()
	n, err := w.keeper.Checkpoint(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) execute(statement string, args ...any) {
	w.t.Helper()
	err := w.db.Tx(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.Background(), statement, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) verify(cfg ledger.VerifyConfig) *ledger.Report {
	w.t.Helper()
	cfg.Environment = "test"
	r, err := ledger.Verify(context.Background(), cfg, w.Store, w.bucket)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// good fails the test where something is found.
func (w *world) good() *ledger.Report {
	w.t.Helper()
	r := w.verify(ledger.VerifyConfig{})
	if !r.Good() {
		w.t.Fatalf("nothing was touched, and found is %+v", r.Findings)
	}
	return r
}

// finds fails the test where what is found is not what there is.
func (w *world) finds(want ...ledger.Finding) {
	w.t.Helper()
	got := w.verify(ledger.VerifyConfig{}).Findings
	for i := range got {
		got[i].What = ""
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("found\n%+v\nwant\n%+v", got, want)
	}
}

func finding(where string, kind ledger.Kind, first, last int64) ledger.Finding {
	return ledger.Finding{Where: where, Kind: kind, First: first, Last: last}
}

func TestARecordSaysWhoWhatWhenFromWhichCommitBeforeAndAfter(t *testing.T) {
	w := newWorld(t)
	w.add("x")
	e, err := w.Get(t.Context(), ledger.Ledger, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Hash) != 64 {
		t.Errorf("the hash is %q", e.Hash)
	}
	e.Hash = ""
	got, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"chain":"ledger","sequence":1,"at":"2026-03-01T12:00:01Z","actor":"ada","action":"thing.change","target":"x",` +
		`"commit":"c0ffee","dirty":true,"before":1,"after":{"n":2}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheContextSaysWhoActsUnlessTheEventDoes(t *testing.T) {
	w := newWorld(t)
	ctx := ledger.By(t.Context(), "token")
	for _, e := range []ledger.Event{{Action: "a.b"}, {Action: "a.b", Author: ledger.Author{Name: "eve"}}} {
		if err := w.Add(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	list, _, err := w.List(t.Context(), ledger.Filter{}, ledger.Position{}, 9)
	if err != nil || len(list) != 2 || list[1].Actor != "token" || list[0].Actor != "eve" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestARecordIsCommittedWithItsChangeOrNotAtAll(t *testing.T) {
	w := newWorld(t)
	w.add("kept")
	broken := errors.New("broken")
	err := w.db.Tx(t.Context(), func(tx *sql.Tx) error {
		return errors.Join(w.Append(t.Context(), tx, ledger.Event{Action: "a.b"}), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	w.add("next")
	if r := w.good(); r.Ledger.Sequence != 2 {
		t.Errorf("there are %d records, want 2", r.Ledger.Sequence)
	}
}

func TestBothChainsAreListedTogetherNewestFirst(t *testing.T) {
	w := newWorld(t)
	w.add("a")
	w.edit("t1")
	w.edit("t2", "t3")
	w.add("b")
	var got []string
	var from ledger.Position
	for range 3 {
		list, next, err := w.List(t.Context(), ledger.Filter{}, from, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			got = append(got, fmt.Sprintf("%s %d %s", e.Chain, e.Sequence, e.Target))
		}
		from = next
	}
	want := []string{"ledger 2 b", "feed 3 t3", "feed 2 t2", "feed 1 t1", "ledger 1 a"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	w.add("a", "b")
	w.edit("a")
	for _, f := range []struct {
		name   string
		filter ledger.Filter
		want   int
	}{
		{"nothing", ledger.Filter{}, 3},
		{"actor", ledger.Filter{Actor: "ed"}, 1},
		{"target", ledger.Filter{Target: "a"}, 2},
		{"action", ledger.Filter{Action: "thing.*"}, 2},
		{"any create", ledger.Filter{Action: "*.created"}, 1},
		{"since", ledger.Filter{Since: noon.Add(2 * time.Second)}, 2},
		{"until", ledger.Filter{Until: noon.Add(2 * time.Second)}, 1},
		{"none", ledger.Filter{Actor: "nobody"}, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			list, _, err := w.List(context.Background(), f.filter, ledger.Position{}, 9)
			if err != nil || len(list) != f.want {
				t.Errorf("got %d, want %d: %+v %v", len(list), f.want, list, err)
			}
		})
	}
	if _, _, err := w.List(t.Context(), ledger.Filter{Action: "["}, ledger.Position{}, 9); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("a pattern that is none: %v", err)
	}
}

func TestTwoProcessesAppendToOneChain(t *testing.T) {
	w := newWorld(t)
	other := open(t, w.at, w.bucket, w.keyPath)
	var group sync.WaitGroup
	for i, p := range []*world{w, other, w, other} {
		group.Go(func() {
			for n := range 25 {
				p.add(fmt.Sprint(i, n))
				if n%8 == i {
					if _, err := p.keeper.Checkpoint(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	w.checkpoint()
	r := w.good()
	if r.Ledger.Sequence != 101 { // and the record of the key, of which there is one
		t.Errorf("there are %d records", r.Ledger.Sequence)
	}
	if r.Records != 0 {
		t.Errorf("%d records are not signed", r.Records)
	}
}

func TestACheckpointIsMadeWhereSomethingIsNew(t *testing.T) {
	w := newWorld(t)
	if n := w.checkpoint(); n != nil {
		t.Errorf("nothing happened, and there is %s", n.Body)
	}
	w.edit("t1")
	first := w.checkpoint()
	again := w.checkpoint()
	if first.Number != 1 || again.Number != 1 {
		t.Errorf("checkpoints %d and %d, want 1 and 1", first.Number, again.Number)
	}
	w.add("x")
	if n := w.checkpoint(); n.Number != 2 || n.Feed != first.Feed || n.Ledger == first.Ledger {
		t.Errorf("got %s", n.Body)
	}
	w.good()
}

func TestTheKeeperSignsWhenItStops(t *testing.T) {
	w := newWorld(t)
	if err := w.keeper.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.add("x")
	if err := w.keeper.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := w.good(); r.Checkpoint == 0 || r.Records != 0 {
		t.Errorf("checkpoint %d, %d records unsigned", r.Checkpoint, r.Records)
	}
}

// What a kill between the two writes of a checkpoint leaves is taken up.
func TestAKilledKeeperLeavesNothingInTheWay(t *testing.T) {
	w := newWorld(t)
	w.add("x")
	w.checkpoint()
	before := w.read(latest)
	w.add("y")
	w.checkpoint()
	w.execute(`UPDATE ledger_head SET checkpoint = 1`)
	w.put(latest, before)
	w.good()
	w.add("z")
	if n := w.checkpoint(); n.Number != 3 {
		t.Errorf("checkpoint %d, want 3", n.Number)
	}
	w.good()
}

func TestManyEditsAreSealedInBatches(t *testing.T) {
	w := newWorld(t)
	var records []catalog.Record
	for i := range 2500 {
		r, err := catalog.ParseRecord(fmt.Appendf(nil, `{"type":"title","id":"t%d","kind":"movie"}`, i))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	if _, err := w.catalog.Apply(t.Context(), catalog.Batch{Actor: "import", Records: records}); err != nil {
		t.Fatal(err)
	}
	if r := w.good(); r.Changes != 2500 {
		t.Errorf("%d edits wait to be signed", r.Changes)
	}
	if n := w.checkpoint(); n.Feed.Sequence != 2500 {
		t.Errorf("sealed up to %d", n.Feed.Sequence)
	}
	w.good()
	w.execute(`UPDATE changes SET actor = 'somebody else' WHERE sequence = 1234`)
	w.finds(finding("change", ledger.Edited, 1234, 1234))
}
