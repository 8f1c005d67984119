package edge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// builder makes states from releases. One goroutine uses it at a time.
type builder struct {
	keeps     bool // see Config.KeepAfterHorizon
	remembers bool // see Config.Dictionaries
}

// build returns the state for a release, and the rows in which it differs from the
// one before, of which there may be none. If it fails, nothing happened.
func (b builder) build(ctx context.Context, before *state, r *release.Release) (*state, []release.Changed, error) {
	editions := r.Manifest().Editions
	if err := checkEditions(editions); err != nil {
		return nil, nil, err
	}
	var view *release.View
	if before != nil && sameNames(before.manifest.Editions, editions) {
		// Rows that are the same could belong to other editions otherwise.
		view = before.view
	}
	next, changes, err := r.View(ctx, view)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the rows: %w", err)
	}
	if err := checkChanges(ctx, view, next, changes); err != nil {
		return nil, nil, err
	}
	st := newState(r.Manifest(), next)
	st.outlives = b.keeps && r.Manifest().KnowsEnds()
	st.remembers = b.remembers
	if before != nil {
		st.number, st.oldest = before.number+1, before.oldest
		if view == nil {
			st.oldest = st.number
		}
		if b.remembers {
			st.before = before.view
		}
	}
	return st, changes, nil
}

// checkEditions refuses editions that addresses could not tell apart.
func checkEditions(editions []release.Edition) error {
	names := make(map[string]bool)
	for _, e := range editions {
		want := e.Application
		if e.Language != "" {
			want += "/" + e.Language
		}
		if e.Name == "" || e.Name != want || names[e.Name] {
			return ovenbird.Errorf(ovenbird.Internal,
				"edition %q of application %q in language %q is named wrongly or listed twice", e.Name, e.Application, e.Language)
		}
		names[e.Name] = true
		for _, country := range slices.Concat(e.Countries, e.DefaultCountries) {
			if parsed, err := ovenbird.ParseCountry(string(country)); err != nil || parsed != country {
				return ovenbird.Errorf(ovenbird.Internal, "edition %s covers %q, which this program does not know", e.Name, country)
			}
		}
	}
	return nil
}

func sameNames(a, b []release.Edition) bool {
	return slices.EqualFunc(a, b, func(a, b release.Edition) bool { return a.Name == b.Name })
}

// checker makes sure that what a release brings can be answered with. What has been
// there before has been looked at before, or will be when it is asked for.
type checker struct {
	view      *release.View
	templates map[release.Hash]*template // of all that is new; nil for a document
}

// checkChanges checks the rows in which a view differs from the one before.
func checkChanges(ctx context.Context, old, next *release.View, changes []release.Changed) error {
	c := checker{view: next, templates: make(map[release.Hash]*template)}
	for _, change := range changes {
		seen := make(map[release.Hash]bool)
		for v := range timelineOf(old, change.ID).all {
			for _, h := range v.Classes.Objects() {
				seen[h] = true
			}
		}
		for v := range timelineOf(next, change.ID).all {
			for _, h := range v.Classes.Objects() {
				if !seen[h] {
					c.templates[h] = nil
				}
			}
		}
	}
	if err := next.Objects(ctx, slices.Collect(maps.Keys(c.templates)), c.take); err != nil {
		return err
	}
	for _, change := range changes {
		if err := c.check(change); err != nil {
			return ovenbird.Errorf(ovenbird.Internal, "row %s: %w", change.Key, err)
		}
	}
	return nil
}

// take looks at an object.
func (c checker) take(h release.Hash, body []byte) (err error) {
	if !release.IsTemplate(body) {
		return checkDocument(h, body)
	}
	c.templates[h], err = newTemplate(body)
	return err
}

// check makes sure that all new lists of a row find their cards, wherever and for as
// long as they are shown.
func (c checker) check(change release.Changed) error {
	row := timelineOf(c.view, change.ID)
	for i, v := range slices.Collect(row.all) {
		until := int64(forever)
		if i < len(row.later) {
			until = row.later[i].From
		}
		for _, h := range v.Classes.Objects() {
			if t := c.templates[h]; t != nil {
				if err := c.list(change.Key, v, until, h, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// list looks at a list of a version that is in force until an instant.
func (c checker) list(key release.Key, v release.Version, until int64, h release.Hash, t *template) error {
	for _, slot := range t.slots {
		card := release.Key{Edition: key.Edition, Path: slot}
		if key.IsCard() || !card.IsCard() {
			return ovenbird.Errorf(ovenbird.Internal, "it has a slot for %s: only documents hold cards, and nothing else", card)
		}
		row := timelineOf(c.view, card.ID())
		for instant, at := range row.between(v.From, until) {
			// Most cards are there wherever the row is.
			if v.Classes.Countries().Minus(at.Classes.Countries()).Empty() {
				continue
			}
			if missing := v.Classes.CountriesOf(h).Minus(at.Classes.Countries()); !missing.Empty() {
				return ovenbird.Errorf(ovenbird.Internal, "it holds card %s, which does not exist in %s at %s", card, missing,
					time.Unix(0, instant).UTC())
			}
		}
	}
	return nil
}
