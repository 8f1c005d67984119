package facts

import (
	"time"

	"ovenbird/internal/ovenbird"
)

// View judges one catalog for one edition at one instant. It remembers what it
// worked out, so it belongs to one goroutine; views of other editions are
// independent.
type View struct {
	At time.Time

	timeless *timeless
	visible  map[ovenbird.TitleID]ovenbird.CountrySet
	shown    map[ovenbird.CollectionID]ovenbird.CountrySet

	before  *View                     // nil for the first
	changed map[ovenbird.TitleID]bool // since before; see Later
}

// timeless is what a view knows that no instant changes.
type timeless struct {
	index    *Index
	snapshot *ovenbird.Snapshot // the index's
	edition  *Edition
	rules    *Rules

	coverage map[ovenbird.TitleID][]coverage // by the title whose licenses they are
	admitted map[ovenbird.TitleID]ovenbird.CountrySet
	cleared  map[ovenbird.TitleID]ovenbird.CountrySet
	spans    map[spanKey][]coverage
	ratings  map[ovenbird.TitleID][]rated // by the title whose ratings they are
	search   *search                      // nil until asked for
}

// forget drops what is remembered of a title.
func (s *timeless) forget(id ovenbird.TitleID) {
	delete(s.coverage, id)
	delete(s.admitted, id)
	delete(s.cleared, id)
	delete(s.spans, spanKey{id, false})
	delete(s.spans, spanKey{id, true})
	delete(s.ratings, id)
}

// NewView returns a view of snapshot for an edition as of an instant.
func NewView(snapshot *ovenbird.Snapshot, edition *Edition, rules *Rules, at time.Time) *View {
	return NewIndex(snapshot).View(edition, rules, at)
}

// View returns a view of the catalog for an edition as of an instant.
func (x *Index) View(edition *Edition, rules *Rules, at time.Time) *View {
	return newView(&timeless{
		index: x, snapshot: x.snapshot, edition: edition, rules: rules,
		coverage: make(map[ovenbird.TitleID][]coverage),
		admitted: make(map[ovenbird.TitleID]ovenbird.CountrySet),
		cleared:  make(map[ovenbird.TitleID]ovenbird.CountrySet),
		spans:    make(map[spanKey][]coverage),
		ratings:  make(map[ovenbird.TitleID][]rated),
	}, at)
}

// For returns a view of the same catalog at the same instant for another edition,
// or for the same one, for another goroutine.
func (v *View) For(edition *Edition) *View {
	return v.timeless.index.View(edition, v.timeless.rules, v.At)
}

// Follow makes v, which no call of Later returned, a view of its index's catalog as
// that is now, after Index.Follow, as of an instant that is not earlier than v's.
// changed has every title of every family in which something is not as it was, or a
// license started or ended since: families as they are, and as they were. Of all
// others v goes on knowing what it knew.
func (v *View) Follow(at time.Time, changed map[ovenbird.TitleID]bool) {
	v.At, v.timeless.snapshot = at, v.timeless.index.snapshot
	for id := range changed {
		v.timeless.forget(id)
		delete(v.visible, id)
	}
	clear(v.shown)
}

func newView(shared *timeless, at time.Time) *View {
	return &View{
		At: at, timeless: shared,
		visible: make(map[ovenbird.TitleID]ovenbird.CountrySet),
		shown:   make(map[ovenbird.CollectionID]ovenbird.CountrySet),
	}
}

// Later returns a view as of a later instant. changed has the top titles of all
// families in which a license starts or ends after v's instant and up to that one:
// of all others what v knows still holds. Both views belong to the same goroutine.
func (v *View) Later(at time.Time, changed map[ovenbird.TitleID]bool) *View {
	later := newView(v.timeless, at)
	later.before, later.changed = v, changed
	return later
}

// Snapshot returns the catalog that v judges.
func (v *View) Snapshot() *ovenbird.Snapshot { return v.timeless.snapshot }

// Edition returns the edition that v judges for.
func (v *View) Edition() *Edition { return v.timeless.edition }

// Visible returns the countries in which t may be shown: it and what is above it
// are published and suit the edition's age, its license is in force, and its
// video is ready where the edition asks for that. A container is visible where
// an episode in it is; clips alone do not carry one.
func (v *View) Visible(t *ovenbird.Title) ovenbird.CountrySet {
	if set, ok := v.visible[t.ID]; ok {
		return set
	}
	if v.before != nil && !v.changed[v.timeless.snapshot.Root(t.ID)] {
		return v.before.Visible(t)
	}
	var set ovenbird.CountrySet
	switch {
	case t.Kind.Container():
		for _, child := range v.timeless.snapshot.Children(t.ID) {
			if child.Kind != ovenbird.Clip {
				set = set.Union(v.Visible(child))
			}
		}
	case t.Video || !v.timeless.edition.RequiresVideo:
		for _, c := range v.timeless.coverages(t) {
			if _, ok := c.at(v.At); ok {
				set = set.Union(c.countries)
			}
		}
		set = set.Intersect(v.timeless.clearedFor(t))
	}
	v.visible[t.ID] = set
	return set
}

// Shown returns the countries in which a collection may be shown: it is
// published and something in it is visible.
func (v *View) Shown(c *ovenbird.Collection) ovenbird.CountrySet {
	if set, ok := v.shown[c.ID]; ok {
		return set
	}
	var set ovenbird.CountrySet
	if c.Published {
		for _, id := range c.Items {
			if t := v.timeless.snapshot.Titles[id]; t != nil {
				set = set.Union(v.Visible(t))
			}
		}
	}
	v.shown[c.ID] = set
	return set
}

// coverages returns when the edition's countries have the right to t.
func (s *timeless) coverages(t *ovenbird.Title) []coverage {
	owner, licenses := governing(s.snapshot, t)
	if owner == "" {
		return nil
	}
	if found, ok := s.coverage[owner]; ok {
		return found
	}
	found := coverages(licenses, s.edition, s.rules.Groups)
	s.coverage[owner] = found
	return found
}

// clearedFor returns the edition's countries in which t is published and suits
// the edition's age, whatever its licenses say. A title without any rating
// suits nobody where ages count; a container is judged by what is in it.
func (s *timeless) clearedFor(t *ovenbird.Title) ovenbird.CountrySet {
	if t.Kind.Container() {
		return s.admittedBy(t)
	}
	if set, ok := s.cleared[t.ID]; ok {
		return set
	}
	set := s.admittedBy(t).Intersect(s.suitable(t))
	s.cleared[t.ID] = set
	return set
}

// admittedBy returns the edition's countries in which neither t nor anything
// above it stands in the way: all are published, and those that carry a rating
// of their own suit the edition's age.
func (s *timeless) admittedBy(t *ovenbird.Title) ovenbird.CountrySet {
	if set, ok := s.admitted[t.ID]; ok {
		return set
	}
	var set ovenbird.CountrySet
	if t.Published {
		set = s.edition.Countries
		if len(t.Ratings) > 0 {
			set = s.suitable(t)
		}
		if parent := s.snapshot.Parent(t); parent != nil {
			set = set.Intersect(s.admittedBy(parent))
		}
	}
	s.admitted[t.ID] = set
	return set
}
