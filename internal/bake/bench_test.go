package bake_test

import (
	"fmt"
	"syscall"
	"testing"

	"ovenbird/internal/bake"
	"ovenbird/internal/bake/baketest"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// cpu begins to count the processor's time, which other programs on the machine
// disturb less than the clock's; the function that it returns reports it.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() (time syscall.Rusage) {
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &time); err != nil {
			b.Error(err)
		}
		return time
	}
	before := used()
	return func() {
		after := used()
		spent := after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/op")
	}
}

// What sharing a bake among two processes costs and saves: a bake of everything,
// half of it in one shard and in three, and joining six shards.
func BenchmarkFanOut(b *testing.B) {
	countries := ovenbird.AllCountries()[:50]
	var sources []shape.Source
	for path, text := range shapes {
		if path != "featured.json" { // it names titles that are not in this catalog
			sources = append(sources, shape.Source{Name: path, Text: text})
		}
	}
	program, err := baketest.Program(4, ovenbird.NewCountrySet(countries...), sources)
	if err != nil {
		b.Fatal(err)
	}
	snapshot, _ := baketest.Catalog(1, 3000, noon, countries)
	b.Run("full", func(b *testing.B) {
		defer cpu(b)()
		for b.Loop() {
			if _, err := bake.Full(b.Context(), program, snapshot, noon, newPantry()); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, of := range []int{2, 6} {
		b.Run(fmt.Sprintf("half in %d shards", of/2), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				sharer, sink := bake.NewSharer(program, snapshot, noon), newPantry()
				for i := range of / 2 {
					if _, _, err := sharer.Shard(b.Context(), bake.Share{Index: i, Of: of}, sink); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	sharer, sink := bake.NewSharer(program, snapshot, noon), newPantry()
	var pieces [][]byte
	for i := range 6 {
		part, _, err := sharer.Shard(b.Context(), bake.Share{Index: i, Of: 6}, sink)
		if err != nil {
			b.Fatal(err)
		}
		pieces = append(pieces, part...)
	}
	b.Run("join of 6", func(b *testing.B) {
		defer cpu(b)()
		for b.Loop() {
			if _, err := bake.Join(program, snapshot, noon, pieces, sink); err != nil {
				b.Fatal(err)
			}
		}
	})
}
