package release_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// part writes objects as one of several processes and returns their rows.
func part(t *testing.T, s *release.Store, parent *release.Release, bodies ...string) ([]release.Hash, []release.Row) {
	t.Helper()
	w, err := s.Begin(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	var rows []release.Row
	for _, body := range bodies {
		h, err := w.Add(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, release.NewRow(release.Key{Edition: "tv", Path: body}, []release.Class{{Countries: countries("FI"), Object: h}}))
	}
	packs, err := w.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return packs, rows
}

func TestAReleaseIsWrittenByManyAndCommittedByOne(t *testing.T) {
	for _, packSize := range []int{1, 0} {
		t.Run(strconv.Itoa(packSize), func(t *testing.T) {
			s, _ := openStore(t, release.Config{PackSize: packSize})
			parent := commit(t, s, nil, noon, map[string]string{"old": "old"})
			publish(t, s, parent)
			none, _ := part(t, s, parent, "old")
			if len(none) != 0 {
				t.Errorf("what the parent has was written again, in %d packs", len(none))
			}
			first, rows := part(t, s, parent, "old", "a", "both")
			second, more := part(t, s, parent, "b", "both")
			w, err := s.Begin(t.Context(), parent)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Adopt(t.Context(), slices.Concat(first, second)); err != nil {
				t.Fatal(err)
			}
			content := release.Content{Tree: release.NewTree(append(rows, more...))}
			made, err := w.Commit(t.Context(), content, meta(noon.Add(time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			publish(t, s, made)
			read, err := s.Load(t.Context(), made.Ref())
			if err != nil {
				t.Fatal(err)
			}
			if err := read.Verify(t.Context()); err != nil {
				t.Error(err)
			}
			for _, path := range []string{"old", "a", "b", "both"} {
				if body, err := bodyOf(t.Context(), read, path, "FI"); err != nil || body != path {
					t.Errorf("%s: %q, %v", path, body, err)
				}
			}
		})
	}
}

func TestAPartThatIsNotAdoptedIsMissed(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	_, rows := part(t, s, nil, "a")
	w, err := s.Begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Commit(t.Context(), release.Content{Tree: release.NewTree(rows)}, meta(noon))
	if ovenbird.CodeOf(err) != ovenbird.Internal {
		t.Errorf("a release without its objects: %v", err)
	}
}

func TestAStashIsReadBackUntilItIsGarbage(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	publish(t, s, commit(t, s, nil, noon, map[string]string{"a": "a"}))
	want := []string{"", "one", strings.Repeat("two", 1000)}
	var bodies [][]byte
	for _, body := range append(want, "one") {
		bodies = append(bodies, []byte(body))
	}
	stash, err := s.Stash(t.Context(), bodies)
	if err != nil {
		t.Fatal(err)
	}
	unstash := func() (got []string, err error) {
		err = s.Unstash(t.Context(), stash, func(body []byte) error {
			got = append(got, string(body))
			return nil
		})
		slices.Sort(got)
		return got, err
	}
	if got, err := unstash(); err != nil || !slices.Equal(got, want) {
		t.Errorf("%.20q, %v", got, err)
	}
	if _, err := s.Collect(t.Context(), time.Now().Add(2*time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := unstash(); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("after it was collected: %.20q, %v", got, err)
	}
}
