package facts

import (
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
)

// coverage is when some countries have the right to a title: the union over
// all its licenses there.
type coverage struct {
	countries ovenbird.CountrySet
	windows   []ovenbird.Window // merged: sorted, disjoint, not abutting
}

// at returns the window that contains t.
func (c *coverage) at(t time.Time) (ovenbird.Window, bool) {
	for _, w := range c.windows {
		if w.Contains(t) {
			return w, true
		}
	}
	return ovenbird.Window{}, false
}

// governing returns the licenses that govern t: its own, or those of its
// nearest ancestor that has some; and whose they are.
func governing(s *ovenbird.Snapshot, t *ovenbird.Title) (ovenbird.TitleID, []*ovenbird.License) {
	for ; t != nil; t = s.Parent(t) {
		if licenses := s.Licenses[t.ID]; len(licenses) > 0 {
			return t.ID, licenses
		}
	}
	return "", nil
}

// coverages divides the edition's countries by which licenses cover them. The
// result is disjoint and leaves out countries that no license covers.
func coverages(licenses []*ovenbird.License, e *Edition, groups Groups) []coverage {
	type part struct {
		countries ovenbird.CountrySet
		windows   []ovenbird.Window
	}
	parts := []part{{countries: e.Countries}}
	for _, l := range licenses {
		if !Applies(l, e.Application) {
			continue
		}
		in := groups.CountriesOf(l)
		for i := range parts {
			with := parts[i].countries.Intersect(in)
			if with.Empty() {
				continue
			}
			windows := append(slices.Clip(parts[i].windows), l.Window)
			if without := parts[i].countries.Minus(in); !without.Empty() {
				parts = append(parts, part{without, parts[i].windows})
			}
			parts[i] = part{with, windows}
		}
	}
	var result []coverage
	for _, p := range parts {
		if len(p.windows) > 0 {
			result = append(result, coverage{p.countries, mergeWindows(p.windows)})
		}
	}
	return result
}

// Applies reports whether l covers an application.
func Applies(l *ovenbird.License, application string) bool {
	return slices.Contains(l.Applications, application) || slices.Contains(l.Applications, "*")
}

// mergeWindows returns the union of windows: sorted, with those that overlap or
// abut joined into one.
func mergeWindows(windows []ovenbird.Window) []ovenbird.Window {
	sorted := slices.Clone(windows)
	slices.SortFunc(sorted, func(a, b ovenbird.Window) int { return a.Start.Compare(b.Start) })
	var merged []ovenbird.Window
	for _, w := range sorted {
		last := len(merged) - 1
		if last < 0 || (!merged[last].End.IsZero() && merged[last].End.Before(w.Start)) {
			merged = append(merged, w)
			continue
		}
		if merged[last].End.IsZero() || w.End.IsZero() {
			merged[last].End = time.Time{}
		} else if w.End.After(merged[last].End) {
			merged[last].End = w.End
		}
	}
	return merged
}

// FirstEnd returns the first instant after the given one at which a license of a
// title ends; ok is false where none does.
func FirstEnd(s *ovenbird.Snapshot, id ovenbird.TitleID, after time.Time) (end time.Time, ok bool) {
	for _, l := range s.Licenses[id] {
		if t := l.Window.End; t.After(after) && (!ok || t.Before(end)) {
			end, ok = t, true
		}
	}
	return end, ok
}
