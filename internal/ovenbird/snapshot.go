package ovenbird

import (
	"cmp"
	"slices"
)

// Snapshot is a consistent, immutable reading of a whole catalog. Any number of
// goroutines may read it; nobody may change it.
type Snapshot struct {
	// Sequence is the number of the last change that the snapshot contains.
	Sequence    int64
	Titles      map[TitleID]*Title
	Licenses    map[TitleID][]*License // by title, ordered by id
	Collections map[CollectionID]*Collection

	children map[TitleID][]*Title
}

// NewSnapshot indexes a catalog. It takes ownership of everything it is given.
func NewSnapshot(sequence int64, titles []*Title, licenses []*License, collections []*Collection) *Snapshot {
	s := &Snapshot{
		Sequence:    sequence,
		Titles:      make(map[TitleID]*Title, len(titles)),
		Licenses:    make(map[TitleID][]*License),
		Collections: make(map[CollectionID]*Collection, len(collections)),
		children:    make(map[TitleID][]*Title),
	}
	for _, t := range titles {
		s.Titles[t.ID] = t
		if t.Parent != "" {
			s.children[t.Parent] = append(s.children[t.Parent], t)
		}
	}
	for _, list := range s.children {
		slices.SortFunc(list, CompareTitles)
	}
	for _, l := range licenses {
		s.Licenses[l.Title] = append(s.Licenses[l.Title], l)
	}
	for _, list := range s.Licenses {
		slices.SortFunc(list, func(a, b *License) int { return cmp.Compare(a.ID, b.ID) })
	}
	for _, c := range collections {
		s.Collections[c.ID] = c
	}
	return s
}

// CompareTitles orders titles by sort key, then id.
func CompareTitles(a, b *Title) int {
	return cmp.Or(cmp.Compare(a.SortKey, b.SortKey), cmp.Compare(a.ID, b.ID))
}

// Children returns the titles right below id, ordered by CompareTitles.
func (s *Snapshot) Children(id TitleID) []*Title { return s.children[id] }

// Parent returns the title above t, or nil at the top or where it is missing.
func (s *Snapshot) Parent(t *Title) *Title {
	if t.Parent == "" {
		return nil
	}
	return s.Titles[t.Parent]
}

// Root returns the topmost ancestor of id, id itself where it has none.
func (s *Snapshot) Root(id TitleID) TitleID {
	for {
		t := s.Titles[id]
		if t == nil || t.Parent == "" || s.Titles[t.Parent] == nil {
			return id
		}
		id = t.Parent
	}
}

// Family returns id's root and everything below it, parents before children.
func (s *Snapshot) Family(id TitleID) []TitleID {
	family := []TitleID{s.Root(id)}
	for i := 0; i < len(family); i++ {
		for _, child := range s.children[family[i]] {
			family = append(family, child.ID)
		}
	}
	return family
}

// CollectionList returns the collections ordered by sort key, then id.
func (s *Snapshot) CollectionList() []*Collection {
	list := make([]*Collection, 0, len(s.Collections))
	for _, c := range s.Collections {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *Collection) int {
		return cmp.Or(cmp.Compare(a.SortKey, b.SortKey), cmp.Compare(a.ID, b.ID))
	})
	return list
}
