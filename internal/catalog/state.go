package catalog

import (
	"cmp"
	"slices"

	"ovenbird/internal/ovenbird"
)

// state is the part of the catalog that a batch reads or writes, as it is in
// the middle of the batch. loader fills it; plan moves it on.
type state struct {
	titles      map[ovenbird.TitleID]*ovenbird.Title // those the batch writes, as they are
	place       map[ovenbird.TitleID]place           // those, and those they refer to
	tombstones  map[ovenbird.TitleID]ovenbird.Kind
	children    map[ovenbird.TitleID]set[ovenbird.TitleID]   // complete for titles the batch deletes
	licensed    map[ovenbird.TitleID]set[ovenbird.LicenseID] // the same
	licenses    map[ovenbird.LicenseID]*ovenbird.License
	collections map[ovenbird.CollectionID]*ovenbird.Collection // Items unused: see items
	items       map[ovenbird.CollectionID]positions            // complete for collections the batch writes, else as asked
}

// place is where a title hangs.
type place struct {
	kind   ovenbird.Kind
	parent ovenbird.TitleID
}

type set[K comparable] map[K]struct{}

// positions are the items of one collection.
type positions map[ovenbird.TitleID]string

func newState() *state {
	return &state{
		titles:      make(map[ovenbird.TitleID]*ovenbird.Title),
		place:       make(map[ovenbird.TitleID]place),
		tombstones:  make(map[ovenbird.TitleID]ovenbird.Kind),
		children:    make(map[ovenbird.TitleID]set[ovenbird.TitleID]),
		licensed:    make(map[ovenbird.TitleID]set[ovenbird.LicenseID]),
		licenses:    make(map[ovenbird.LicenseID]*ovenbird.License),
		collections: make(map[ovenbird.CollectionID]*ovenbird.Collection),
		items:       make(map[ovenbird.CollectionID]positions),
	}
}

func (s *state) setTitle(t *ovenbird.Title) {
	s.removeTitle(t.ID)
	s.titles[t.ID] = t
	s.place[t.ID] = place{t.Kind, t.Parent}
	if t.Parent != "" {
		link(s.children, t.Parent, t.ID)
	}
}

func (s *state) removeTitle(id ovenbird.TitleID) {
	if old, ok := s.place[id]; ok {
		delete(s.children[old.parent], id)
	}
	delete(s.titles, id)
	delete(s.place, id)
}

func (s *state) setLicense(l *ovenbird.License) {
	s.removeLicense(l.ID)
	s.licenses[l.ID] = l
	link(s.licensed, l.Title, l.ID)
}

func (s *state) removeLicense(id ovenbird.LicenseID) {
	if old, ok := s.licenses[id]; ok {
		delete(s.licensed[old.Title], id)
	}
	delete(s.licenses, id)
}

func (s *state) setItem(collection ovenbird.CollectionID, title ovenbird.TitleID, position string) {
	if s.items[collection] == nil {
		s.items[collection] = make(positions)
	}
	s.items[collection][title] = position
}

func link[K, V comparable](sets map[K]set[V], key K, value V) {
	if sets[key] == nil {
		sets[key] = make(set[V])
	}
	sets[key][value] = struct{}{}
}

// ordered returns the titles of p in the order to show.
func (p positions) ordered() []ovenbird.TitleID {
	type entry struct {
		title    ovenbird.TitleID
		position string
	}
	entries := make([]entry, 0, len(p))
	for title, position := range p {
		entries = append(entries, entry{title, position})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.title, b.title))
	})
	var out []ovenbird.TitleID
	for _, e := range entries {
		out = append(out, e.title)
	}
	return out
}

// least returns the smallest element of s, to name one in a message.
func least[K cmp.Ordered](s set[K]) (first K) {
	for k := range s {
		if first == *new(K) || k < first {
			first = k
		}
	}
	return first
}
