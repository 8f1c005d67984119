package edge_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ovenbird/internal/edge"
	"ovenbird/internal/release"
)

func TestProgressTellsOfReleasesAndRowsOfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, edge.Config{})
		store := &faulty{Store: s.store}
		var told []edge.Progress
		var err error
		s.edge, err = edge.New(edge.Config{}, edge.Deps{
			Releases: store, Now: s.clock.Now, Progress: func(p edge.Progress) { told = append(told, p) },
		})
		if err != nil {
			t.Fatal(err)
		}
		first := s.publish(numbered(1)).Ref().ID
		if err := s.edge.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
			t.Fatal(err)
		}
		store.fail.Store(true)
		wait(time.Minute)
		second := s.publish(numbered(2)).Ref().ID
		store.fail.Store(false)
		wait(time.Minute)
		if err := s.edge.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}

		if len(told) != 4 {
			t.Fatalf("got %+v, want a release, one failure, a release, and the end of the failures", told)
		}
		if told[0].Release != first || told[0].Previous != "" || told[0].Failure != nil {
			t.Errorf("at first: %+v", told[0])
		}
		if told[1].Failure == nil || told[1].Release != "" {
			t.Errorf("of many failures, the first: %+v", told[1])
		}
		if p := told[2]; p.Release != second || p.Previous != first || p.Known.IsZero() || p.Served.Before(p.Known) {
			t.Errorf("the next release: %+v", p)
		}
		if !told[3].Recovered {
			t.Errorf("at the end: %+v", told[3])
		}
	})
}

// Whoever tells caches has to know of a release before they can have any of it.
func TestAReleaseIsPreparedBeforeItsFirstAnswer(t *testing.T) {
	s := newSite(t, edge.Config{})
	var prepared []string
	var err error
	s.edge, err = edge.New(edge.Config{}, edge.Deps{Releases: s.store, Now: s.clock.Now, Prepare: func(next *release.Release) {
		prepared = append(prepared, next.Ref().ID+" while it served "+s.get("/FI/tv/a.json").header.Get("Ovenbird-Release"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	first := s.publish(content{rows: rows{"tv a.json": {"FI": `{"n":1}`}}}).Ref().ID
	s.follow()
	second := s.publish(content{rows: rows{"tv a.json": {"FI": `{"n":2}`}}}).Ref().ID
	s.follow()
	if want := []string{first + " while it served ", second + " while it served " + first}; !slices.Equal(prepared, want) {
		t.Errorf("got %q, want %q", prepared, want)
	}
}
