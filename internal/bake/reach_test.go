package bake_test

import (
	"fmt"
	"testing"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/ovenbird"
)

// TestAnEditRemakesOnlyTheSearchesThatLookedAsFar renames movies between two names
// with the same prefixes, of which lists show the first three.
func TestAnEditRemakesOnlyTheSearchesThatLookedAsFar(t *testing.T) {
	const movies = 9
	w := newWorld()
	for i := range movies {
		id := ovenbird.TitleID(fmt.Sprintf("t%d", i))
		w.titles[id] = &ovenbird.Title{
			ID: id, Kind: ovenbird.Movie, SortKey: string(id), Published: true, Video: true,
			Texts:   ovenbird.Texts{ovenbird.Name: {"en": "Ash"}},
			Ratings: []ovenbird.Rating{{System: "FSK", Value: "0"}},
		}
		license := &ovenbird.License{
			ID: ovenbird.LicenseID(id), Title: id, Territories: []string{"*"}, Applications: []string{"*"}, Model: ovenbird.SVOD,
		}
		w.licenses[license.ID] = license
	}
	program, objects := program(t), newPantry()
	state, err := bake.Full(t.Context(), program, w.snapshot(), noon, objects)
	if err != nil {
		t.Fatal(err)
	}
	const editions, always = 2, 2 // the movie, and the document that names a movie
	for _, test := range []struct {
		movie    ovenbird.TitleID
		searches int // made again in each edition
	}{
		{"t0", 2}, {"t2", 2}, {"t3", 0}, {"t8", 0}, {"t1", 2},
	} {
		renamed := *w.titles[test.movie]
		renamed.Texts = ovenbird.Texts{ovenbird.Name: {"en": "Asp"}}
		w.titles[test.movie] = &renamed
		touched := ovenbird.Touched{Titles: []ovenbird.TitleID{test.movie}}
		if state, err = bake.Update(t.Context(), state, w.snapshot(), touched, noon.Add(time.Second), objects); err != nil {
			t.Fatal(err)
		}
		if want := editions * (always + test.searches); state.Remade != want {
			t.Errorf("renaming %s made %d subjects again, want %d", test.movie, state.Remade, want)
		}
		whole, err := bake.Full(t.Context(), program, w.snapshot(), noon.Add(time.Second), objects)
		if err != nil {
			t.Fatal(err)
		}
		if state.Content.Root() != whole.Content.Root() {
			t.Errorf("after renaming %s: %s", test.movie, compare(state.Content, whole.Content))
		}
	}
}
