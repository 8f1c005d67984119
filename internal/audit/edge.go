package audit

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
)

// longestAnswer bounds what is read of one answer, in bytes.
const longestAnswer = 64 << 20

// ask gets every document of a variation from the edge, and every one that is
// there in other countries alone, which it must refuse.
func (a *auditor) ask(ctx context.Context, v model.Variation) error {
	return a.hold(v, "edge", func(before time.Time) (map[string][]byte, error) {
		if err := a.found.turnTo(ctx, v.Edition(), before); err != nil {
			return nil, err
		}
		found := make(map[string][]byte)
		for _, path := range a.found.paths() {
			body, there, err := a.get(ctx, v, path)
			if err != nil {
				return nil, err
			}
			if there {
				found[path] = body
			}
		}
		return found, nil
	})
}

// look reads every file of a variation in the tree.
func (a *auditor) look(ctx context.Context, v model.Variation) error {
	return a.hold(v, "tree", func(before time.Time) (map[string][]byte, error) {
		found, wrong, err := a.Tree.Documents(ctx, v.Country, v.Edition())
		for _, name := range slices.Sorted(maps.Keys(wrong)) {
			a.violate(Violation{
				Where: "tree", Kind: Copy, Country: v.Country, Edition: v.Edition(), Path: name, At: before.UTC(), Found: wrong[name],
			})
		}
		return found, err
	})
}

// hold compares what is served now with what has to be.
func (a *auditor) hold(v model.Variation, where string, get func(before time.Time) (map[string][]byte, error)) error {
	before := a.Now()
	found, err := get(before)
	if err != nil {
		return err
	}
	after := a.Now()
	differences := a.Model.At(v, before).Compare(found)
	if len(a.Model.Transitions(before, after)) > 0 {
		// Something opened or closed meanwhile: either will do.
		differences = slices.DeleteFunc(differences, func(d model.Difference) bool {
			return !slices.ContainsFunc(a.Model.At(v, after).Compare(found), func(o model.Difference) bool { return o.Path == d.Path })
		})
	}
	for _, d := range differences {
		a.add(where, v, before, d)
	}
	return nil
}

// get asks for a document. An answer that says neither what it is nor that it
// is not there is an error.
func (a *auditor) get(ctx context.Context, v model.Variation, path string) (body []byte, there bool, err error) {
	address := a.Edge + (&url.URL{Path: "/" + string(v.Country) + "/" + v.Edition() + "/" + path}).EscapedPath()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, false, err
	}
	a.report.Asked++
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, false, ovenbird.Errorf(ovenbird.Unavailable, "asking the edge: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err = io.ReadAll(io.LimitReader(answer.Body, longestAnswer))
	if err != nil {
		return nil, false, ovenbird.Errorf(ovenbird.Unavailable, "reading %s: %w", address, err)
	}
	switch served := answer.Header.Get("Ovenbird-Release"); {
	case answer.StatusCode == http.StatusNotFound:
		return nil, false, nil
	case answer.StatusCode != http.StatusOK:
		return nil, false, ovenbird.Errorf(ovenbird.Unavailable, "%s answered %s: %s", address, answer.Status, short(body))
	case served != a.report.Release:
		return nil, false, ovenbird.Errorf(ovenbird.Conflict,
			"the edge serves release %s, and this audit is of %s: begin again", served, a.report.Release)
	}
	return body, true, nil
}

func short(body []byte) string { return fmt.Sprintf("%.200q", body) }
