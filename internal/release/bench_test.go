package release_test

import (
	"fmt"
	"testing"

	"ovenbird/internal/release"
)

// document returns a title's document of about the usual size.
func document(i int) []byte {
	return fmt.Appendf(nil, `{"title":{"id":"t%06d","name":"The %d. Adventure","synopsis":"In which number %d goes out to look for number %d, `+
		`and comes home wiser.","year":%d,"image":{"url":"https://img.example/t%06d/hero-1920.jpg","width":1920,"height":1080},`+
		`"genres":["animation","family","comedy"],"seasons":[{"number":"1","episodes":[{"id":"e%d","name":"Pilot"}]}]}}`,
		i, i, i, i*7919%1000, 1920+i%100, i, i)
}

func BenchmarkWriterAdd(b *testing.B) {
	s, _ := openStore(b, release.Config{})
	w, err := s.Begin(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(document(0))))
	i := 0
	for b.Loop() {
		i++
		if _, err := w.Add(b.Context(), document(i)); err != nil {
			b.Fatal(err)
		}
	}
}

// large commits a release of n rows, each with an object of its own.
func large(b *testing.B, s *release.Store, n int) *release.Release {
	b.Helper()
	w, err := s.Begin(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	rows := sampleRows(n)
	for i := range rows {
		h, err := w.Add(b.Context(), document(i))
		if err != nil {
			b.Fatal(err)
		}
		for c := range rows[i].Classes {
			rows[i].Classes[c].Object = h
		}
		rows[i] = release.NewRow(rows[i].Key, rows[i].Classes)
	}
	r, err := w.Commit(b.Context(), release.Content{Tree: release.NewTree(rows)}, meta(noon))
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func BenchmarkContentLoad100k(b *testing.B) {
	s, _ := openStore(b, release.Config{})
	ref := large(b, s, 100_000).Ref()
	for b.Loop() {
		r, err := s.Load(b.Context(), ref)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Content(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitOneEdit is what storing an edit of one document costs, in a
// release of 100,000 rows whose content is in memory.
func BenchmarkCommitOneEdit(b *testing.B) {
	s, _ := openStore(b, release.Config{})
	r := large(b, s, 100_000)
	content, err := r.Content(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		i++
		w, err := s.Begin(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		h, err := w.Add(b.Context(), document(1_000_000+i))
		if err != nil {
			b.Fatal(err)
		}
		row := sampleRow(i, 0)
		edited := release.Content{Tree: content.Tree.Set(release.NewRow(row.Key, []release.Class{{Countries: row.Countries(), Object: h}}))}
		if _, err := w.Commit(b.Context(), edited, meta(noon)); err != nil {
			b.Fatal(err)
		}
	}
}
