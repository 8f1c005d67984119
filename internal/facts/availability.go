package facts

import (
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
)

// Available returns the window around the view's instant in which t stays
// visible in the country with bit c without a gap, as its licenses have it: for a
// container, as long as some episode of it is. ok is false where t has no right
// now. A zero End means no end.
func (v *View) Available(t *ovenbird.Title, c uint8) (w ovenbird.Window, ok bool, same ovenbird.CountrySet) {
	same = v.timeless.edition.Countries
	for _, span := range v.timeless.spansOf(spanKey{t.ID, true}, t) {
		if span.countries.HasIndex(c) {
			w, ok = span.at(v.At)
			return w, ok, span.countries
		}
		same = same.Minus(span.countries)
	}
	return ovenbird.Window{}, false, same
}

// Moment is an instant at which something happens in some countries.
type Moment struct {
	At        time.Time
	Countries ovenbird.CountrySet
}

// Openings returns the next instants, before limit, at which t becomes available
// where it is not now. The countries are disjoint. Titles are announced before
// their video is ready.
func (v *View) Openings(t *ovenbird.Title, limit time.Time) []Moment {
	var moments []Moment
	for _, span := range v.timeless.spansOf(spanKey{t.ID, false}, t) {
		i := slices.IndexFunc(span.windows, func(w ovenbird.Window) bool { return w.Contains(v.At) || w.Start.After(v.At) })
		if i >= 0 && span.windows[i].Start.After(v.At) && span.windows[i].Start.Before(limit) {
			moments = addMoment(moments, span.windows[i].Start, span.countries)
		}
	}
	return moments
}

// Leavings returns the instants, before limit, at which t stops being available
// where it is visible now. The countries are disjoint.
func (v *View) Leavings(t *ovenbird.Title, limit time.Time) []Moment {
	var moments []Moment
	visible := v.Visible(t)
	for _, span := range v.timeless.spansOf(spanKey{t.ID, true}, t) {
		if w, ok := span.at(v.At); ok && !w.End.IsZero() && w.End.Before(limit) {
			moments = addMoment(moments, w.End, span.countries.Intersect(visible))
		}
	}
	return moments
}

func addMoment(moments []Moment, at time.Time, countries ovenbird.CountrySet) []Moment {
	if countries.Empty() {
		return moments
	}
	for i := range moments {
		if moments[i].At.Equal(at) {
			moments[i].Countries = moments[i].Countries.Union(countries)
			return moments
		}
	}
	return append(moments, Moment{at, countries})
}

// DayLimit is the instant before which "within days" ends: whole UTC days after
// the view's own, so that a list by days changes at midnight and not at every
// instant.
func (v *View) DayLimit(days int) time.Time {
	return v.At.UTC().Truncate(24*time.Hour).AddDate(0, 0, days+1)
}

// spanKey asks when there is a right to a title: with its video, where the edition
// requires one, or whether that is ready or not.
type spanKey struct {
	title     ovenbird.TitleID
	needVideo bool
}

// spansOf divides the countries in which there is ever a right to t by when there
// is: for a container, by when there is one to something in it.
func (s *timeless) spansOf(key spanKey, t *ovenbird.Title) []coverage {
	if found, ok := s.spans[key]; ok {
		return found
	}
	var found []coverage
	switch {
	case t.Kind.Container():
		found = s.containerSpans(t, key.needVideo)
	case t.Video || !key.needVideo || !s.edition.RequiresVideo:
		for _, c := range s.coverages(t) {
			found = appendSpan(found, c.countries.Intersect(s.clearedFor(t)), c.windows)
		}
	}
	s.spans[key] = found
	return found
}

func (s *timeless) containerSpans(t *ovenbird.Title, needVideo bool) []coverage {
	parts := []coverage{{countries: s.clearedFor(t)}}
	for _, child := range s.snapshot.Children(t.ID) {
		if child.Kind == ovenbird.Clip {
			continue
		}
		for _, span := range s.spansOf(spanKey{child.ID, needVideo}, child) {
			for i := range parts {
				with := parts[i].countries.Intersect(span.countries)
				if with.Empty() || slices.Equal(parts[i].windows, span.windows) {
					continue
				}
				if without := parts[i].countries.Minus(span.countries); !without.Empty() {
					parts = append(parts, coverage{without, parts[i].windows})
				}
				parts[i] = coverage{with, mergeWindows(slices.Concat(parts[i].windows, span.windows))}
			}
		}
	}
	var found []coverage
	for _, part := range parts {
		if len(part.windows) > 0 {
			found = appendSpan(found, part.countries, part.windows)
		}
	}
	return found
}

// appendSpan adds countries to those with the same windows.
func appendSpan(spans []coverage, countries ovenbird.CountrySet, windows []ovenbird.Window) []coverage {
	if countries.Empty() {
		return spans
	}
	for i := range spans {
		if slices.Equal(spans[i].windows, windows) {
			spans[i].countries = spans[i].countries.Union(countries)
			return spans
		}
	}
	return append(spans, coverage{countries, windows})
}
