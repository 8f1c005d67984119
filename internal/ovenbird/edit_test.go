package ovenbird_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/ovenbird"
)

// catalogParts is a catalog as NewSnapshot takes it.
type catalogParts struct {
	titles      map[ovenbird.TitleID]*ovenbird.Title
	licenses    map[ovenbird.LicenseID]*ovenbird.License
	collections map[ovenbird.CollectionID]*ovenbird.Collection
}

func drawParts(t *rapid.T) catalogParts {
	ids := []ovenbird.TitleID{"a", "b", "c", "d", "e"}
	p := catalogParts{
		make(map[ovenbird.TitleID]*ovenbird.Title), make(map[ovenbird.LicenseID]*ovenbird.License),
		make(map[ovenbird.CollectionID]*ovenbird.Collection),
	}
	for i, id := range ids {
		if !rapid.Bool().Draw(t, "there") {
			continue
		}
		parents := append([]ovenbird.TitleID{""}, ids[:i]...)
		p.titles[id] = &ovenbird.Title{
			ID: id, Parent: rapid.SampledFrom(parents).Draw(t, "parent"), SortKey: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "key"),
		}
	}
	for _, id := range []ovenbird.LicenseID{"l1", "l2", "l3"} {
		p.licenses[id] = &ovenbird.License{ID: id, Title: rapid.SampledFrom(ids).Draw(t, "title")}
	}
	for _, id := range []ovenbird.CollectionID{"c1", "c2"} {
		if rapid.Bool().Draw(t, "collection") {
			p.collections[id] = &ovenbird.Collection{ID: id, SortKey: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "key")}
		}
	}
	return p
}

func (p catalogParts) snapshot(sequence int64) *ovenbird.Snapshot {
	return ovenbird.NewSnapshot(sequence, values(p.titles), values(p.licenses), values(p.collections))
}

func values[K comparable, V any](m map[K]V) []V {
	var list []V
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

// TestAnEditedSnapshotIsTheOneMadeOfTheWhole: With equals NewSnapshot, and leaves
// the snapshot it starts from as it was.
func TestAnEditedSnapshotIsTheOneMadeOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawParts(t), drawParts(t)
		// Everything is touched, or a part of it, the rest staying as before.
		var touched ovenbird.Touched
		touched.Titles = append(touched.Titles, []ovenbird.TitleID{"a", "b", "c", "d", "e"}...)
		touched.Collections = []ovenbird.CollectionID{"c1", "c2"}
		if rapid.Bool().Draw(t, "only e") {
			touched = ovenbird.Touched{Titles: []ovenbird.TitleID{"e"}}
			after = catalogParts{cloneWith(before.titles, "e", after.titles["e"]), before.licenses, before.collections}
		}
		edit := ovenbird.Edit{Sequence: 2, Touched: touched}
		for _, id := range touched.Titles {
			if title := after.titles[id]; title != nil {
				edit.Titles = append(edit.Titles, title)
			}
		}
		for _, l := range after.licenses {
			if slices.Contains(touched.Titles, l.Title) {
				edit.Licenses = append(edit.Licenses, l)
			}
		}
		for _, id := range touched.Collections {
			if c := after.collections[id]; c != nil {
				edit.Collections = append(edit.Collections, c)
			}
		}
		start := before.snapshot(1)
		if got, want := start.With(edit), after.snapshot(2); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
		if !reflect.DeepEqual(start, before.snapshot(1)) {
			t.Fatal("the edit changed the snapshot that it started from")
		}
	})
}

func cloneWith(m map[ovenbird.TitleID]*ovenbird.Title, id ovenbird.TitleID, t *ovenbird.Title) map[ovenbird.TitleID]*ovenbird.Title {
	out := make(map[ovenbird.TitleID]*ovenbird.Title, len(m))
	maps.Copy(out, m)
	delete(out, id)
	if t != nil {
		out[id] = t
	}
	return out
}
