package bake

import (
	"reflect"
	"testing"
	"time"

	"ovenbird/internal/ovenbird"
)

func TestASnapshotIsTheSameInEveryProcess(t *testing.T) {
	day := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	titles := []*ovenbird.Title{
		{ID: "s", Kind: ovenbird.Series, Published: true, Texts: ovenbird.Texts{ovenbird.Name: {"en": "Series", "fi": ""}}},
		{
			ID: "e", Kind: ovenbird.Episode, Parent: "s", SortKey: "1", Number: "160a", Special: true, Video: true, Year: 1990,
			Runtime: time.Minute, Added: day, Genres: []string{"comedy"}, Cast: []string{"A"}, Directors: []string{"B"},
			Origins: []ovenbird.Country{"FI"}, Images: []ovenbird.Image{{Role: ovenbird.Hero, URL: "u", Width: 1, Height: 2, Locale: "en"}},
			Ratings: []ovenbird.Rating{{System: "FSK", Value: "6"}},
		},
	}
	licenses := []*ovenbird.License{{
		ID: "l", Title: "s", Territories: []string{"*"}, Exclude: []string{"US"}, Applications: []string{"tv"},
		Window: ovenbird.Window{Start: day}, Model: ovenbird.SVOD,
	}}
	collections := []*ovenbird.Collection{{ID: "c", SortKey: "2", Published: true, Items: []ovenbird.TitleID{"s", "gone"}}}
	want := ovenbird.NewSnapshot(7, titles, licenses, collections)
	pieces, err := encodeSnapshot(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeSnapshot(7, pieces)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v came out as %+v", want, got)
	}
	if _, err := decodeSnapshot(7, [][]byte{pieces[0][:9]}); err == nil {
		t.Error("half a piece was taken")
	}
}
