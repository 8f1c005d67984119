package bake_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bake"
	"ovenbird/internal/ovenbird"
)

// Every document of every variation, as a full bake and as updates make it, at the
// instant of the bake and at others up to its horizon, is what the independent
// model says; and there is no other.
func TestEveryDocumentIsWhatTheModelSays(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSite(t)
		program := load(t, dir, s)
		w, sink := newWorld(), newPantry()
		if chance(t, "stocked", 98) {
			w.stock(t)
		}
		at := drawInstant(t, "as of")
		snapshot := w.snapshot()
		state, err := bake.Full(t.Context(), program, snapshot, at, sink)
		if err != nil {
			t.Fatal(err)
		}
		auditAhead(t, &s, state, snapshot, sink)
		for range fair(t, "updates", 4) {
			var touched ovenbird.Touched
			for range fair(t, "edits", 5) {
				one := w.oddEdit(t)
				touched.Titles = append(touched.Titles, one.Titles...)
				touched.Collections = append(touched.Collections, one.Collections...)
			}
			at = at.Add(pick(t, "later", 0, time.Second, time.Hour, 12*time.Hour, 24*time.Hour, 49*time.Hour))
			snapshot = snapshot.With(w.since(touched))
			if state, err = bake.Update(t.Context(), state, snapshot, touched, at, sink); err != nil {
				t.Fatal(err)
			}
			auditAhead(t, &s, state, snapshot, sink)
		}
	})
}

// since is the edit that brings a snapshot up to date.
func (w *world) since(touched ovenbird.Touched) ovenbird.Edit {
	slices.Sort(touched.Titles)
	slices.Sort(touched.Collections)
	touched = ovenbird.Touched{Titles: slices.Compact(touched.Titles), Collections: slices.Compact(touched.Collections)}
	e := ovenbird.Edit{Sequence: w.sequence, Touched: touched}
	for _, id := range touched.Titles {
		if title := w.titles[id]; title != nil {
			e.Titles = append(e.Titles, title)
		}
		for _, l := range w.licenses {
			if l.Title == id {
				e.Licenses = append(e.Licenses, l)
			}
		}
	}
	for _, id := range touched.Collections {
		if c := w.collections[id]; c != nil {
			e.Collections = append(e.Collections, c)
		}
	}
	return e
}

// A title that is unpublished and published again, or deleted and put again, comes
// back at its address, as it was, and wherever it stood.
func TestIdsComeBackAfterUnpublishing(t *testing.T) {
	s := trapSite()
	program := load(t, t.TempDir(), s)
	family := titles{title(ovenbird.Series, "s", ""), title(ovenbird.Episode, "e1", "s"), title(ovenbird.Episode, "e2", "s")}
	hidden := slices.Clone(family)
	hidden[2] = title(ovenbird.Episode, "e2", "s", unpublished)
	rights, rails := licenses{right("s", "*")}, collections{rail("k", "e2", "s")}
	before, sink := ovenbird.NewSnapshot(1, family, rights, rails), newPantry()
	for what, without := range map[string]*ovenbird.Snapshot{
		"unpublished": ovenbird.NewSnapshot(2, hidden, rights, rails),
		"deleted":     ovenbird.NewSnapshot(2, family[:2], rights, rails),
	} {
		state, err := bake.Full(t.Context(), program, before, noon, sink)
		if err != nil {
			t.Fatal(err)
		}
		root, touched := state.Content.Root(), ovenbird.Touched{Titles: []ovenbird.TitleID{"e2"}}
		if state, err = bake.Update(t.Context(), state, without, touched, noon, sink); err != nil {
			t.Fatal(err)
		}
		audit(t, newModel(t, s, without), &s, state.Content, sink, noon)
		if _, there := sink.document(state.Content.Tree, "tv", "titles/e2.json", "FI"); there {
			t.Errorf("%s, and still served", what)
		}
		back := ovenbird.NewSnapshot(3, family, rights, rails)
		if state, err = bake.Update(t.Context(), state, back, touched, noon.Add(time.Second), sink); err != nil {
			t.Fatal(err)
		}
		audit(t, newModel(t, s, back), &s, state.Content, sink, noon)
		if state.Content.Root() != root {
			t.Errorf("%s and back, the release is not what it was", what)
		}
	}
}
