package importer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/importer"
)

// place is an environment: a catalog with a ledger, and folders.
type place struct {
	dir    string
	store  *catalog.Store
	ledger *importer.Ledger
}

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	db, err := database.Open(t.Context(), databasetest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store, err := catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db, Now: func() time.Time { return time.Unix(0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := importer.OpenLedger(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return place{dir, store, ledger}
}

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t, "-rapid.checks=3", "-test.short") }

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

func (p place) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(p.file(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run imports a file of the place, into the catalog or through another.
func (p place) run(t *testing.T, cfg importer.Config, name string, through any) (importer.Report, error) {
	t.Helper()
	cfg.StateDir, cfg.RejectsPath = p.file("state"), p.file("rejects")
	deps := importer.Deps{Catalog: p.store, Ledger: p.ledger}
	if failing, ok := through.(*failing); ok {
		deps.Catalog = failing
	}
	imports, err := importer.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	source, closer, err := importer.Open(p.file(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close() //nolint:errcheck // it was only read
	return imports.Run(t.Context(), source, nil)
}

// end is where a place has come to: its feed, without times, and its rejects.
func (p place) end(t *testing.T) string {
	t.Helper()
	changes, err := p.store.Changes(t.Context(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintln(&b, c.Sequence, c.Actor, c.Type, c.ID, c.Action, string(c.Before), string(c.After))
	}
	refused, err := os.ReadFile(p.file("rejects"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return b.String() + strings.ReplaceAll(string(refused), p.dir, "")
}

// failing is a catalog that fails with one of its batches, before or after it
// has committed it.
type failing struct {
	*catalog.Store
	at        int
	committed bool
	calls     int
}

var errPower = errors.New("the power went")

func (f *failing) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	f.calls++
	if f.calls != f.at {
		return f.Store.Apply(ctx, b)
	}
	if f.committed {
		if _, err := f.Store.Apply(ctx, b); err != nil {
			return nil, err
		}
	}
	return nil, errPower
}

// troubles is a file with what makes going on hard: children before parents,
// bad lines, repeated and contradicting ones, merges.
func troubles() string {
	var b strings.Builder
	for i := range 24 {
		fmt.Fprintf(&b, `{"type":"title","id":"e%d","kind":"episode","parent":"s%d"}`+"\n", i, i%7)
		fmt.Fprintf(&b, `{"type":"license","id":"l%d","title":"r%d","territories":["FI"],"applications":["*"],"model":"svod"}`+"\n", i, i%5)
		fmt.Fprintf(&b, `{"type":"title","id":"m%d","kind":"movie"}`+"\n", i%12)
		fmt.Fprintf(&b, `{"type":"title","id":"m%d","op":"merge","year":%d}`+"\n", i%12, 1990+i)
		fmt.Fprintf(&b, `{"type":"title","id":"m%d","kind":"movie","year":7}`+"\n", i%3)
		fmt.Fprintf(&b, "nonsense %d\n\n", i)
	}
	for i := range 7 {
		fmt.Fprintf(&b, `{"type":"title","id":"s%d","kind":"season","parent":"r%d"}`+"\n", i, i%4)
	}
	for i := range 4 {
		fmt.Fprintf(&b, `{"type":"title","id":"r%d","kind":"series"}`+"\n", i)
	}
	return b.String()
}

// Wherever an import breaks off, doing it again ends like one that did not.
func TestAnInterruptedImportGoesOnFromItsLastBatch(t *testing.T) {
	cfg := importer.Config{BatchSize: 25, Source: "studio"}
	whole := newPlace(t)
	whole.write(t, "in.ndjson", troubles())
	counting := &failing{Store: whole.store}
	want, err := whole.run(t, cfg, "in.ndjson", counting)
	if err != nil {
		t.Fatal(err)
	}
	if want.Rejected == 0 || want.Changed == 0 || want.Resumed != 0 {
		t.Fatalf("the file is too easy: %+v", want)
	}
	for at := 1; at <= counting.calls; at++ {
		for _, committed := range []bool{false, true} {
			p := newPlace(t)
			p.write(t, "in.ndjson", troubles())
			if _, err := p.run(t, cfg, "in.ndjson", &failing{Store: p.store, at: at, committed: committed}); !errors.Is(err, errPower) {
				t.Fatalf("batch %d: %v", at, err)
			}
			got, err := p.run(t, cfg, "in.ndjson", nil)
			if err != nil || got.Restarted != "" || got.Resumed == 0 && (at > 1) {
				t.Fatalf("batch %d, committed %t: %+v, %v", at, committed, got, err)
			}
			if p.end(t) != whole.end(t) {
				t.Errorf("batch %d, committed %t: it ends with\n%s\nwant\n%s", at, committed, p.end(t), whole.end(t))
			}
			if got.Resumed = 0; got.Rows != want.Rows || got.Rejected != want.Rejected || got.Records != want.Records || got.Waiting != 0 {
				t.Errorf("batch %d, committed %t: reported\n%+v, want\n%+v", at, committed, got, want)
			}
			if left, _ := os.ReadDir(p.file("state")); len(left) != 0 {
				t.Errorf("batch %d: %v is left", at, left)
			}
		}
	}
}

func TestAnImportStartsAgainWhereGoingOnWouldBeWrong(t *testing.T) {
	lines := func(n int, more string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"type":"title","id":"m%03d","kind":"movie"%s}`+"\n", i, more)
		}
		return b.String()
	}
	for name, change := range map[string]func(t *testing.T, p place, cfg *importer.Config){
		"": func(*testing.T, place, *importer.Config) {},
		"the file has changed": func(t *testing.T, p place, _ *importer.Config) {
			t.Helper()
			p.write(t, "in", lines(100, `,"year":2001`))
		},
		"another size": func(t *testing.T, p place, _ *importer.Config) {
			t.Helper()
			p.write(t, "in", lines(101, `,"year":2002`))
		},
		"another mapping or other": func(_ *testing.T, _ place, cfg *importer.Config) { cfg.LineBytes = 1000 },
		"set aside is gone": func(t *testing.T, p place, _ *importer.Config) {
			t.Helper()
			if err := os.RemoveAll(p.file("state")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		p := newPlace(t)
		cfg := importer.Config{BatchSize: 10}
		p.write(t, "in", "nonsense\n"+lines(100, `,"year":2002`))
		if name == "the file has changed" {
			p.write(t, "in", lines(100, `,"year":2002`))
		}
		if _, err := p.run(t, cfg, "in", &failing{Store: p.store, at: 5}); !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		change(t, p, &cfg)
		report, err := p.run(t, cfg, "in", nil)
		if err != nil || !strings.Contains(report.Restarted, name) || (name == "") != (report.Restarted == "") || (name == "") != (report.Resumed > 0) {
			t.Errorf("%q: %+v, %v", name, report, err)
		}
		if report.Accepted < 100 {
			t.Errorf("%q: %d records accepted", name, report.Accepted)
		}
	}
}

// An import that ended begins from the start when it is run again.
func TestAnImportThatEndedLeavesNothingToGoOnFrom(t *testing.T) {
	p := newPlace(t)
	p.write(t, "in", troubles())
	for range 2 {
		report, err := p.run(t, importer.Config{BatchSize: 10}, "in", nil)
		if err != nil || report.Resumed != 0 || report.Restarted != "" {
			t.Errorf("%+v, %v", report, err)
		}
	}
}
