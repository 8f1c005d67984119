package ovenbird

import (
	"cmp"
	"maps"
	"slices"
)

// Touched names what differs between two snapshots of a catalog, or may: a bake
// looks again at these and at what is built from them. Each list is ordered and
// has no duplicates.
type Touched struct {
	// Titles are those that changed, came or went, themselves or in their licenses.
	Titles []TitleID
	// Collections are those that changed, came or went, themselves or in their items.
	Collections []CollectionID
}

// Edit is the present state of what was touched since a snapshot. What Touched
// names and the other fields lack is gone.
type Edit struct {
	Sequence    int64
	Touched     Touched
	Titles      []*Title      // of Touched.Titles
	Licenses    []*License    // all those for Touched.Titles
	Collections []*Collection // of Touched.Collections
}

// With returns s with an edit made: what NewSnapshot would make of the whole
// catalog. It shares with s what the edit leaves alone, and does not change s.
func (s *Snapshot) With(e Edit) *Snapshot {
	next := &Snapshot{
		Sequence:    e.Sequence,
		Titles:      maps.Clone(s.Titles),
		Licenses:    maps.Clone(s.Licenses),
		Collections: maps.Clone(s.Collections),
		children:    maps.Clone(s.children),
	}
	families := make(map[TitleID][]*Title) // the children of parents that an edit touches
	siblings := func(parent TitleID) []*Title {
		list, ok := families[parent]
		if !ok {
			list = slices.Clone(s.children[parent])
		}
		return list
	}
	for _, id := range e.Touched.Titles {
		if old := s.Titles[id]; old != nil && old.Parent != "" {
			families[old.Parent] = slices.DeleteFunc(siblings(old.Parent), func(t *Title) bool { return t.ID == id })
		}
		delete(next.Titles, id)
		delete(next.Licenses, id)
	}
	for _, t := range e.Titles {
		next.Titles[t.ID] = t
		if t.Parent != "" {
			families[t.Parent] = append(siblings(t.Parent), t)
		}
	}
	for parent, list := range families {
		slices.SortFunc(list, CompareTitles)
		next.children[parent] = list
		if len(list) == 0 {
			delete(next.children, parent)
		}
	}
	next.putLicenses(e.Licenses)
	for _, id := range e.Touched.Collections {
		delete(next.Collections, id)
	}
	for _, c := range e.Collections {
		next.Collections[c.ID] = c
	}
	return next
}

// putLicenses adds licenses of titles that have none in s, whose map is its own.
func (s *Snapshot) putLicenses(licenses []*License) {
	touched := make(map[TitleID][]*License)
	for _, l := range licenses {
		touched[l.Title] = append(touched[l.Title], l)
	}
	for id, list := range touched {
		slices.SortFunc(list, func(a, b *License) int { return cmp.Compare(a.ID, b.ID) })
		s.Licenses[id] = list
	}
}
