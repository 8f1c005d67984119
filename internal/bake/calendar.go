package bake

import (
	"slices"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// endOfTime is after every instant that a catalog knows.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// calendar is when documents change by themselves in a stretch of time.
type calendar struct {
	snapshot  *ovenbird.Snapshot
	until     time.Time                        // the end of the stretch
	families  map[ovenbird.TitleID][]time.Time // by the title at the top: when a license in the family starts or ends
	midnights []time.Time                      // UTC
}

// newCalendar returns the transitions in (after, until].
func newCalendar(index *facts.Index, after, until time.Time) *calendar {
	s := index.Snapshot()
	c := &calendar{snapshot: s, until: until, families: make(map[ovenbird.TitleID][]time.Time)}
	for at, id := range index.Turns(after, until) {
		if s.Titles[id] != nil {
			root := s.Root(id)
			c.families[root] = append(c.families[root], at)
		}
	}
	for root, instants := range c.families {
		c.families[root] = sortInstants(instants)
	}
	day := 24 * time.Hour
	for t := after.UTC().Truncate(day).Add(day); !t.After(until); t = t.Add(day) {
		c.midnights = append(c.midnights, t)
	}
	return c
}

// changed returns the families in which something starts or ends up to an instant.
func (c *calendar) changed(until time.Time) map[ovenbird.TitleID]bool {
	changed := make(map[ovenbird.TitleID]bool)
	for root, instants := range c.families {
		if !instants[0].After(until) {
			changed[root] = true
		}
	}
	return changed
}

// end returns when the first license of a family ends after the stretch; ok is
// false where none does.
func (c *calendar) end(root ovenbird.TitleID) (end time.Time, ok bool) {
	for _, id := range c.snapshot.Family(root) {
		if t, ends := facts.FirstEnd(c.snapshot, id, c.until); ends && (!ok || t.Before(end)) {
			end, ok = t, true
		}
	}
	return end, ok
}

// ending says of the rows of a subject when they end. What a family's rows show
// is all of that family; lists show other titles in cards alone.
func (c *calendar) ending(s subject, rows []release.Row) []release.Row {
	if s.of != shape.ByTitle {
		return rows
	}
	end, ok := c.end(ovenbird.TitleID(s.id))
	if !ok {
		return rows
	}
	for i := range rows {
		rows[i].Ends = end.Unix()
	}
	return rows
}

func sortInstants(instants []time.Time) []time.Time {
	slices.SortFunc(instants, time.Time.Compare)
	return slices.CompactFunc(instants, time.Time.Equal)
}

// next returns the first instant after the given one at which what was made of a
// subject may change; ok is false where nothing changes it any more in the stretch.
func (c *calendar) next(d *dish, k *kitchen, view *facts.View, after time.Time) (at time.Time, ok bool) {
	look := func(instants []time.Time) {
		i, found := slices.BinarySearchFunc(instants, after, time.Time.Compare)
		if found {
			i++
		}
		if i < len(instants) && (!ok || instants[i].Before(at)) {
			at, ok = instants[i], true
		}
	}
	switch s := d.subject; s.of {
	case shape.ByTitle:
		look(c.families[ovenbird.TitleID(s.id)])
	case shape.ByCollection:
		if collection := c.snapshot.Collections[ovenbird.CollectionID(s.id)]; collection != nil {
			for _, id := range collection.Items {
				look(c.families[c.snapshot.Root(id)])
			}
		}
	case shape.ByPrefix:
		for chain, find := range view.Search(s.id, k.longestPrefix()) {
			for i := range d.reach[chain] {
				if title := find.At(i); title != nil {
					look(c.families[title.ID])
				}
			}
		}
	default:
		for _, family := range c.families {
			look(family)
		}
		if k.looksAhead(s) {
			look(c.midnights)
		}
	}
	return at, ok
}

// looksAhead reports whether an unkeyed document lists what changes within some
// days, which midnight changes.
func (k *kitchen) looksAhead(s subject) bool {
	return slices.ContainsFunc(k.plans[shape.Unkeyed], func(plan *shape.Plan) bool {
		_, ahead := plan.Days()
		return ahead && plan.Template().String() == s.id
	})
}
