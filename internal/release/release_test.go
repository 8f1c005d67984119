package release_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openStore(tb testing.TB, config release.Config) (*release.Store, *bucket.Bucket) {
	tb.Helper()
	b := bucket.OpenMemory()
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	s, err := release.Open(b, config)
	if err != nil {
		tb.Fatal(err)
	}
	return s, b
}

func meta(asOf time.Time) release.Meta {
	return release.Meta{AsOf: asOf, HorizonEnd: asOf.Add(24 * time.Hour), CreatedAt: asOf, Site: "site"}
}

func countries(codes ...ovenbird.Country) ovenbird.CountrySet {
	return ovenbird.NewCountrySet(codes...)
}

// commit writes a release in which each path leads to one body everywhere.
func commit(tb testing.TB, s *release.Store, parent *release.Release, asOf time.Time, bodies map[string]string) *release.Release {
	tb.Helper()
	ctx := tb.Context()
	w, err := s.Begin(ctx, parent)
	if err != nil {
		tb.Fatal(err)
	}
	var rows []release.Row
	for path, body := range bodies {
		h, err := w.Add(ctx, []byte(body))
		if err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, release.NewRow(release.Key{Edition: "tv", Path: path}, []release.Class{{Countries: countries("FI", "SE"), Object: h}}))
	}
	r, err := w.Commit(ctx, release.Content{Tree: release.NewTree(rows)}, meta(asOf))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func publish(tb testing.TB, s *release.Store, r *release.Release) release.Head {
	tb.Helper()
	h, err := s.Publish(tb.Context(), r.Ref())
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func bodyOf(ctx context.Context, r *release.Release, path string, country ovenbird.Country) (string, error) {
	c, err := r.Content(ctx)
	if err != nil {
		return "", err
	}
	row, _ := c.Tree.Get(release.Key{Edition: "tv", Path: path})
	h, ok := row.Object(country)
	if !ok {
		return "", fmt.Errorf("no %s in %s", path, country)
	}
	body, err := r.Object(ctx, h)
	return string(body), err
}

func TestPublishedReleaseIsReadBackWhole(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	written := commit(t, s, nil, noon, map[string]string{"home.json": `{"a":1}`, "titles/t1.json": `{"b":2}`})
	head := publish(t, s, written)

	current, ok := head.CurrentRelease()
	if !ok {
		t.Fatal("no current release")
	}
	read, err := s.Load(t.Context(), current.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := bodyOf(t.Context(), read, "titles/t1.json", "FI"); err != nil || got != `{"b":2}` {
		t.Errorf("got %q, %v", got, err)
	}
	if err := read.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if c := read.Manifest().Counts; c.Documents != 4 || c.Rows != 2 {
		t.Errorf("counts: %+v", c)
	}
}
