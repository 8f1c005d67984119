package facts_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// shelf is a catalog of movies under edit.
type shelf struct {
	titles   map[ovenbird.TitleID]*ovenbird.Title
	licenses map[ovenbird.TitleID][]*ovenbird.License
}

func (s *shelf) snapshot() *ovenbird.Snapshot {
	var titles []*ovenbird.Title
	var licenses []*ovenbird.License
	for id, t := range s.titles {
		titles = append(titles, t)
		licenses = append(licenses, s.licenses[id]...)
	}
	return ovenbird.NewSnapshot(1, titles, licenses, nil)
}

// edit replaces or removes a title and its licenses.
func (s *shelf) edit(t *rapid.T) ovenbird.TitleID {
	id := ovenbird.TitleID(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "title"))
	delete(s.titles, id)
	delete(s.licenses, id)
	if rapid.IntRange(0, 4).Draw(t, "gone") == 0 {
		return id
	}
	m := movie(id)
	m.SortKey = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "sort")
	m.Texts = ovenbird.Texts{ovenbird.Name: {}}
	names := rapid.SampledFrom([]string{"", "Ash", "The Ash", "Ash Tree", "Tall Ash Tree"})
	for _, locale := range []ovenbird.Locale{"en", "de", "fi"} {
		if name := names.Draw(t, string(locale)); name != "" {
			m.Texts[ovenbird.Name][locale] = name
		}
	}
	s.titles[id] = m
	for i := range rapid.IntRange(0, 2).Draw(t, "licenses") {
		l := license(id, in("*"), nil)
		l.ID = ovenbird.LicenseID(fmt.Sprint(id, i))
		l.Window.Start = noon.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "start")) * time.Hour)
		l.Window.End = l.Window.Start.Add(time.Hour)
		s.licenses[id] = append(s.licenses[id], l)
	}
	return id
}

// knowledge is what a view says of searches and of what changes when.
func knowledge(x *facts.Index, v *facts.View) map[string]any {
	known := make(map[string]any)
	for _, prefix := range v.Prefixes(3) {
		for i, find := range v.Search(prefix, 3) {
			known[fmt.Sprint("search ", prefix, i)] = fmt.Sprint(ids(find.Leading), ids(find.Others))
		}
	}
	for id, title := range x.Snapshot().Titles {
		known["places "+string(id)] = v.Places(title, 3)
		known["visible "+string(id)] = v.Visible(title)
	}
	known["changing"] = ids(v.Changing(noon.Add(2 * time.Hour)))
	var turns []string
	for at, id := range x.Turns(noon.Add(-time.Hour), noon.Add(2*time.Hour)) {
		turns = append(turns, at.String()+string(id))
	}
	known["turns"] = turns
	return known
}

func ids(titles []*ovenbird.Title) []ovenbird.TitleID {
	var list []ovenbird.TitleID
	for _, t := range titles {
		list = append(list, t.ID)
	}
	return list
}

func TestAnIndexThatFollowedKnowsWhatANewOneDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{titles: make(map[ovenbird.TitleID]*ovenbird.Title), licenses: make(map[ovenbird.TitleID][]*ovenbird.License)}
		index := facts.NewIndex(s.snapshot())
		at := noon.Add(-3 * time.Hour)
		kept := index.View(tv(), rules(), at)
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			changed := make(map[ovenbird.TitleID]bool)
			var edited []ovenbird.TitleID
			for range rapid.IntRange(0, 2).Draw(t, "edits") {
				if id := s.edit(t); !changed[id] {
					changed[id] = true
					edited = append(edited, id)
				}
			}
			index.Follow(s.snapshot(), edited)
			later := at.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "hours")) * time.Hour)
			for _, id := range index.Turns(at, later) {
				changed[id] = true
			}
			at = later
			kept.Follow(at, changed)
			fresh := facts.NewIndex(s.snapshot())
			want := knowledge(fresh, fresh.View(tv(), rules(), at))
			if got := knowledge(index, kept); !reflect.DeepEqual(got, want) {
				for _, key := range slices.Sorted(keysOf(want, got)) {
					if !reflect.DeepEqual(got[key], want[key]) {
						t.Errorf("%s: got %v, want %v", key, got[key], want[key])
					}
				}
			}
		}
	})
}

// keysOf yields the keys of two maps.
func keysOf(a, b map[string]any) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range a {
			if !yield(key) {
				return
			}
		}
		for key := range b {
			if _, both := a[key]; !both && !yield(key) {
				return
			}
		}
	}
}
