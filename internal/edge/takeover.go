package edge

import (
	"context"
	"fmt"
	"slices"

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
	c := checker{old: view, view: next, templates: make(map[release.Hash]*template)}
	for _, change := range changes {
		if err := c.check(change); err != nil {
			return nil, nil, err
		}
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
	old, view *release.View
	templates map[release.Hash]*template // of what has been read; nil for a document
}

// check looks at all objects that a row did not lead to before.
func (c checker) check(change release.Changed) error {
	row := timelineOf(c.view, change.ID)
	seen := make(map[release.Hash]bool)
	if c.old != nil {
		for v := range timelineOf(c.old, change.ID).all {
			for _, h := range v.Classes.Objects() {
				seen[h] = true
			}
		}
	}
	for i, v := range slices.Collect(row.all) {
		until := int64(forever)
		if i < len(row.later) {
			until = row.later[i].From
		}
		for _, h := range v.Classes.Objects() {
			if seen[h] {
				continue
			}
			seen[h] = true
			if err := c.object(change.Key, v, until, h); err != nil {
				return ovenbird.Errorf(ovenbird.Internal, "row %s: %w", change.Key, err)
			}
		}
	}
	return nil
}

// object makes sure that an object of a version that is in force until an instant is
// a document, or a list whose cards are there wherever and for as long as it is.
func (c checker) object(key release.Key, v release.Version, until int64, h release.Hash) error {
	t, err := c.read(h)
	if err != nil || t == nil {
		return err
	}
	for _, slot := range t.slots {
		card := release.Key{Edition: key.Edition, Path: slot}
		if key.IsCard() || !card.IsCard() {
			return ovenbird.Errorf(ovenbird.Internal, "it has a slot for %s: only documents hold cards, and nothing else", card)
		}
		if err := c.card(card, v.Classes.CountriesOf(h), v.From, until); err != nil {
			return err
		}
	}
	return nil
}

// read reads an object, or what there is to know of one that was read before.
func (c checker) read(h release.Hash) (*template, error) {
	if t, ok := c.templates[h]; ok {
		return t, nil
	}
	body, err := c.view.Object(h)
	if err != nil {
		return nil, err
	}
	var t *template
	if release.IsTemplate(body) {
		t, err = newTemplate(body)
	} else {
		err = checkDocument(h, body)
	}
	c.templates[h] = t
	return t, err
}

// card makes sure that a card is there in some countries between two instants.
func (c checker) card(card release.Key, countries ovenbird.CountrySet, from, until int64) error {
	row := timelineOf(c.view, card.ID())
	versions := []release.Version{row.at(from)}
	for _, v := range row.later {
		if v.From > from && v.From < until {
			versions = append(versions, v)
		}
	}
	for _, v := range versions {
		if missing := countries.Minus(v.Classes.Countries()); !missing.Empty() {
			return ovenbird.Errorf(ovenbird.Internal, "it holds card %s, which does not exist in %s", card, missing)
		}
	}
	return nil
}
