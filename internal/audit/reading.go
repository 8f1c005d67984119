package audit

import (
	"context"
	"fmt"
	"time"

	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// reading is a release as somebody reads it who knows nothing but its format.
type reading struct {
	release *release.Release
	content release.Content
	objects map[release.Hash][]byte // of the edition that is looked at

	edition string
	at      time.Time
	rows    map[string]release.Row // of the edition at the instant, cards among them
}

// documents returns what a variation is given at an instant, by path.
func (r *reading) documents(ctx context.Context, v model.Variation, at time.Time) (map[string][]byte, error) {
	if err := r.turnTo(ctx, v.Edition(), at); err != nil {
		return nil, err
	}
	documents := make(map[string][]byte)
	for path, row := range r.rows {
		if row.IsCard() {
			continue
		}
		body, ok := r.body(row, v.Country)
		if !ok {
			continue
		}
		if release.IsTemplate(body) {
			var err error
			if body, err = r.list(body, v.Country); err != nil {
				return nil, fmt.Errorf("document %s: %w", path, err)
			}
		}
		documents[path] = body
	}
	return documents, nil
}

// body returns the object that a row leads to in a country.
func (r *reading) body(row release.Row, country ovenbird.Country) ([]byte, bool) {
	hash, ok := row.Object(country)
	return r.objects[hash], ok
}

func (r *reading) list(body []byte, country ovenbird.Country) ([]byte, error) {
	template, err := release.ParseTemplate(body)
	if err != nil {
		return nil, err
	}
	return template.Render(nil, func(slot string) ([]byte, bool) { return r.body(r.rows[slot], country) })
}

// turnTo reads the rows of an edition at an instant, and their objects.
func (r *reading) turnTo(ctx context.Context, edition string, at time.Time) error {
	if r.rows != nil && r.edition == edition && r.at.Equal(at) {
		return nil
	}
	if r.edition != edition {
		clear(r.objects)
	}
	r.edition, r.at, r.rows = edition, at, make(map[string]release.Row)
	var missing []release.Hash
	for row := range r.content.At(at).All() {
		if row.Edition != edition {
			continue
		}
		r.rows[row.Path] = row
		for _, class := range row.Classes {
			if r.objects[class.Object] == nil {
				missing = append(missing, class.Object)
			}
		}
	}
	return r.release.Objects(ctx, missing, func(h release.Hash, body []byte) error {
		r.objects[h] = body
		return nil
	})
}

// paths returns the addresses that lead to a document of the edition in any
// country, at the instant that was turned to.
func (r *reading) paths() []string {
	var paths []string
	for path, row := range r.rows {
		if !row.IsCard() {
			paths = append(paths, path)
		}
	}
	return paths
}
