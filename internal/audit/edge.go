package audit

import (
	"context"
	"fmt"
	"io"
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
	before := a.Now()
	if err := a.found.turnTo(ctx, v.Edition(), before); err != nil {
		return err
	}
	found := make(map[string][]byte)
	for _, path := range a.found.paths() {
		body, there, err := a.get(ctx, v, path)
		if err != nil {
			return err
		}
		if there {
			found[path] = body
		}
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
		a.add("edge", v, before, d)
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
