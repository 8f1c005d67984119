package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"ovenbird/internal/catalog"
)

// bigCatalog fills a store with titles in 12 languages and 3 licenses each.
func bigCatalog(b *testing.B, titles int) *catalog.Store {
	b.Helper()
	store := newStore(b)
	var texts []string
	for tag := range strings.FieldsSeq("en fi sv de fr es it pt-BR pl nl ja ko") {
		texts = append(texts, fmt.Sprintf("%q:%q", tag, "A text in "+tag))
	}
	byLocale := "{" + strings.Join(texts, ",") + "}"
	for from := 0; from < titles; from += 250 {
		var lines []string
		for i := from; i < from+250; i++ {
			lines = append(lines, fmt.Sprintf(`{"type":"title","id":"t%d","kind":"movie","genres":["drama"],"texts":{"name":%s,"synopsis":%s}}`,
				i, byLocale, byLocale))
			for _, country := range []string{"FI", "DE", "JP"} {
				lines = append(lines, fmt.Sprintf(
					`{"type":"license","id":"l%d-%s","title":"t%d","territories":[%q],"applications":["*"],"start":"2026-01-01","model":"svod"}`,
					i, country, i, country))
			}
		}
		mustApply(b, store, lines...)
	}
	return store
}

func BenchmarkSnapshot(b *testing.B) {
	store := bigCatalog(b, 10_000)
	for b.Loop() {
		if s := snapshot(b, store); len(s.Titles) != 10_000 {
			b.Fatal("titles are missing")
		}
	}
}

func BenchmarkRefreshAfterOneEdit(b *testing.B) {
	store := bigCatalog(b, 10_000)
	prev := snapshot(b, store)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		mustApply(b, store, fmt.Sprintf(`{"type":"title","id":"t7","op":"merge","year":%d}`, 2000+i%20))
		b.StartTimer()
		next, _, err := store.Refresh(b.Context(), prev)
		if err != nil {
			b.Fatal(err)
		}
		prev = next
	}
}

func BenchmarkSequence(b *testing.B) {
	store := newStore(b)
	for b.Loop() {
		if _, err := store.Sequence(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApplyOne is one edit: a transaction that waits for the disk.
func BenchmarkApplyOne(b *testing.B) {
	store := newStore(b)
	mustApply(b, store, movie("t7"))
	for i := 0; b.Loop(); i++ {
		mustApply(b, store, fmt.Sprintf(`{"type":"title","id":"t7","op":"merge","year":%d}`, 2000+i%20))
	}
}

// BenchmarkSearch asks a catalog of 10,000 titles in 12 languages for the first
// page of what a question finds.
func BenchmarkSearch(b *testing.B) {
	store := bigCatalog(b, 10_000)
	mustApply(b, store, named("needle", "name/en=Needle in a haystack"))
	if err := store.Index(b.Context()); err != nil {
		b.Fatal(err)
	}
	for name, question := range map[string]string{
		"rare": "needle hay", "letter": "n", "all": "text in", "none": "nowhere",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := store.Search(b.Context(), catalog.Search{Text: question}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
