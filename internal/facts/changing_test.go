package facts_test

import (
	"testing"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

func TestChangingAreTheTopTitlesWithALicenseBoundaryAheadOfThem(t *testing.T) {
	until := func(title ovenbird.TitleID, start, end time.Time) *ovenbird.License {
		return &ovenbird.License{
			ID: ovenbird.LicenseID("l-" + title), Title: title, Territories: []string{facts.WorldwideToken}, Applications: []string{"*"},
			Window: ovenbird.Window{Start: start, End: end},
		}
	}
	soon, later := noon.Add(time.Hour), noon.Add(48*time.Hour)
	snapshot := ovenbird.NewSnapshot(1, []*ovenbird.Title{
		{ID: "opens", Kind: ovenbird.Movie},
		{ID: "ends", Kind: ovenbird.Movie},
		{ID: "at limit", Kind: ovenbird.Movie},
		{ID: "now", Kind: ovenbird.Movie},
		{ID: "clip", Kind: ovenbird.Clip},
		{ID: "series", Kind: ovenbird.Series},
		{ID: "e1", Kind: ovenbird.Episode, Parent: "series"},
		{ID: "e2", Kind: ovenbird.Episode, Parent: "series"},
	}, []*ovenbird.License{
		until("opens", soon, time.Time{}), until("ends", time.Time{}, soon), until("at limit", later, time.Time{}), until("now", noon, later),
		until("clip", soon, time.Time{}), until("e1", soon, later), until("e2", time.Time{}, soon),
	}, nil)
	v := facts.NewView(snapshot, &facts.Edition{Application: "tv", MaxAge: facts.NoMaxAge}, &facts.Rules{}, noon)
	var got []ovenbird.TitleID
	for _, title := range v.Changing(later) {
		got = append(got, title.ID)
	}
	if want := []ovenbird.TitleID{"ends", "opens", "series"}; len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("changing: %v, want %v", got, want)
	}
}
