package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// listed walks a list from page to page.
func listed(t *testing.T, limit, scan int, list func(catalog.Page) (catalog.Listing, error)) []string {
	t.Helper()
	var ids []string
	page := catalog.Page{Limit: limit, Scan: scan}
	for {
		l, err := list(page)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Entries) > limit {
			t.Fatalf("%d entries on a page of %d", len(l.Entries), limit)
		}
		for _, e := range l.Entries {
			ids = append(ids, e.ID)
		}
		if l.Next == "" {
			return ids
		}
		page.After = l.Next
	}
}

func lines(format string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, i))
	}
	return out
}

func TestPagesHoldEachEntryOnce(t *testing.T) {
	s := newStore(t)
	apply(t, s, lines(`{"type":"title","id":"t%03d","kind":"movie"}`, 23)...)
	for _, limit := range []int{1, 2, 7, 22, 23, 24, 100} {
		for _, scan := range []int{0, 1, 5, 23} {
			got := listed(t, limit, scan, func(p catalog.Page) (catalog.Listing, error) {
				return s.Titles(t.Context(), p, catalog.TitleFilter{})
			})
			if len(got) != 23 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != 23 {
				t.Errorf("limit %d, scan %d: %v", limit, scan, got)
			}
		}
	}
}

func TestAPageThatIsFullAtTheEndHasNoNext(t *testing.T) {
	s := newStore(t)
	apply(t, s, lines(`{"type":"title","id":"t%d","kind":"movie"}`, 4)...)
	l, err := s.Titles(t.Context(), catalog.Page{Limit: 4}, catalog.TitleFilter{})
	if err != nil || len(l.Entries) != 4 || l.Next != "" {
		t.Errorf("%d entries, next %q, %v", len(l.Entries), l.Next, err)
	}
}

// Whoever reads page by page while others edit sees what was there all the time
// once, whatever came and went.
func TestPagesAreStableUnderEdits(t *testing.T) {
	s := newStore(t)
	apply(t, s, lines(`{"type":"title","id":"t%02d","kind":"movie"}`, 20)...)
	var got []string
	page := catalog.Page{Limit: 5}
	for n := 0; ; n++ {
		l, err := s.Titles(t.Context(), page, catalog.TitleFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Entries {
			got = append(got, e.ID)
		}
		if l.Next == "" {
			break
		}
		page.After = l.Next
		// One that was read goes, one before and one behind come, the next is edited.
		apply(t, s,
			fmt.Sprintf(`{"type":"title","id":%q,"op":"delete"}`, l.Next),
			fmt.Sprintf(`{"type":"title","id":"a%d","kind":"movie"}`, n), fmt.Sprintf(`{"type":"title","id":"z%d","kind":"movie"}`, n),
			fmt.Sprintf(`{"type":"title","id":"t%02d","op":"merge","sort_key":"%d"}`, min(19, 5*(n+1)), -n))
	}
	old := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return !strings.HasPrefix(id, "t") })
	if want := 20; len(old) != want || len(slices.Compact(old)) != want {
		t.Errorf("read %v", got)
	}
}

func TestListsAreFiltered(t *testing.T) {
	s := newStore(t)
	apply(t, s,
		`{"type":"title","id":"s","kind":"series","texts":{"name":{"fi":"Ääliöt"}}}`,
		`{"type":"title","id":"e1","kind":"episode","parent":"s","genres":["comedy"]}`,
		`{"type":"title","id":"e2","kind":"episode","parent":"s","published":false}`,
		`{"type":"title","id":"m","kind":"movie","published":false,"genres":["comedy","drama"]}`,
		`{"type":"license","id":"l1","title":"s","territories":["*"],"applications":["*"],"model":"svod"}`,
		`{"type":"license","id":"l2","title":"m","territories":["FI"],"applications":["tv"],"model":"free"}`,
		`{"type":"collection","id":"c1","items":["m"]}`,
		`{"type":"collection","id":"c2","published":false}`)
	sequence, err := s.Sequence(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, `{"type":"title","id":"m","op":"merge","year":2000}`, `{"type":"collection_item","collection":"c2","title":"s"}`,
		`{"type":"license","id":"l1","op":"merge","model":"avod"}`)
	no, top, series := false, ovenbird.TitleID(""), ovenbird.TitleID("s")
	comedy := func(title *ovenbird.Title) bool { return slices.Contains(title.Genres, "comedy") }
	titles := func(f catalog.TitleFilter, after int64) func(catalog.Page) (catalog.Listing, error) {
		return func(p catalog.Page) (catalog.Listing, error) {
			p.ChangedAfter = after
			return s.Titles(t.Context(), p, f)
		}
	}
	cases := []struct {
		name string
		list func(catalog.Page) (catalog.Listing, error)
		want string
	}{
		{"all", titles(catalog.TitleFilter{}, 0), "e1 e2 m s"},
		{"kind", titles(catalog.TitleFilter{Kind: ovenbird.Episode}, 0), "e1 e2"},
		{"parent", titles(catalog.TitleFilter{Parent: &series}, 0), "e1 e2"},
		{"top", titles(catalog.TitleFilter{Parent: &top}, 0), "m s"},
		{"unpublished", titles(catalog.TitleFilter{Published: &no}, 0), "e2 m"},
		{"match", titles(catalog.TitleFilter{Match: comedy}, 0), "e1 m"},
		{"several", titles(catalog.TitleFilter{Published: &no, Match: comedy, Parent: &top}, 0), "m"},
		{"changed", titles(catalog.TitleFilter{}, sequence), "m"},
		{"changed and more", titles(catalog.TitleFilter{Kind: ovenbird.Series}, sequence), ""},
		{"licenses of a title", func(p catalog.Page) (catalog.Listing, error) {
			return s.Licenses(t.Context(), p, catalog.LicenseFilter{Title: "m"})
		}, "l2"},
		{"changed licenses", func(p catalog.Page) (catalog.Listing, error) {
			p.ChangedAfter = sequence
			return s.Licenses(t.Context(), p, catalog.LicenseFilter{})
		}, "l1"},
		{"unpublished collections", func(p catalog.Page) (catalog.Listing, error) {
			return s.Collections(t.Context(), p, catalog.CollectionFilter{Published: &no})
		}, "c2"},
		{"collections with changed items", func(p catalog.Page) (catalog.Listing, error) {
			p.ChangedAfter = sequence
			return s.Collections(t.Context(), p, catalog.CollectionFilter{})
		}, "c2"},
	}
	for _, c := range cases {
		for _, limit := range []int{1, 50} {
			if got := strings.Join(listed(t, limit, 0, c.list), " "); got != c.want {
				t.Errorf("%s, %d a page: %q, want %q", c.name, limit, got, c.want)
			}
		}
	}
}

func TestAnEntryIsTheRecordThatPutsIt(t *testing.T) {
	s := newStore(t)
	want := []string{
		`{"type":"title","id":"m","kind":"movie","published":true,"video":true,"texts":{"name":{"en":"M"}}}`,
		`{"type":"license","id":"l","title":"m","territories":["*"],"applications":["tv"],"start":"2026-01-01T00:00:00Z","model":"free"}`,
		`{"type":"collection","id":"c","published":true,"items":["m"]}`,
	}
	apply(t, s, want...)
	for i, ref := range []struct {
		typ catalog.RecordType
		id  string
	}{{catalog.TypeTitle, "m"}, {catalog.TypeLicense, "l"}, {catalog.TypeCollection, "c"}} {
		entry, ok, err := s.One(t.Context(), ref.typ, ref.id)
		if err != nil || !ok || string(entry.Form) != want[i] {
			t.Errorf("%s %v %v\nwant %s", entry.Form, ok, err, want[i])
		}
		if _, ok, err := s.One(t.Context(), ref.typ, "none"); ok || err != nil {
			t.Errorf("a %s that is not there: %v %v", ref.typ, ok, err)
		}
	}
}
