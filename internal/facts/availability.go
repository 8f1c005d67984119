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
	windows, same := v.windows(t, c, true)
	for _, w := range windows {
		if w.Contains(v.At) {
			return w, true, same
		}
	}
	return ovenbird.Window{}, false, same
}

// Opening returns the next instant, before limit, at which t becomes available
// in the country with bit c, where it is not now. Titles are announced before
// their video is ready.
func (v *View) Opening(t *ovenbird.Title, c uint8, limit time.Time) (at time.Time, ok bool, same ovenbird.CountrySet) {
	windows, same := v.windows(t, c, false)
	for _, w := range windows {
		switch {
		case w.Contains(v.At):
			return time.Time{}, false, same
		case w.Start.After(v.At):
			return w.Start, w.Start.Before(limit), same
		}
	}
	return time.Time{}, false, same
}

// Leaving returns the instant, before limit, at which t stops being available in
// the country with bit c, where it is visible now.
func (v *View) Leaving(t *ovenbird.Title, c uint8, limit time.Time) (at time.Time, ok bool, same ovenbird.CountrySet) {
	visible := v.Visible(t)
	same = v.sameAs(visible, c)
	if !visible.HasIndex(c) {
		return time.Time{}, false, same
	}
	w, ok, within := v.Available(t, c)
	if !ok || w.End.IsZero() || !w.End.Before(limit) {
		return time.Time{}, false, same.Intersect(within)
	}
	return w.End, true, same.Intersect(within)
}

// DayLimit is the instant before which "within days" ends: whole UTC days after
// the view's own, so that a list by days changes at midnight and not at every
// instant.
func (v *View) DayLimit(days int) time.Time {
	return v.At.UTC().Truncate(24*time.Hour).AddDate(0, 0, days+1)
}

// windows returns when the country with bit c has the right to t, merged, and
// the countries for which that is the same.
func (v *View) windows(t *ovenbird.Title, c uint8, needVideo bool) ([]ovenbird.Window, ovenbird.CountrySet) {
	cleared := v.timeless.clearedFor(t)
	same := v.sameAs(cleared, c)
	if !cleared.HasIndex(c) {
		return nil, same
	}
	if t.Kind.Container() {
		return v.containerWindows(t, c, needVideo, same)
	}
	if needVideo && v.timeless.edition.RequiresVideo && !t.Video {
		return nil, same
	}
	var others ovenbird.CountrySet
	for _, found := range v.timeless.coverages(t) {
		if found.countries.HasIndex(c) {
			return found.windows, same.Intersect(found.countries)
		}
		others = others.Union(found.countries)
	}
	return nil, same.Minus(others)
}

func (v *View) containerWindows(
	t *ovenbird.Title, c uint8, needVideo bool, same ovenbird.CountrySet,
) ([]ovenbird.Window, ovenbird.CountrySet) {
	var all []ovenbird.Window
	for _, child := range v.timeless.snapshot.Children(t.ID) {
		if child.Kind == ovenbird.Clip {
			continue
		}
		windows, within := v.windows(child, c, needVideo)
		same = same.Intersect(within)
		if !slices.Equal(windows, all) {
			all = append(slices.Clip(all), windows...)
		}
	}
	return mergeWindows(all), same
}
