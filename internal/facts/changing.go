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
	var titles []*ovenbird.Title
	for at, id := range v.timeless.index.Turns(v.At, limit) {
		if !at.Before(limit) {
			break
		}
		t := s.Titles[s.Root(id)]
		if t != nil && t.Parent == "" && (t.Kind == ovenbird.Movie || t.Kind == ovenbird.Series) {
			titles = append(titles, t)
		}
	}
	slices.SortFunc(titles, ovenbird.CompareTitles)
	return slices.Compact(titles)
}
