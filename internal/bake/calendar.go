package bake

import (
	"maps"
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
	families  map[ovenbird.TitleID][]time.Time // by the title at the top: when a license in the family starts or ends
	ends      map[ovenbird.TitleID]time.Time   // by the title at the top: when the first license ends after the stretch
	midnights []time.Time                      // UTC
}

// newCalendar returns the transitions in (after, until].
func newCalendar(s *ovenbird.Snapshot, after, until time.Time) *calendar {
	c := &calendar{
		snapshot: s, families: make(map[ovenbird.TitleID][]time.Time), ends: make(map[ovenbird.TitleID]time.Time),
	}
	for id := range s.Licenses {
		if s.Titles[id] == nil {
			continue
		}
		if instants := facts.Boundaries(s, []ovenbird.TitleID{id}, after, until); len(instants) > 0 {
			root := s.Root(id)
			c.families[root] = append(c.families[root], instants...)
		}
		c.noteEnd(id, until)
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

// noteEnd notes when a license of a title ends next after the stretch.
func (c *calendar) noteEnd(id ovenbird.TitleID, until time.Time) {
	end, ok := facts.FirstEnd(c.snapshot, id, until)
	if !ok {
		return
	}
	root := c.snapshot.Root(id)
	if known, ok := c.ends[root]; !ok || end.Before(known) {
		c.ends[root] = end
	}
}

// ending says of the rows of a subject when they end. What a family's rows show
// is all of that family; lists show other titles in cards alone.
func (c *calendar) ending(s subject, rows []release.Row) []release.Row {
	end, ok := c.ends[ovenbird.TitleID(s.id)]
	if s.of != shape.ByTitle || !ok {
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

// of returns the instants at which a subject of the kitchen may change, sorted.
func (c *calendar) of(s subject, k *kitchen, view *facts.View) []time.Time {
	var instants []time.Time
	switch s.of {
	case shape.ByTitle:
		return c.families[ovenbird.TitleID(s.id)]
	case shape.ByCollection:
		if collection := c.snapshot.Collections[ovenbird.CollectionID(s.id)]; collection != nil {
			for _, id := range collection.Items {
				instants = append(instants, c.families[c.snapshot.Root(id)]...)
			}
		}
	case shape.ByPrefix:
		for _, hit := range view.Search(s.id, k.longestPrefix()) {
			instants = append(instants, c.families[hit.Title.ID]...)
		}
	default:
		for family := range maps.Values(c.families) {
			instants = append(instants, family...)
		}
		if k.looksAhead(s) {
			instants = append(instants, c.midnights...)
		}
	}
	return sortInstants(instants)
}

// looksAhead reports whether an unkeyed document lists what changes within some
// days, which midnight changes.
func (k *kitchen) looksAhead(s subject) bool {
	return slices.ContainsFunc(k.plans[shape.Unkeyed], func(plan *shape.Plan) bool {
		_, ahead := plan.Days()
		return ahead && plan.Template().String() == s.id
	})
}
