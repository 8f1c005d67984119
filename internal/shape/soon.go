package shape

import (
	"slices"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// event is a title and when it opens or leaves.
type event struct {
	title *ovenbird.Title
	at    time.Time
}

// turning is a title that opens or leaves somewhere soon.
type turning struct {
	title *ovenbird.Title
	when  []facts.Moment
}

type soonKey struct {
	leaving bool
	days    int
}

func upcoming(b *builder, n *node) write[root] {
	below := b.below(n)
	below.read(factOpens)
	return soon(b, n, false, openingFields())
}

func openingFields() map[string]maker[event] {
	return map[string]maker[event]{
		"opens": leaf(func(x *run, e event) { x.Body = appendTime(x.Body, e.at) }),
		"title": eventTitle(previewFields()),
	}
}

func leaving(b *builder, n *node) write[root] {
	below := b.below(n)
	below.read(factVisible)
	below.read(factLeaves)
	return soon(b, n, true, leavingFields())
}

func leavingFields() map[string]maker[event] {
	return map[string]maker[event]{
		"leaves": leaf(func(x *run, e event) { x.Body = appendTime(x.Body, e.at) }),
		"title":  eventTitle(titleFields()),
	}
}

func eventTitle(fields titleMakers) maker[event] {
	return func(b *builder, n *node) write[event] {
		slot := b.slot(n, fields)
		return func(x *run, e event) { slot(x, e.title) }
	}
}

// soon makes a field that lists what opens or leaves.
func soon(b *builder, n *node, leaving bool, fields map[string]maker[event]) write[root] {
	b.unkeyed(n)
	days, first := b.integer(n, "days", 0, maxDays), b.first(n)
	b.days = max(b.days, days)
	selected := build(b.below(n), fields, n.sets)
	return func(x *run, _ root) {
		events := x.eventsOf(x.turning(soonKey{leaving, days}))
		if first > 0 && len(events) > first {
			events = events[:first]
		}
		x.Body = append(x.Body, '[')
		for i, e := range events {
			x.separate(i)
			selected.append(x, e)
		}
		x.Body = append(x.Body, ']')
	}
}

// eventsOf returns what opens or leaves in the run's country, by instant, then
// by sort key and id.
func (x *run) eventsOf(titles []turning) []event {
	x.events = x.events[:0]
	for _, t := range titles {
		for _, m := range t.when {
			if x.holds(m.Countries) {
				x.events = append(x.events, event{t.title, m.At})
				break
			}
		}
	}
	slices.SortStableFunc(x.events, func(a, b event) int { return a.at.Compare(b.at) })
	return x.events
}

// turning returns the movies and series that open or leave in some country,
// ordered by sort key and id. It is worked out once for all countries.
func (r *Renderer) turning(key soonKey) []turning {
	if found, ok := r.soon[key]; ok {
		return found
	}
	found := []turning{}
	limit := r.view.DayLimit(key.days)
	read := r.view.Openings
	if key.leaving {
		read = r.view.Leavings
	}
	for _, t := range r.view.Changing(limit) {
		if when := read(t, limit); len(when) > 0 {
			found = append(found, turning{t, when})
		}
	}
	r.soon[key] = found
	return found
}
