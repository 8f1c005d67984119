package importer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// recorder is a catalog that keeps what it is given and takes everything.
type recorder struct {
	records []catalog.Record
}

func (r *recorder) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	r.records = append(r.records, b.Records...)
	results := make([]catalog.Result, len(b.Records))
	return results, b.Also(ctx, nil, results)
}

func (r *recorder) lines(t *testing.T) []string {
	t.Helper()
	out := make([]string, len(r.records))
	for i := range r.records {
		line, err := r.records[i].MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		out[i] = string(line)
	}
	return out
}

// outcome is what an import came to.
type outcome struct {
	catalog *recorder
	report  importer.Report
	rejects []string
	err     error
}

// run imports text into a recorder.
func run(t *testing.T, cfg importer.Config, text string) outcome {
	t.Helper()
	out := outcome{catalog: new(recorder)}
	cfg.RejectsPath = filepath.Join(t.TempDir(), "rejects.ndjson")
	imp, err := importer.New(cfg, importer.Deps{Catalog: out.catalog})
	if err != nil {
		t.Fatal(err)
	}
	out.report, out.err = imp.Run(t.Context(), source(text), nil)
	out.rejects = rejects(t, cfg.RejectsPath)
	return out
}

func source(text string) importer.Source {
	return importer.Source{Name: "test", Reader: strings.NewReader(text), Size: int64(len(text))}
}

func rejects(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func newStore(t testing.TB) *catalog.Store {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{Path: filepath.Join(t.TempDir(), "catalog.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store, err := catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

const movies = `{"type":"title","id":"a","kind":"movie"}
{"type":"title","id":"b","kind":"movie"}
`

func TestNDJSONMayBeZippedOrStartWithAMark(t *testing.T) {
	for name, text := range map[string]string{
		"plain": movies, "zipped": zipped(t, movies), "marked": "\ufeff" + movies, "CRLF": strings.ReplaceAll(movies, "\n", "\r\n"),
		"without a last newline": strings.TrimSpace(movies), "with empty lines": "\n" + movies + "\n\n",
	} {
		out := run(t, importer.Config{}, text)
		if out.err != nil || len(out.catalog.records) != 2 || out.rejects != nil {
			t.Errorf("%s: %v, %d records, rejects %s", name, out.err, len(out.catalog.records), out.rejects)
		}
		if out.report.Read != int64(len(text)) || out.report.Size != int64(len(text)) {
			t.Errorf("%s: read %d of %d bytes, want %d", name, out.report.Read, out.report.Size, len(text))
		}
	}
}

func TestABadLineIsRejectedWithLineColumnAndItself(t *testing.T) {
	lines := []string{
		`{"type":"title","id":"a","kind":"movie"}`, `{"type":"title","id":"b","color":1}`, `not JSON`, "{\"id\":\"\xff\"}",
		`{"type":"title","id":"long","kind":"movie","number":"` + strings.Repeat("x", 200) + `"}`, `{"type":"title","id":"c","kind":"movie"}`,
	}
	out := run(t, importer.Config{LineBytes: 100}, strings.Join(lines, "\n"))
	want := []string{
		`{"file":"test","line":2,"column":26,"reason":"unknown key \"color\"; remove it, or take one of those in docs/import.md","raw":"{\"type\":\"title\",\"id\":\"b\",\"color\":1}"}`,
		`{"file":"test","line":3,"column":2,"reason":"malformed JSON: invalid character 'o' in literal null (expecting 'u'); check quotes, commas and brackets around here","raw":"not JSON"}`,
		`{"file":"test","line":4,"column":8,"reason":"malformed JSON: invalid UTF-8; save the file as UTF-8","raw":"{\"id\":\"` + "\ufffd" + `\"}"}`,
		`{"file":"test","line":5,"reason":"the line is longer than 100 bytes; shorten its texts or lists","raw":"` + strings.ReplaceAll(lines[4][:100], `"`, `\"`) + `"}`,
	}
	if strings.Join(out.rejects, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(out.rejects, "\n"), strings.Join(want, "\n"))
	}
	if r := out.report; out.err != nil || r.Rows != 6 || r.Accepted != 2 || r.Rejected != 4 {
		t.Errorf("%+v, %v", r, out.err)
	}
}

func TestRecordsMayComeBeforeWhatTheyNeed(t *testing.T) {
	lines := []string{
		`{"type":"license","id":"l1","title":"e1","territories":["*"],"applications":["*"],"model":"free"}`,
		`{"type":"title","id":"e1","kind":"episode","parent":"s1","number":"1"}`,
		`{"type":"title","id":"e1","op":"merge","number":"2"}`,
		`{"type":"title","id":"x","kind":"episode","parent":"nobody"}`,
		`{"type":"title","id":"old","op":"delete"}`,
		`{"type":"title","id":"s1","kind":"season","parent":"r1"}`,
		`{"type":"title","id":"young","op":"delete"}`,
		`{"type":"title","id":"r1","kind":"series"}`,
		`{"type":"title","id":"e1","op":"merge","number":"3"}`,
	}
	for size := 1; size <= len(lines)+1; size++ {
		store := newStore(t)
		seed := `{"type":"title","id":"old","kind":"series"}` + "\n" + `{"type":"title","id":"young","kind":"season","parent":"old"}`
		importInto(t, store, seed, importer.Config{})
		path := filepath.Join(t.TempDir(), "rejects")
		temp := t.TempDir()
		report := importInto(t, store, strings.Join(lines, "\n"), importer.Config{BatchSize: size, RejectsPath: path, TempDir: temp})
		s, err := store.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e := s.Titles["e1"]; e == nil || e.Number != "3" || len(s.Licenses["e1"]) != 1 || len(s.Titles) != 3 {
			t.Errorf("batches of %d: e1 is %+v, %d titles", size, e, len(s.Titles))
		}
		if got := rejects(t, path); len(got) != 1 || !strings.Contains(got[0], `"line":4,"record":"title x","reason":"its parent nobody is not in the catalog;`) {
			t.Errorf("batches of %d: rejects %s", size, got)
		}
		if report.Records != 9 || report.Accepted != 8 || report.Rejected != 1 || report.Waiting != 0 {
			t.Errorf("batches of %d: %+v", size, report)
		}
		if left, _ := os.ReadDir(temp); len(left) != 0 {
			t.Errorf("batches of %d: %v is left in the temporary folder", size, left)
		}
	}
}

func importInto(t testing.TB, store *catalog.Store, text string, cfg importer.Config) importer.Report {
	t.Helper()
	imp, err := importer.New(cfg, importer.Deps{Catalog: store})
	if err != nil {
		t.Fatal(err)
	}
	report, err := imp.Run(t.Context(), source(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func manyMovies(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"type":"title","id":"t%d","kind":"movie","texts":{"name":{"en":"Movie %d"}}}`+"\n", i, i)
	}
	return b.String()
}

func TestASecondImportChangesNothing(t *testing.T) {
	store := newStore(t)
	first := importInto(t, store, manyMovies(25), importer.Config{BatchSize: 10})
	second := importInto(t, store, manyMovies(25), importer.Config{BatchSize: 10})
	if first.Changed != 25 || second.Changed != 0 || second.Accepted != 25 {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

// stopping is a catalog whose import is interrupted after some batches.
type stopping struct {
	*catalog.Store
	batches int
	stop    context.CancelFunc
}

func (s *stopping) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	s.batches--
	if s.batches == 0 {
		s.stop()
	}
	return s.Store.Apply(ctx, b)
}

func TestAnInterruptedImportKeepsWhatWasCommittedAndIsCompletedByAnother(t *testing.T) {
	store := newStore(t)
	ctx, stop := context.WithCancel(t.Context())
	imp, err := importer.New(importer.Config{BatchSize: 10}, importer.Deps{Catalog: &stopping{store, 3, stop}})
	if err != nil {
		t.Fatal(err)
	}
	report, err := imp.Run(ctx, source(manyMovies(100)), nil)
	if !errors.Is(err, context.Canceled) || report.Accepted != 20 {
		t.Fatalf("%+v, %v", report, err)
	}
	if again := importInto(t, store, manyMovies(100), importer.Config{}); again.Accepted != 100 || again.Changed != 80 {
		t.Errorf("the second import: %+v", again)
	}
}

func TestProgressIsReported(t *testing.T) {
	imp, err := importer.New(importer.Config{BatchSize: 10}, importer.Deps{Catalog: new(recorder)})
	if err != nil {
		t.Fatal(err)
	}
	var rows []int64
	report, err := imp.Run(t.Context(), source(manyMovies(25)), func(r importer.Report) { rows = append(rows, r.Rows) })
	if err != nil || fmt.Sprint(rows) != "[10 20 25 25]" || report.Rows != 25 {
		t.Errorf("%v, %v, %+v", rows, err, report)
	}
}

const titlesMapping = "records:\n  - {type: title, id: \"{id}\", kind: movie, number: \"{name}\"}\n"

func mapping(t *testing.T, text string) *importer.Mapping {
	t.Helper()
	m, err := importer.ParseMapping("m.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestABadRowIsRejectedAndTheRestGoesIn(t *testing.T) {
	text := "id,name\n1,\"two\nlines\"\n2,x,y\n3,a\"b\n4,\xff\n../5,z\n6,\"say \"\"hi\"\"\"\n"
	store := newStore(t)
	path := filepath.Join(t.TempDir(), "rejects")
	report := importInto(t, store, text, importer.Config{Mapping: mapping(t, titlesMapping), RejectsPath: path})
	want := []string{
		`{"file":"test","line":4,"reason":"the row has 3 fields, the header 2; put values that contain the separator in quotes","raw":"2,x,y"}`,
		`{"file":"test","line":5,"reason":"byte 4 of the row: bare \" in non-quoted-field; put the value in quotes, and double those that are in it","raw":"3,a\"b"}`,
		`{"file":"test","line":6,"reason":"field 2 is not valid UTF-8; save the file as UTF-8","raw":"4,` + "\ufffd" + `"}`,
		`{"file":"test","line":7,"record":"title ../5","reason":"id \"../5\" contains '/'; use letters, digits and -_.~:@+","raw":"../5,z"}`,
	}
	if got := strings.Join(rejects(t, path), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	s, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Titles["1"].Number != "two\nlines" || s.Titles["6"].Number != `say "hi"` || len(s.Titles) != 2 || report.Rows != 6 {
		t.Errorf("%+v, %+v", s.Titles, report)
	}
}

func TestATSVWithoutQuotesTakesThemAsTheyAre(t *testing.T) {
	m := mapping(t, "format: {separator: tab, quotes: false}\n"+titlesMapping)
	out := run(t, importer.Config{Mapping: m}, "id\tname\n1\t\"a\n2\tb\tc\n")
	if out.err != nil || len(out.catalog.records) != 1 || out.catalog.records[0].Title.Number != `"a` {
		t.Errorf("%v, %s", out.err, out.catalog.lines(t))
	}
	if len(out.rejects) != 1 || !strings.Contains(out.rejects[0], "the row has 3 fields, the header 2") {
		t.Errorf("rejects %s", out.rejects)
	}
}

func TestAFileThatCanNotBeReadOnIsAnError(t *testing.T) {
	good := "id,name\n" + strings.Repeat("1,x\n", 20000)
	zip := zipped(t, good)
	cases := map[string]struct{ text, want string }{
		"empty":             {"", "the first line names the columns"},
		"no column name":    {"id,,name\n1,2,3\n", "column 2 of the header"},
		"a column twice":    {"id,name,id\n1,2,3\n", "column 3 of the header"},
		"an open quote":     {"id,name\n1,x\n2,\"never closed\n3,y\n", "test:3: the row that starts here has a quote that is never closed"},
		"a long open quote": {"id,name\n2,\"never closed\n" + strings.Repeat("3,y\n", 100000), "is there a quote that is never closed"},
		"a cut gzip":        {zip[:len(zip)/2], "the gzip is broken after line"},
		"a damaged gzip":    {zip[:len(zip)-8] + "\x00\x00\x00\x00" + zip[len(zip)-4:], "the gzip is broken after line 20001"},
		"a gzip of nothing": {"\x1f\x8b\x00", "is a broken gzip"},
	}
	for name, c := range cases {
		out := run(t, importer.Config{Mapping: mapping(t, titlesMapping), LineBytes: 10000}, c.text)
		if out.err == nil || !strings.Contains(out.err.Error(), c.want) || ovenbird.CodeOf(out.err) != ovenbird.Invalid {
			t.Errorf("%s: got %v, want %s", name, out.err, c.want)
		}
	}
}

func TestWhatStandsBeforeABreakIsImported(t *testing.T) {
	out := run(t, importer.Config{Mapping: mapping(t, titlesMapping)}, "id,name\n1,x\n2,\"never closed\n3,y\n")
	if len(out.catalog.records) != 1 || out.report.Accepted != 1 {
		t.Errorf("%s, %+v", out.catalog.lines(t), out.report)
	}
}

func TestRepeatedRecordsReachTheCatalogOnce(t *testing.T) {
	line := `{"type":"title","id":"1","kind":"movie","number":"a"}` + "\n"
	for name, out := range map[string]outcome{
		"a table": run(t, importer.Config{Mapping: mapping(t, titlesMapping)}, "id,name\n1,a\n1,a\n1,a\n"),
		"NDJSON":  run(t, importer.Config{}, line+line+line),
	} {
		if len(out.catalog.records) != 1 || out.rejects != nil || out.report.Rows != 3 || out.report.Records != 1 {
			t.Errorf("%s: %d records, rejects %s, %+v", name, len(out.catalog.records), out.rejects, out.report)
		}
	}
}

func TestARecordThatContradictsAnEarlierOneIsRejected(t *testing.T) {
	line := func(number string) string {
		return `{"type":"title","id":"1","kind":"movie","number":"` + number + `"}` + "\n"
	}
	for name, out := range map[string]outcome{
		"a table": run(t, importer.Config{Mapping: mapping(t, titlesMapping)}, "id,name\n1,a\n1,b\n1,a\n"),
		"NDJSON":  run(t, importer.Config{}, "\n"+line("a")+line("b")+line("a")),
	} {
		const want = `"line":3,"record":"title 1","reason":"it stands on line 2 already, and not the same`
		if len(out.catalog.records) != 1 || len(out.rejects) != 1 || !strings.Contains(out.rejects[0], want) {
			t.Errorf("%s: %d records, rejects %s", name, len(out.catalog.records), out.rejects)
		}
	}
}

func TestAnIDMayBePutAgainAfterAMergeOrADelete(t *testing.T) {
	for _, between := range []string{`{"type":"title","id":"1","op":"merge","number":"c"}`, `{"type":"title","id":"1","op":"delete"}`} {
		out := run(t, importer.Config{},
			`{"type":"title","id":"1","kind":"movie","number":"a"}`+"\n"+between+"\n"+`{"type":"title","id":"1","kind":"movie","number":"b"}`)
		if len(out.catalog.records) != 3 || out.rejects != nil {
			t.Errorf("after %s: %d records, rejects %s", between, len(out.catalog.records), out.rejects)
		}
	}
}

func TestTheRunsOfAnImporterShareOneRejectsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejects")
	var told []string
	imp, err := importer.New(importer.Config{RejectsPath: path, OnReject: func(r importer.Reject) { told = append(told, r.String()) }},
		importer.Deps{Catalog: new(recorder)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		if _, err := imp.Run(t.Context(), importer.Source{Name: name, Reader: strings.NewReader("nonsense\n")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	got := rejects(t, path)
	if len(got) != 2 || !strings.Contains(got[0], `"file":"one"`) || !strings.Contains(got[1], `"file":"two"`) {
		t.Errorf("rejects %s", got)
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], "one:1:2: malformed JSON") || !strings.HasPrefix(told[1], "two:1:2: ") {
		t.Errorf("told %q", told)
	}
}

func TestARowThatIsTooLongIsRejectedAndTheNextIsRead(t *testing.T) {
	for _, quotes := range []string{"true", "false"} {
		m := mapping(t, "format: {quotes: "+quotes+"}\n"+titlesMapping)
		out := run(t, importer.Config{Mapping: m, LineBytes: 1000}, "id,name\n1,"+strings.Repeat("x", 10_000)+"\n2,b\n")
		if out.err != nil || len(out.catalog.records) != 1 || out.catalog.records[0].ID != "2" {
			t.Errorf("quotes %s: %v, %s", quotes, out.err, out.catalog.lines(t))
		}
		if len(out.rejects) != 1 || !strings.Contains(out.rejects[0], `"line":2,"reason":"the row is longer than 1000 bytes`) {
			t.Errorf("quotes %s: rejects %.200q", quotes, out.rejects)
		}
	}
}

func TestAnOldRejectsFileIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejects")
	importInto(t, newStore(t), "nonsense\n", importer.Config{RejectsPath: path})
	importInto(t, newStore(t), movies, importer.Config{RejectsPath: path})
	if got := rejects(t, path); got != nil {
		t.Errorf("left from the import before: %s", got)
	}
}

func TestOpenNamesWhatIsWrongWithAPath(t *testing.T) {
	if _, _, err := importer.Open(filepath.Join(t.TempDir(), "none"), nil); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := importer.Open(t.TempDir(), nil); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("a folder: %v", err)
	}
	src, closer, err := importer.Open("-", strings.NewReader("x"))
	if err != nil || src.Name != "stdin" || closer.Close() != nil {
		t.Errorf("stdin: %+v, %v", src, err)
	}
}

func TestATableWithoutAMappingIsRefusedWhole(t *testing.T) {
	imp, err := importer.New(importer.Config{}, importer.Deps{Catalog: new(recorder)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.csv", "A.TSV", "a.tsv.gz"} {
		report, err := imp.Run(t.Context(), importer.Source{Name: name, Reader: strings.NewReader("id,name\n1,x\n")}, nil)
		if ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), "needs a mapping") || report.Rows != 0 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

func TestSlugsOfDifferentTextsDiffer(t *testing.T) {
	long := strings.Repeat("very long name ", 10)
	out := run(t, importer.Config{Mapping: mapping(t, "records:\n  - {type: title, id: \"{id|slug}\", kind: movie}\n")},
		"id\nÉté à l’Œuvre!\n???\n!!!\n"+long+"1\n"+long+"2\nПривет мир\n")
	var ids []string
	seen := make(map[string]bool)
	for _, r := range out.catalog.records {
		ids = append(ids, r.ID)
		if seen[r.ID] || len(r.ID) > 64 || ovenbird.CheckID(r.ID) != nil {
			t.Errorf("slug %q is a repetition, too long, or no id", r.ID)
		}
		seen[r.ID] = true
	}
	if len(ids) != 6 || ids[0] != "ete-a-lœuvre" || ids[5] != "привет-мир" {
		t.Errorf("got %q", ids)
	}
}

func BenchmarkImport(b *testing.B) {
	text := manyMovies(10_000)
	for b.Loop() {
		importInto(b, newStore(b), text, importer.Config{})
	}
	b.ReportMetric(float64(10_000*b.N)/b.Elapsed().Seconds(), "records/s")
}
