package bake_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bake"
	"ovenbird/internal/ovenbird"
)

// Whatever the number of shards, they come to the same release as a bake of
// everything, and to a state that updates go on from.
func TestShardsComeToTheSameReleaseAsAFullBake(t *testing.T) {
	program := program(t)
	check(t, func(t *rapid.T) {
		w, sink := newWorld(), newPantry()
		for range rapid.IntRange(0, 30).Draw(t, "edits") {
			w.edit(t)
		}
		snapshot := w.snapshot()
		full, err := bake.Full(t.Context(), program, snapshot, noon, sink)
		if err != nil {
			t.Fatal(err)
		}
		var pieces [][]byte
		of, made := rapid.IntRange(1, 9).Draw(t, "shards"), 0
		processes := []*bake.Sharer{bake.NewSharer(program, w.snapshot(), noon), bake.NewSharer(program, w.snapshot(), noon)}
		for i := range of {
			process := rapid.SampledFrom(processes).Draw(t, "process")
			part, remade, err := process.Shard(t.Context(), bake.Share{Index: i, Of: of}, sink)
			if err != nil {
				t.Fatal(err)
			}
			pieces, made = append(pieces, part...), made+remade
		}
		joined, err := bake.Join(program, snapshot, noon, rapid.Permutation(pieces).Draw(t, "pieces"), sink)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := joined.Content.Root(), full.Content.Root(); got != want {
			t.Fatalf("root %s of %d shards, %s of a full bake:\n%s", got, of, want, compare(joined.Content, full.Content))
		}
		if made != full.Remade {
			t.Errorf("the shards made %d subjects, a full bake %d", made, full.Remade)
		}
		var changed ovenbird.Touched
		for range 3 {
			c := w.edit(t)
			changed.Titles = append(changed.Titles, c.Titles...)
			changed.Collections = append(changed.Collections, c.Collections...)
		}
		later := noon.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
		updated, err := bake.Update(t.Context(), joined, w.snapshot(), changed, later, sink)
		if err != nil {
			t.Fatal(err)
		}
		if full, err = bake.Full(t.Context(), program, w.snapshot(), later, sink); err != nil {
			t.Fatal(err)
		}
		if got, want := updated.Content.Root(), full.Content.Root(); got != want {
			t.Fatalf("root %s of an update after shards, %s of a full bake:\n%s", got, want, compare(updated.Content, full.Content))
		}
	})
}

func TestADamagedPieceOfAShardIsRefused(t *testing.T) {
	w := newWorld()
	w.titles["m1"] = &ovenbird.Title{ID: "m1", Kind: ovenbird.Movie, Published: true, Video: true}
	w.licenses["l1"] = &ovenbird.License{ID: "l1", Title: "m1", Territories: []string{"*"}, Applications: []string{"*"}}
	program, snapshot, sink := program(t), w.snapshot(), newPantry()
	pieces, _, err := bake.NewSharer(program, snapshot, noon).Shard(t.Context(), bake.Share{Of: 1}, sink)
	if err != nil || len(pieces) != 2 {
		t.Fatalf("%d pieces of two editions: %v", len(pieces), err)
	}
	for _, piece := range pieces {
		for end := range piece {
			if _, err := bake.Join(program, snapshot, noon, [][]byte{piece[:end]}, sink); err == nil {
				t.Fatalf("the first %d of %d bytes were taken for a piece", end, len(piece))
			}
		}
		if _, err := bake.Join(program, snapshot, noon, [][]byte{append(slices.Clip(piece), 0)}, sink); err == nil {
			t.Error("a piece that is too long was taken")
		}
	}
}
