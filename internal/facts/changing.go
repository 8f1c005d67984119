package facts

import (
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
)

// Changing returns the movies and series for which a license, theirs or one
// below, starts or ends after the view's instant and before limit, ordered by
// CompareTitles. Only those can open or leave in between.
func (v *View) Changing(limit time.Time) []*ovenbird.Title {
	s := v.timeless.snapshot
	soon := func(t time.Time) bool { return t.After(v.At) && t.Before(limit) }
	var titles []*ovenbird.Title
	for id, licenses := range s.Licenses {
		if !slices.ContainsFunc(licenses, func(l *ovenbird.License) bool { return soon(l.Window.Start) || soon(l.Window.End) }) {
			continue
		}
		t := s.Titles[s.Root(id)]
		if t != nil && t.Parent == "" && (t.Kind == ovenbird.Movie || t.Kind == ovenbird.Series) {
			titles = append(titles, t)
		}
	}
	slices.SortFunc(titles, ovenbird.CompareTitles)
	return slices.Compact(titles)
}
