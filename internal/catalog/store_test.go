package catalog_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func newStore(t testing.TB) *catalog.Store {
	t.Helper()
	return openStore(t, databasetest.Empty(t))
}

// openStore opens the catalog in a database, as another process could do at the
// same time.
func openStore(t testing.TB, at database.Config) *catalog.Store {
	t.Helper()
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	cfg := catalog.Config{KnownGroups: func(name string) bool { return name == "EU" || name == "LATAM" }}
	store, err := catalog.New(t.Context(), cfg, catalog.Deps{DB: db, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t, "-rapid.checks=10") }

func parse(t testing.TB, lines ...string) []catalog.Record {
	t.Helper()
	records := make([]catalog.Record, 0, len(lines))
	for _, line := range lines {
		r, err := catalog.ParseRecord([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		records = append(records, r)
	}
	return records
}

// apply writes lines in one batch and returns what became of each: "changed",
// "same", or the reason of a refusal.
func apply(t testing.TB, store *catalog.Store, lines ...string) []string {
	t.Helper()
	results, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: parse(t, lines...)})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(results))
	for i, r := range results {
		switch {
		case r.Err != nil:
			out[i] = r.Err.Error()
		case r.Changed:
			out[i] = "changed"
		default:
			out[i] = "same"
		}
	}
	return out
}

// mustApply writes lines that may not be refused.
func mustApply(t testing.TB, store *catalog.Store, lines ...string) {
	t.Helper()
	for i, outcome := range apply(t, store, lines...) {
		if outcome != "changed" && outcome != "same" {
			t.Fatalf("%s: %s", lines[i], outcome)
		}
	}
}

func snapshot(t testing.TB, store *catalog.Store) *ovenbird.Snapshot {
	t.Helper()
	s, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func movie(id string) string { return fmt.Sprintf(`{"type":"title","id":%q,"kind":"movie"}`, id) }

const full = `{"type":"title","id":"t1","kind":"movie","sort_key":"a","number":"7","published":false,"video":false,"year":2008,
	"runtime_seconds":596,"added":"2024-05-01","genres":["comedy"],"cast":["A"],"directors":["B"],"origins":["NL","uk"],
	"texts":{"name":{"EN":"Bunny","pt-br":""},"synopsis":{"en":"…"},"short_synopsis":{"en":"."},"tagline":{"fi":"!"}},
	"images":[{"role":"poster","url":"https://e.org/a.jpg","width":600,"height":900,"locale":"fi"},{"role":"hero","url":"a/b.png","width":1,"height":1}],
	"ratings":[{"system":"FSK","value":"6"}]}`

func TestATitleComesBackAsItWasPut(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, full)
	want := &ovenbird.Title{
		ID: "t1", Kind: ovenbird.Movie, SortKey: "a", Number: "7", Year: 2008, Runtime: 596 * time.Second,
		Added: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), Genres: []string{"comedy"}, Cast: []string{"A"}, Directors: []string{"B"},
		Origins: []ovenbird.Country{"NL", "GB"},
		Texts: ovenbird.Texts{
			ovenbird.Name: {"en": "Bunny", "pt-BR": ""}, ovenbird.Synopsis: {"en": "…"},
			ovenbird.ShortSynopsis: {"en": "."}, ovenbird.Tagline: {"fi": "!"},
		},
		Images: []ovenbird.Image{
			{Role: ovenbird.Poster, URL: "https://e.org/a.jpg", Width: 600, Height: 900, Locale: "fi"},
			{Role: ovenbird.Hero, URL: "a/b.png", Width: 1, Height: 1},
		},
		Ratings: []ovenbird.Rating{{System: "FSK", Value: "6"}},
	}
	equal(t, want, snapshot(t, store).Titles["t1"])
}

func TestPublishedAndVideoDefaultToTrue(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, movie("t1"))
	if got := snapshot(t, store).Titles["t1"]; !got.Published || !got.Video {
		t.Errorf("got %+v", got)
	}
}

func TestALicenseComesBackNormalized(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, movie("t1"),
		`{"type":"license","id":"l1","title":"t1","territories":["uk","EU","EL","GB"],"exclude":["fi"],"applications":["tv","kids","tv"],
		  "start":"2026-01-01T02:00:00+02:00","end":null,"model":"svod"}`)
	want := []*ovenbird.License{{
		ID: "l1", Title: "t1", Territories: []string{"EU", "GB", "GR"}, Exclude: []string{"FI"}, Applications: []string{"kids", "tv"},
		Window: ovenbird.Window{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, Model: ovenbird.SVOD,
	}}
	equal(t, want, snapshot(t, store).Licenses["t1"])
}

func TestItemsAreOrderedByPositionThenTitle(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, `{"type":"collection","id":"c1","texts":{"name":{"en":"C"}},"items":["z","y"]}`,
		`{"type":"collection_item","collection":"c1","title":"b","position":"0000005"}`,
		`{"type":"collection_item","collection":"c1","title":"a","position":"0000005"}`,
		`{"type":"collection_item","collection":"c1","title":"y","op":"delete"}`,
		`{"type":"collection","id":"c1","sort_key":"1"}`)
	want := &ovenbird.Collection{ID: "c1", SortKey: "1", Published: true, Items: []ovenbird.TitleID{"z", "a", "b"}}
	equal(t, want, snapshot(t, store).Collections["c1"])
}

func TestABatchIsOrderedByWhatDependsOnWhat(t *testing.T) {
	store := newStore(t)
	lines := []string{
		`{"type":"license","id":"l1","title":"e1","territories":["*"],"applications":["*"],"model":"free"}`,
		`{"type":"title","id":"e1","kind":"episode","parent":"s1"}`,
		`{"type":"title","id":"s1","kind":"season","parent":"r1"}`,
		`{"type":"collection_item","collection":"c1","title":"r1"}`,
		`{"type":"title","id":"r1","kind":"series"}`,
		`{"type":"collection","id":"c1"}`,
	}
	mustApply(t, store, lines...)
	deletes := []string{
		`{"type":"title","id":"r1","op":"delete"}`, `{"type":"title","id":"s1","op":"delete"}`,
		`{"type":"title","id":"e1","op":"delete"}`, `{"type":"license","id":"l1","op":"delete"}`,
	}
	mustApply(t, store, deletes...)
	if n := len(snapshot(t, store).Titles); n != 0 {
		t.Errorf("%d titles left", n)
	}
}

func TestRecordsAboutOneIDKeepTheirOrder(t *testing.T) {
	store := newStore(t)
	mustApply(t, store,
		`{"type":"title","id":"s1","kind":"season","parent":"r1","number":"1"}`,
		`{"type":"title","id":"s1","op":"merge","number":"2"}`,
		`{"type":"title","id":"r1","kind":"series"}`)
	if got := snapshot(t, store).Titles["s1"].Number; got != "2" {
		t.Errorf("number is %s, want the later record's", got)
	}
}

func TestWhatChangesNothingLeavesNoEntry(t *testing.T) {
	store := newStore(t)
	lines := []string{
		full, `{"type":"license","id":"l1","title":"t1","territories":["UK"],"applications":["*"],"model":"svod","start":"2026-01-01"}`,
		`{"type":"collection","id":"c1","items":["t1","t2"]}`, `{"type":"collection_item","collection":"c1","title":"t3","position":"9"}`,
	}
	mustApply(t, store, lines...)
	before, _ := store.Sequence(t.Context())
	again := []string{
		lines[0], lines[1], lines[3], `{"type":"collection","id":"c1"}`, `{"type":"title","id":"gone","op":"delete"}`,
		`{"type":"title","id":"t1","op":"merge","texts":{"name":{"en":"Bunny"}}}`,
		`{"type":"collection","id":"c1","items":["t1","t2","t3"]}`,
	}
	for i, outcome := range apply(t, store, again...) {
		if outcome != "same" {
			t.Errorf("%s: %s, want same", again[i], outcome)
		}
	}
	if after, _ := store.Sequence(t.Context()); after != before {
		t.Errorf("the feed grew from %d to %d", before, after)
	}
}

func TestTheFeedSaysWhoWhatFromAndTo(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, movie("t1"))
	mustApply(t, store, `{"type":"title","id":"t1","op":"merge","year":2008}`, `{"type":"collection","id":"c1"}`)
	mustApply(t, store, `{"type":"collection_item","collection":"c1","title":"t1"}`, `{"type":"title","id":"t1","op":"delete"}`)
	changes, err := store.Changes(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		if c.Actor != "test" || !c.At.Equal(noon) {
			t.Errorf("change %d is by %s at %s", c.Sequence, c.Actor, c.At)
		}
		got = append(got, fmt.Sprintf("%d %s %s %s %s -> %s", c.Sequence, c.Action, c.Type, c.ID, c.Before, c.After))
	}
	v1 := `{"type":"title","id":"t1","kind":"movie","published":true,"video":true}`
	v2 := `{"type":"title","id":"t1","kind":"movie","published":true,"video":true,"year":2008}`
	equal(t, []string{
		"1 created title t1 null -> " + v1,
		"2 updated title t1 " + v1 + " -> " + v2,
		`3 created collection c1 null -> {"type":"collection","id":"c1","published":true}`,
		`4 created collection_item c1/t1 null -> {"type":"collection_item","collection":"c1","title":"t1"}`,
		"5 deleted title t1 " + v2 + " -> null",
	}, got)
	if tail, _ := store.Changes(t.Context(), 3, 1); len(tail) != 1 || tail[0].Sequence != 4 {
		t.Errorf("changes after 3, limit 1: %+v", tail)
	}
}

func TestMergeFollowsRFC7396(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, full, `{"type":"title","id":"t1","op":"merge","year":null,"genres":["drama"],"texts":{"name":{"en":null,"fi":"Pupu"},"tagline":null}}`)
	got := snapshot(t, store).Titles["t1"]
	if got.Year != 0 || got.Genres[0] != "drama" || got.Runtime == 0 {
		t.Errorf("got %+v", got)
	}
	equal(t, ovenbird.Texts{
		ovenbird.Name: {"pt-BR": "", "fi": "Pupu"}, ovenbird.Synopsis: {"en": "…"}, ovenbird.ShortSynopsis: {"en": "."},
	}, got.Texts)
}

func TestMergeOpensAWindow(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, movie("t1"),
		`{"type":"license","id":"l1","title":"t1","territories":["*"],"applications":["*"],"model":"svod","start":"2026-01-01","end":"2026-02-01"}`,
		`{"type":"license","id":"l1","op":"merge","end":null}`)
	if got := snapshot(t, store).Licenses["t1"][0].Window; !got.End.IsZero() || got.Start.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestAnAtomicBatchIsRefusedWhole(t *testing.T) {
	store := newStore(t)
	records := parse(t, movie("t1"), `{"type":"title","id":"t2","kind":"season","parent":"t1"}`)
	_, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: records, Atomic: true})
	if ovenbird.CodeOf(err) != ovenbird.Invalid && !strings.Contains(fmt.Sprint(err), "record 2, title t2") {
		t.Errorf("got %v, want an Invalid error that names the record", err)
	}
	if n, _ := store.Sequence(t.Context()); n != 0 {
		t.Errorf("%d changes were written", n)
	}
}

func TestABadRecordDoesNotStopTheOthers(t *testing.T) {
	store := newStore(t)
	got := apply(t, store, movie("a"), `{"type":"title","id":"../b","kind":"movie"}`, movie("c"))
	if got[0] != "changed" || got[1] == "changed" || got[2] != "changed" {
		t.Errorf("got %q", got)
	}
}

func TestAChangeNeedsAnActor(t *testing.T) {
	if _, err := newStore(t).Apply(t.Context(), catalog.Batch{Records: parse(t, movie("a"))}); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("got %v, want Invalid", err)
	}
}

func equal(t testing.TB, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}
