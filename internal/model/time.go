package model

import (
	"sort"
	"time"

	"ovenbird/internal/ovenbird"
)

// Transitions returns the instants after one and up to another at which something
// may change by itself, in order: licenses start and end, days begin.
func (m *Model) Transitions(after, until time.Time) []time.Time {
	var instants []time.Time
	for _, t := range m.everything {
		for _, at := range m.boundariesOf(t.ID) {
			if at.After(after) && !at.After(until) {
				instants = append(instants, at)
			}
		}
	}
	for at := midnight(after, 1); !at.After(until); at = midnight(at, 1) {
		instants = append(instants, at)
	}
	return inOrder(instants)
}

// midnight returns the beginning of the UTC day that is so many days after the
// day of an instant.
func midnight(at time.Time, days int) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), at.Day()+days, 0, 0, 0, 0, time.UTC)
}

// boundariesOf returns when the licenses of one title start and end.
func (m *Model) boundariesOf(id ovenbird.TitleID) []time.Time {
	var instants []time.Time
	for _, l := range m.licenses[id] {
		for _, at := range []time.Time{l.Window.Start, l.Window.End} {
			if !at.IsZero() {
				instants = append(instants, at)
			}
		}
	}
	return instants
}

// boundaries returns, in order, the instants at which a title's visibility may
// change: those of its own licenses, of those above and of those below.
func (m *Model) boundaries(t *ovenbird.Title) []time.Time {
	var instants []time.Time
	for _, up := range m.lineage(t) {
		instants = append(instants, m.boundariesOf(up.ID)...)
	}
	below := []*ovenbird.Title{t}
	for i := 0; i < len(below); i++ {
		for _, child := range m.children[below[i].ID] {
			instants = append(instants, m.boundariesOf(child.ID)...)
			below = append(below, child)
		}
	}
	return inOrder(instants)
}

// inOrder sorts instants and drops those that stand there twice.
func inOrder(instants []time.Time) []time.Time {
	sort.Slice(instants, func(i, j int) bool { return instants[i].Before(instants[j]) })
	var once []time.Time
	for _, at := range instants {
		if len(once) == 0 || !once[len(once)-1].Equal(at) {
			once = append(once, at)
		}
	}
	return once
}

// Availability returns the time around the sight's instant in which a title that is
// visible stays so without a gap. A zero start has always been, a zero end never
// comes. ok is false where the title is hidden.
func (s *Sight) Availability(id ovenbird.TitleID) (start, end time.Time, ok bool) {
	if !s.Visible(id) {
		return start, end, false
	}
	found, known := s.stays[id]
	if !known {
		found.start, found.end = s.stay(s.model.titles[id])
		s.stays[id] = found
	}
	return found.start, found.end, true
}

// stay is a time without a gap.
type stay struct{ start, end time.Time }

// stay works out how long a title that is visible now has been and will be so.
func (s *Sight) stay(t *ovenbird.Title) (start, end time.Time) {
	seen := func(at time.Time) bool { return s.model.hidden(s.Variation, at, t, true) == "" }
	// Between two boundaries nothing changes. Of those up to now, the last at which
	// the title came back is the start; the first after now at which it is gone is
	// the end.
	visible := false
	for i, b := range s.model.boundaries(t) {
		if i == 0 {
			visible = seen(b.Add(-time.Nanosecond))
		}
		was := visible
		visible = seen(b)
		switch {
		case !b.After(s.At) && visible && !was:
			start = b
		case b.After(s.At) && !visible:
			return start, b
		}
	}
	return start, time.Time{}
}

// Opening returns the next instant, before a limit, at which a title becomes
// available that is not now. A title is announced before its video is ready; one
// that waits for its video alone is not.
func (s *Sight) Opening(id ovenbird.TitleID, limit time.Time) (opens time.Time, ok bool) {
	t := s.model.titles[id]
	if t == nil {
		return opens, false
	}
	available := func(at time.Time) bool { return s.model.hidden(s.Variation, at, t, false) == "" }
	if available(s.At) {
		return opens, false
	}
	for _, b := range s.model.boundaries(t) {
		if b.After(s.At) && b.Before(limit) && available(b) {
			return b, true
		}
	}
	return opens, false
}

// Leaving returns the next instant, before a limit, at which a title goes that is
// visible now.
func (s *Sight) Leaving(id ovenbird.TitleID, limit time.Time) (leaves time.Time, ok bool) {
	_, end, ok := s.Availability(id)
	if !ok || end.IsZero() || !end.Before(limit) {
		return time.Time{}, false
	}
	return end, true
}
