package importer_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"ovenbird/internal/catalog"
	"ovenbird/internal/importer"
)

// endless is a file that is made while it is read: episodes of long texts, and
// at the very end the series that they all hang on.
func endless(rows int) io.Reader {
	in, out := io.Pipe()
	synopsis := strings.Repeat("x", 2000)
	go func() {
		for i := range rows {
			if _, err := fmt.Fprintf(out, `{"type":"title","id":"e%d","kind":"episode","parent":"s","texts":{"synopsis":{"en":%q}}}`+"\n", i, synopsis); err != nil {
				return
			}
		}
		_, err := fmt.Fprintln(out, `{"type":"title","id":"s","kind":"series"}`)
		out.CloseWithError(err)
	}()
	return in
}

// hungry is a catalog that takes no episode before the series is there.
type hungry struct{ there bool }

func (h *hungry) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	results := make([]catalog.Result, len(b.Records))
	for i := range b.Records {
		if h.there = h.there || b.Records[i].ID == "s"; !h.there {
			results[i] = catalog.Result{Err: fmt.Errorf("its parent is not there"), Waits: true}
		}
	}
	return results, b.Also(ctx, nil, results)
}

// The worst case for memory is a file whose records all wait for its last: 80 MiB
// of them go through a small, constant part of the heap.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if testing.Short() {
		t.Skip("it imports 80 MiB")
	}
	const rows, ceiling = 40_000, 16 << 20
	imports, err := importer.New(importer.Config{TempDir: t.TempDir(), BatchSize: 500}, importer.Deps{Catalog: new(hungry)})
	if err != nil {
		t.Fatal(err)
	}
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most, batches := live(), uint64(0), 0
	report, err := imports.Run(t.Context(), importer.Source{Name: "endless", Reader: endless(rows)}, func(importer.Report) {
		batches++
		if batches%20 == 0 {
			most = max(most, live())
		}
	})
	if err != nil || report.Accepted != rows+1 || report.Rejected != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if most > before+ceiling {
		t.Errorf("%d bytes are live in the middle of an import of %d, more than %d", most-before, report.Read, ceiling)
	}
}

// Whatever is refused, however much of it, is not kept in memory.
func TestMemoryDoesNotGrowWithRejects(t *testing.T) {
	if testing.Short() {
		t.Skip("it imports 80 MiB")
	}
	imports, err := importer.New(importer.Config{TempDir: t.TempDir()}, importer.Deps{Catalog: new(hungry)})
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("nonsense ", 220) + "\n"
	var most uint64
	report, err := imports.Run(t.Context(), importer.Source{Name: "bad", Reader: strings.NewReader(strings.Repeat(line, 40_000))}, func(r importer.Report) {
		if r.Rejected%10_000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	})
	if err != nil || report.Rejected != 40_000 {
		t.Fatalf("%+v, %v", report, err)
	}
	if size := uint64(len(line)) * 40_000; most > size+(16<<20) {
		t.Errorf("%d bytes are live, %d of them the file itself", most, size)
	}
}

func TestAnImportOfAnyOrderEndsAlike(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(week("top", "a", "b", "c")+week("other", "d")), "\n")
	want := ""
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		p := newPlace(t)
		text := strings.Join(lines, "\n")
		p.write(t, "in", text)
		report, err := p.run(t, importer.Config{BatchSize: 1 + random.IntN(5)}, "in", nil)
		if err != nil || report.Rejected != 0 || report.Changed != int64(len(lines)) {
			t.Fatalf("%s:\n%+v, %v", text, report, err)
		}
		var b strings.Builder
		if err := p.store.Export(t.Context(), func(line []byte) error { b.Write(line); return nil }); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = b.String()
		}
		if b.String() != want {
			t.Errorf("%s:\nit ends with\n%s\nwant\n%s", text, b.String(), want)
		}
	}
}
