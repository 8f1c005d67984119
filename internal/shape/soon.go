package shape

import (
	"slices"
	"time"

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
	when  []moment // disjoint; together all countries of the edition
}

// moment is when a title opens or leaves in some countries, if it does.
type moment struct {
	countries ovenbird.CountrySet
	at        time.Time
	ok        bool
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
	for i := range titles {
		for _, m := range titles[i].when {
			if !m.countries.HasIndex(x.country) {
				continue
			}
			x.narrow(m.countries)
			if m.ok {
				x.events = append(x.events, event{titles[i].title, m.at})
			}
			break
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
	for _, t := range r.view.Changing(limit) {
		if when := r.moments(t, key.leaving, limit); when != nil {
			found = append(found, turning{t, when})
		}
	}
	r.soon[key] = found
	return found
}

// moments divides the edition's countries by when t opens or leaves there. It
// returns nil where it does so in none.
func (r *Renderer) moments(t *ovenbird.Title, leaving bool, limit time.Time) []moment {
	read := r.view.Opening
	if leaving {
		read = r.view.Leaving
	}
	var when []moment
	somewhere := false
	for todo := r.view.Edition().Countries; !todo.Empty(); {
		c, _ := todo.First()
		at, ok, same := read(t, c, limit)
		same = same.Union(alone(c)).Intersect(todo)
		when = append(when, moment{same, at, ok})
		somewhere = somewhere || ok
		todo = todo.Minus(same)
	}
	if !somewhere {
		return nil
	}
	return when
}
