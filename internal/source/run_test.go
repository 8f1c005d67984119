package source

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

// house is a catalog with a source that it follows.
type house struct {
	t       *testing.T
	dir     string
	catalog catalogStore
	records *catalog.Store
	store   *Store
	ledger  *importer.Ledger
	source  site.Source
	batch   int
	now     time.Time
}

const titlesMapping = `
empty: [infinity]
records:
  - type: title
    id: "{id}"
    kind: movie
    year: "{year}"
    texts: {name: {en: "{name}"}}
`

const licensesMapping = `
records:
  - type: license
    id: "{id}"
    title: "{title}"
    territories: ["{territory}"]
    applications: ["*"]
    model: svod
    end: {from: "{ends}", layout: "2006-01-02", zone: Europe/Helsinki, end: inclusive}
`

func newHouse(t *testing.T, source site.Source) *house {
	t.Helper()
	dir := t.TempDir()
	db, err := database.Open(t.Context(), databasetest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{t: t, dir: dir, source: source, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if h.records, err = catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db}); err != nil {
		t.Fatal(err)
	}
	h.catalog = h.records
	if h.store, err = OpenStore(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if h.ledger, err = importer.OpenLedger(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	h.file("titles.yaml", titlesMapping)
	h.file("licenses.yaml", licensesMapping)
	return h
}

// file writes a file of the site and returns its path.
func (h *house) file(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// follow is a source on a database with the tables titles and licenses.
func follow(t *testing.T, s server) *house {
	t.Helper()
	t.Setenv("CMS", s.address)
	mustExec(t, s.db,
		"CREATE TABLE titles (id VARCHAR(20) NOT NULL PRIMARY KEY, name VARCHAR(100), year INTEGER, note VARCHAR(100))",
		"CREATE TABLE licenses (id VARCHAR(20) NOT NULL PRIMARY KEY, title VARCHAR(20), territory VARCHAR(10), ends DATE)")
	for i := range 10 {
		mustExec(t, s.db, fmt.Sprintf("INSERT INTO titles VALUES ('t%d', 'Title %d', 200%d, 'x')", i, i, i),
			fmt.Sprintf("INSERT INTO licenses VALUES ('l%d', 't%d', 'FI', NULL)", i, i))
	}
	h := newHouse(t, site.Source{})
	where := "CMS"
	if s.name == "SQLite" {
		where = s.address
	}
	h.source = site.Source{
		Name: "cms", Database: where, Timeout: time.Minute, Rows: 1000, Shrink: 0.2,
		Queries: []site.Query{
			{Name: "titles", SQL: "SELECT * FROM titles", Mapping: filepath.Join(h.dir, "titles.yaml")},
			{Name: "licenses", SQL: "SELECT * FROM licenses", Mapping: filepath.Join(h.dir, "licenses.yaml")},
		},
	}
	return h
}

// run runs the source, as a new process would.
func (h *house) run(allow bool) Outcome {
	h.t.Helper()
	outcome, err := h.try(h.t.Context(), allow)
	if err != nil {
		h.t.Fatal(err)
	}
	return outcome
}

func (h *house) try(ctx context.Context, allow bool) (Outcome, error) {
	h.t.Helper()
	f, err := newFollower(h.source, &Config{Dir: h.dir, TempDir: h.t.TempDir(), BatchSize: h.batch, Environment: os.LookupEnv})
	if err != nil {
		h.t.Fatal(err)
	}
	h.now = h.now.Add(10 * time.Minute)
	r := &runner{follower: f, store: h.store, ledger: h.ledger, catalog: h.catalog, now: func() time.Time { return h.now }}
	outcome, err := r.run(ctx, Request{Source: h.source.Name, Reason: "test", Allow: allow})
	if left, _ := filepath.Glob(filepath.Join(f.tempDir, "*")); len(left) > 0 {
		h.t.Errorf("a run leaves %v", left)
	}
	return outcome, err
}

// expect runs the source and checks how that ends.
func (h *house) expect(status Status, changed, vanished int64, why string) Outcome {
	h.t.Helper()
	o := h.run(false)
	h.check(o, status, changed, vanished, why)
	return o
}

func (h *house) check(o Outcome, status Status, changed, vanished int64, why string) {
	h.t.Helper()
	if o.Status != status || o.Changed != changed || o.Vanished != vanished || !strings.Contains(strings.Join(o.Why, "\n"), why) ||
		(why == "") != (len(o.Why) == 0) {
		h.t.Errorf("the run ended %s with %d changed and %d vanished, because of %q; want %s, %d, %d, %q (refusals %v)",
			o.Status, o.Changed, o.Vanished, o.Why, status, changed, vanished, why, o.Refusals)
	}
}

func (h *house) snapshot() *ovenbird.Snapshot {
	h.t.Helper()
	s, err := h.records.Snapshot(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *house) name(id ovenbird.TitleID) string {
	h.t.Helper()
	title := h.snapshot().Titles[id]
	if title == nil {
		return ""
	}
	return title.Texts[ovenbird.Name]["en"]
}

func (h *house) has(titles, licenses int) {
	h.t.Helper()
	s := h.snapshot()
	found := 0
	for _, list := range s.Licenses {
		found += len(list)
	}
	if len(s.Titles) != titles || found != licenses {
		h.t.Errorf("the catalog has %d titles and %d licenses, want %d and %d", len(s.Titles), found, titles, licenses)
	}
}

func (h *house) apply(lines ...string) {
	h.t.Helper()
	var records []catalog.Record
	for _, line := range lines {
		record, err := catalog.ParseRecord([]byte(line))
		if err != nil {
			h.t.Fatal(err)
		}
		records = append(records, record)
	}
	if _, err := h.records.Apply(h.t.Context(), catalog.Batch{Actor: "editor", Records: records, Atomic: true}); err != nil {
		h.t.Fatal(err)
	}
}

func TestOnlyDifferencesReachTheCatalogWithWhoAndWhen(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			h := follow(t, s)
			h.expect(Changed, 20, 0, "")
			h.has(10, 10)
			h.expect(Unchanged, 0, 0, "")
			mustExec(t, s.db, "UPDATE titles SET name = 'Ääni é' WHERE id = 't3'", "UPDATE titles SET note = 'y'",
				"DELETE FROM licenses WHERE id = 'l5'", "DELETE FROM titles WHERE id = 't5'",
				"UPDATE licenses SET ends = '2026-07-01' WHERE id = 'l1'",
				"INSERT INTO titles VALUES ('new', 'New', NULL, NULL)")
			before, err := h.catalog.Sequence(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h.expect(Changed, 3, 2, "")
			h.has(10, 9)
			if name := h.name("t3"); name != "Ääni é" {
				t.Errorf("the name is %q", name)
			}
			changes, err := h.catalog.Changes(t.Context(), before, 100)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range changes {
				got = append(got, fmt.Sprintf("%s %s %s %s", c.Actor, c.Action, c.Type, c.ID))
			}
			slices.Sort(got)
			want := []string{
				"source:cms created title new", "source:cms deleted license l5", "source:cms deleted title t5",
				"source:cms updated license l1", "source:cms updated title t3",
			}
			if !slices.Equal(got, want) {
				t.Errorf("the feed has %q, want %q", got, want)
			}
			h.expect(Unchanged, 0, 0, "")
		})
	}
}

// A time without a zone gets that of the mapping, one with a zone needs none.
func TestTimesKeepTheRulesOfMappings(t *testing.T) {
	zoned := map[string]string{"PostgreSQL": "TIMESTAMPTZ", "MariaDB": "TIMESTAMP NULL", "SQLite": "TEXT"}
	values := map[string]string{
		"PostgreSQL": "'2026-07-01 00:00:00+03'", "MariaDB": "'2026-07-01 02:30:00'", // its zone is +05:30
		"SQLite": "'2026-07-01T00:00:00+03:00'",
	}
	plain := map[string]string{"PostgreSQL": "TIMESTAMP", "MariaDB": "DATETIME", "SQLite": "DATETIME"}
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			h := follow(t, s)
			mustExec(t, s.db, "CREATE TABLE times (id VARCHAR(9), begins "+zoned[s.name]+", ends "+plain[s.name]+")",
				"INSERT INTO times VALUES ('l1', "+values[s.name]+", '2026-08-01 00:00:00')")
			h.source.Queries[1] = site.Query{Name: "times", SQL: "SELECT * FROM times", Mapping: h.file("times.yaml", `
records:
  - type: license
    id: "{id}"
    title: t1
    territories: [FI]
    applications: ["*"]
    model: svod
    start: "{begins}"
    end: {from: "{ends}", layout: "2006-01-02 15:04:05", zone: Europe/Helsinki}
`)}
			h.expect(Changed, 11, 0, "")
			window := h.snapshot().Licenses["t1"][0].Window
			if got := window.Start.Format(time.RFC3339) + " " + window.End.Format(time.RFC3339); got != "2026-06-30T21:00:00Z 2026-07-31T21:00:00Z" {
				t.Errorf("the window is %s", got)
			}
		})
	}
}

func TestASourceThatFailsLeavesTheLastGoodContent(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			h := follow(t, s)
			h.expect(Changed, 20, 0, "")
			// The first query is read, with a change, before the second fails.
			mustExec(t, s.db, "UPDATE titles SET name = 'Changed'", "ALTER TABLE licenses RENAME TO rights")
			h.expect(Failed, 0, 0, "query licenses: ")
			if name := h.name("t3"); name != "Title 3" {
				t.Errorf("a run that failed changed a name to %q", name)
			}
			state, err := h.store.State(t.Context(), "cms")
			if err != nil || state.Last.Status != Failed || state.Good == nil || state.Good.Records != 20 || state.Held != nil {
				t.Errorf("the state is %+v, %v", state, err)
			}
			mustExec(t, s.db, "ALTER TABLE rights RENAME TO licenses")
			h.expect(Changed, 10, 0, "")
			h.has(10, 10)
		})
	}
}

func TestASourceThatShrinksIsHeldUntilAPersonAllowsThatMuch(t *testing.T) {
	h := follow(t, sqliteServer(t))
	s := server{db: openSource(t, h)}
	h.expect(Changed, 20, 0, "")
	mustExec(t, s.db, "DELETE FROM licenses WHERE id IN ('l0', 'l1', 'l2')", "UPDATE titles SET name = 'Changed' WHERE id = 't9'")
	first := h.expect(Stopped, 0, 0, "3 of 10 license records vanished")
	h.expect(Stopped, 0, 0, "3 of 10 license records vanished")
	h.has(10, 10)
	state, err := h.store.State(t.Context(), "cms")
	if err != nil || state.Held == nil || !state.Held.At.Equal(first.At) {
		t.Errorf("it is held %+v, %v, want since %s", state.Held, err, first.At)
	}
	if name := h.name("t9"); name != "Title 9" {
		t.Errorf("a run that is held changed a name to %q", name)
	}
	// It has become worse since the person looked: that was not allowed.
	mustExec(t, s.db, "DELETE FROM licenses WHERE id IN ('l3', 'l4')")
	h.check(h.run(true), Stopped, 0, 0, "5 of 10 license records vanished")
	h.check(h.run(true), Changed, 1, 5, "")
	h.has(10, 5)
	h.expect(Unchanged, 0, 0, "")
	if state, err = h.store.State(t.Context(), "cms"); err != nil || state.Held != nil {
		t.Errorf("it is held still: %+v, %v", state.Held, err)
	}
}

func TestASourceThatComesBackIsHeldNoMore(t *testing.T) {
	h := follow(t, sqliteServer(t))
	db := openSource(t, h)
	h.expect(Changed, 20, 0, "")
	mustExec(t, db, "CREATE TABLE away AS SELECT * FROM licenses", "DELETE FROM licenses")
	h.expect(Stopped, 0, 0, "10 of 10 license records vanished")
	mustExec(t, db, "INSERT INTO licenses SELECT * FROM away")
	h.expect(Unchanged, 0, 0, "")
	if state, err := h.store.State(t.Context(), "cms"); err != nil || state.Held != nil {
		t.Errorf("it is held still: %+v, %v", state.Held, err)
	}
}

// The last one of a kind is all of it; one of several goes at once.
func TestOneRecordMayGoButNotTheLast(t *testing.T) {
	h := follow(t, sqliteServer(t))
	db := openSource(t, h)
	mustExec(t, db, "DELETE FROM licenses WHERE id > 'l1'")
	h.expect(Changed, 12, 0, "")
	mustExec(t, db, "DELETE FROM licenses WHERE id = 'l1'")
	h.expect(Changed, 0, 1, "")
	mustExec(t, db, "DELETE FROM licenses")
	h.expect(Stopped, 0, 0, "1 of 1 license records vanished")
}

func TestColumnsThatChangeAreHeldWhereTheMappingReadsThem(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			h := follow(t, s)
			h.expect(Changed, 20, 0, "")

			mustExec(t, s.db, "ALTER TABLE titles ADD COLUMN extra VARCHAR(10)")
			if o := h.expect(Unchanged, 0, 0, ""); !contains(o.Warnings, "column extra is new") {
				t.Errorf("warnings are %q", o.Warnings)
			}
			mustExec(t, s.db, "ALTER TABLE titles DROP COLUMN note")
			if o := h.expect(Unchanged, 0, 0, ""); !contains(o.Warnings, "column note is gone") {
				t.Errorf("warnings are %q", o.Warnings)
			}

			mustExec(t, s.db, "ALTER TABLE titles RENAME COLUMN name TO title")
			h.expect(Stopped, 0, 0, "the column name is gone; new is title")
			h.check(h.run(true), Stopped, 0, 0, `has no column "name"`)
			mustExec(t, s.db, "ALTER TABLE titles RENAME COLUMN title TO name")
			h.expect(Unchanged, 0, 0, "")

			// The same column with another type: a person may say that it is meant.
			mustExec(t, s.db, "ALTER TABLE titles RENAME COLUMN year TO old", "ALTER TABLE titles ADD COLUMN year VARCHAR(10)",
				"UPDATE titles SET year = '1999'")
			h.expect(Stopped, 0, 0, "the column year was integer, and is text")
			h.check(h.run(true), Changed, 10, 0, "")
			h.expect(Unchanged, 0, 0, "")
		})
	}
}

func TestAChangedQueryIsADecision(t *testing.T) {
	h := follow(t, sqliteServer(t))
	h.expect(Changed, 20, 0, "")
	h.source.Queries[0].SQL = "SELECT id, name, CAST(year AS TEXT) AS year FROM titles"
	h.expect(Unchanged, 0, 0, "")
}

func TestWhatVanishesMayBeUnpublishedOrKept(t *testing.T) {
	for fate, want := range map[string]string{"unpublish": "[t9 hidden] 9 licenses", "keep": "[t9 shown] 9 licenses"} {
		t.Run(fate, func(t *testing.T) {
			h := follow(t, sqliteServer(t))
			db := openSource(t, h)
			h.file("titles.yaml", "vanished: {title: "+fate+"}\n"+titlesMapping)
			h.expect(Changed, 20, 0, "")
			mustExec(t, db, "CREATE TABLE away AS SELECT * FROM titles WHERE id = 't9'", "DELETE FROM titles WHERE id = 't9'",
				"DELETE FROM licenses WHERE id = 'l9'")
			h.expect(Changed, 0, map[string]int64{"unpublish": 2, "keep": 1}[fate], "")
			h.expect(Unchanged, 0, 0, "")
			snapshot, shown := h.snapshot(), "hidden"
			if snapshot.Titles["t9"].Published {
				shown = "shown"
			}
			licenses := 0
			for _, list := range snapshot.Licenses {
				licenses += len(list)
			}
			if got := fmt.Sprintf("[t9 %s] %d licenses", shown, licenses); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			mustExec(t, db, "INSERT INTO titles SELECT * FROM away")
			h.run(false)
			if !h.snapshot().Titles["t9"].Published {
				t.Error("what came back is not shown")
			}
		})
	}
}

func TestWhatIsRefusedStaysAsItWas(t *testing.T) {
	h := follow(t, sqliteServer(t))
	db := openSource(t, h)
	h.expect(Changed, 20, 0, "")
	mustExec(t, db, "UPDATE titles SET year = 'soon', name = 'Changed' WHERE id = 't1'", // the mapping refuses it
		"UPDATE licenses SET territory = 'XQ' WHERE id = 'l2'") // the catalog does
	o := h.expect(Unchanged, 0, 0, "")
	if o.Refused != 2 || !strings.Contains(o.Refusals[0].String(), `title t1: year: "soon" is not a whole number`) ||
		!strings.Contains(o.Refusals[1].String(), "license l2: ") {
		t.Errorf("refused are %d: %v", o.Refused, o.Refusals)
	}
	if h.name("t1") != "Title 1" {
		t.Error("a refused title has changed")
	}
	h.has(10, 10)
	// A row that does not say what it is about might be any of its kind: none of it vanishes.
	mustExec(t, db, "UPDATE licenses SET id = '' WHERE id = 'l3'", "DELETE FROM titles WHERE id = 't8'", "DELETE FROM licenses WHERE id = 'l8'")
	o = h.run(false)
	if o.Spared != 2 || o.Vanished != 0 {
		t.Errorf("%d are spared and %d vanished, want the licenses l3 and l8 spared (%v)", o.Spared, o.Vanished, o.Refusals)
	}
	h.has(10, 10)
	mustExec(t, db, "UPDATE licenses SET id = 'l3' WHERE id = ''")
	h.check(h.run(false), Changed, 0, 2, "")
	h.has(9, 9)
}

func TestWhatIsThereTwiceAndNotTheSameIsRefusedInAnyOrder(t *testing.T) {
	for _, order := range []string{"", " DESC"} {
		h := follow(t, sqliteServer(t))
		h.expect(Changed, 20, 0, "")
		h.source.Queries[0].SQL = "SELECT id, name, year, note FROM titles UNION SELECT 't4', 'Another', 2001, 'x' ORDER BY name" + order
		o := h.expect(Unchanged, 0, 0, "")
		if o.Refused != 1 || !strings.Contains(o.Refusals[0].Reason, "twice") || h.name("t4") != "Title 4" {
			t.Errorf("refused are %d: %v; the name is %q", o.Refused, o.Refusals, h.name("t4"))
		}
	}
}

// counted is a catalog that counts batches.
type counted struct {
	catalogStore
	batches int
}

func (c *counted) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	c.batches++
	return c.catalogStore.Apply(ctx, b)
}

func TestWhatIsTheSameIsNotComparedAgain(t *testing.T) {
	h := follow(t, sqliteServer(t))
	db := openSource(t, h)
	h.expect(Changed, 20, 0, "")
	count := &counted{catalogStore: h.catalog}
	h.catalog = count
	expect := func(what string, batches int, status Status, changed int64) {
		t.Helper()
		count.batches = 0
		h.expect(status, changed, 0, "")
		if count.batches != batches {
			t.Errorf("%s: %d batches, want %d", what, count.batches, batches)
		}
	}
	expect("nothing happened", 0, Unchanged, 0)
	h.source.Queries[0].SQL += " ORDER BY id DESC"
	expect("another order", 0, Unchanged, 0)
	h.apply(`{"type":"title","id":"mine","kind":"movie"}`)
	expect("an edit of something else", 0, Unchanged, 0)
	h.apply(`{"type":"license","id":"l4","op":"delete"}`)
	expect("an edit of a license of the source", 1, Changed, 1)
	expect("the source's own change", 0, Unchanged, 0)
	mustExec(t, db, "UPDATE titles SET name = 'Changed' WHERE id = 't1'")
	expect("a change", 1, Changed, 1)
	mustExec(t, db, "UPDATE licenses SET territory = 'XQ' WHERE id = 'l2'")
	expect("a record that the catalog refuses", 1, Unchanged, 0)
	expect("the same again, as it may be mended", 1, Unchanged, 0)
}

func TestEditsOfWhatASourceHasAreSetRight(t *testing.T) {
	h := follow(t, sqliteServer(t))
	h.expect(Changed, 20, 0, "")
	h.apply(`{"type":"title","id":"t1","op":"merge","texts":{"name":{"en":"Edited"}}}`, `{"type":"title","id":"mine","kind":"movie"}`)
	h.expect(Changed, 1, 0, "")
	if h.name("t1") != "Title 1" {
		t.Errorf("the name is %q", h.name("t1"))
	}
	h.has(11, 10) // what is nobody's stays
}

func TestARecordIsOneSourcesAlone(t *testing.T) {
	h := follow(t, sqliteServer(t))
	h.expect(Changed, 20, 0, "")
	h.source.Name = "partner"
	mustExec(t, openSource(t, h), "UPDATE titles SET name = 'Taken'", "INSERT INTO titles VALUES ('theirs', 'Theirs', 2001, '')")
	o := h.expect(Changed, 1, 0, "")
	if o.Refused != 20 || !strings.Contains(o.Refusals[0].String(), "the source cms's") || h.name("t1") != "Title 1" {
		t.Errorf("refused are %d: %v; the name is %q", o.Refused, o.Refusals, h.name("t1"))
	}
}

func TestTooManyRowsFail(t *testing.T) {
	h := follow(t, sqliteServer(t))
	h.source.Rows = 19
	h.expect(Failed, 0, 0, "more than 19 rows")
	h.has(0, 0)
}

func TestARunThatIsCalledOffWritesNothingDown(t *testing.T) {
	h := follow(t, sqliteServer(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.try(ctx, false); err == nil {
		t.Error("it ended as if nothing had happened")
	}
	if state, err := h.store.State(t.Context(), "cms"); err != nil || state.Last != nil {
		t.Errorf("the state is %+v, %v", state, err)
	}
	h.expect(Changed, 20, 0, "")
}

func contains(list []string, part string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, part) })
}

// openSource returns a connection to an SQLite source.
func openSource(t *testing.T, h *house) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: strings.TrimPrefix(h.source.Database, "sqlite:")}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// What a run keeps of a source, and whose records are, is in the catalog's own
// database, whichever that is.
func TestAgainOnPostgreSQL(t *testing.T) {
	databasetest.Again(t, "-test.run", "Test(ASourceThat|OneRecord|WhatVanishes|WhatIs|Edits|ARecord|ARunThatBreaksOff|ASourceIsRead)")
}
