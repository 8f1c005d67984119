// Package toons_test holds the demo site to what it promises: everything in it
// imports, and there is something to see everywhere, at any date.
package toons_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

// demo loads the site and imports its catalog.
func demo(t *testing.T) (*site.Site, *ovenbird.Snapshot) {
	t.Helper()
	s, err := site.Load(".")
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), database.Config{Path: filepath.Join(t.TempDir(), "catalog.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	known := func(name string) bool { return s.Content.Rules.Groups[name] != nil }
	store, err := catalog.New(t.Context(), catalog.Config{KnownGroups: known}, catalog.Deps{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Content.Catalog {
		results, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: records(t, f.File)})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if r.Err != nil {
				t.Errorf("%s:%d: %v", f.File, i+1, r.Err)
			}
		}
	}
	snapshot, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, snapshot
}

func records(t *testing.T, name string) []catalog.Record {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	var list []catalog.Record
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		r, err := catalog.ParseRecord(lines.Bytes())
		if err != nil {
			t.Fatalf("%s:%d: %v", name, len(list)+1, err)
		}
		list = append(list, r)
	}
	return list
}

func TestThereIsSomethingToSeeInEveryVariationAtAnyDate(t *testing.T) {
	s, snapshot := demo(t)
	for year := 2026; year <= 2031; year++ {
		at := time.Date(year, time.Month(2*year%12+1), 20, 13, 0, 0, 0, time.UTC)
		for _, e := range s.Content.Editions() {
			v := facts.NewView(snapshot, e, s.Content.Rules, at)
			limit := v.DayLimit(30)
			tops, opening, leaving := make(tally), make(tally), make(tally)
			for _, title := range snapshot.Titles {
				if title.Parent != "" {
					continue
				}
				tops.add(v.Visible(title))
				for _, moment := range v.Openings(title, limit) {
					opening.add(moment.Countries)
				}
				for _, moment := range v.Leavings(title, limit) {
					leaving.add(moment.Countries)
				}
			}
			for i := range e.Countries.Indexes {
				if tops[i] < 15 || opening[i] < 2 || leaving[i] < 2 {
					t.Errorf("%s %s at %s: %d titles, %d opening, %d leaving",
						ovenbird.CountryAt(i), e.Name(), at.Format(time.DateOnly), tops[i], opening[i], leaving[i])
				}
			}
		}
	}
}

// tally counts by country.
type tally map[uint8]int

func (t tally) add(countries ovenbird.CountrySet) {
	for i := range countries.Indexes {
		t[i]++
	}
}

func TestEveryTitleAndCollectionIsSeenSomewhereUnlessItIsHeldBack(t *testing.T) {
	s, snapshot := demo(t)
	seen := make(map[string]bool)
	for quarter := range 24 {
		at := time.Date(2026, time.January+time.Month(3*quarter), 1+quarter*11%28, 12, 0, 0, 0, time.UTC)
		for _, e := range s.Content.Editions() {
			v := facts.NewView(snapshot, e, s.Content.Rules, at)
			for id, title := range snapshot.Titles {
				seen[string(id)] = seen[string(id)] || !v.Visible(title).Empty()
			}
			for id, c := range snapshot.Collections {
				seen[string(id)] = seen[string(id)] || !v.Shown(c).Empty()
			}
		}
	}
	var hidden []string
	for id, ok := range seen {
		if !ok {
			hidden = append(hidden, id)
		}
	}
	slices.Sort(hidden)
	if want := []string{"draft", "superman-japoteurs"}; !slices.Equal(hidden, want) {
		t.Errorf("never seen: %v, want %v", hidden, want)
	}
}

func TestKidsSeeNothingForOlderViewersOrWithoutARating(t *testing.T) {
	s, snapshot := demo(t)
	kids, _ := s.Content.Application("kids")
	v := facts.NewView(snapshot, kids.Editions[0], s.Content.Rules, time.Date(2028, 6, 1, 0, 0, 0, 0, time.UTC))
	for _, id := range []ovenbird.TitleID{"charge", "private-snafu", "schlesinger", "a-is-for-atom", "bosko-the-talk-ink-kid"} {
		if countries := v.Visible(snapshot.Titles[id]); !countries.Empty() {
			t.Errorf("%s is shown to kids in %s", id, countries)
		}
	}
	if countries := v.Visible(snapshot.Titles["big-buck-bunny"]); countries.Len() < 40 {
		t.Errorf("big-buck-bunny is shown to kids only in %s", countries)
	}
}

func TestEveryImageIsInTheArtwork(t *testing.T) {
	_, snapshot := demo(t)
	for id, title := range snapshot.Titles {
		for _, image := range title.Images {
			if _, err := os.Stat(filepath.FromSlash("." + image.URL)); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
}
