package importer_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// week is a state of a small ranking: a collection of series, each with an
// episode and a license.
func week(collection string, series ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":"collection","id":%q}`+"\n", collection)
	for _, s := range series {
		fmt.Fprintf(&b, `{"type":"title","id":%q,"kind":"series"}`+"\n", s)
		fmt.Fprintf(&b, `{"type":"title","id":"%s-e","kind":"episode","parent":%q}`+"\n", s, s)
		fmt.Fprintf(&b, `{"type":"license","id":"%s-l","title":%q,"territories":["*"],"applications":["*"],"model":"svod"}`+"\n", s, s)
		fmt.Fprintf(&b, `{"type":"collection_item","collection":%q,"title":%q}`+"\n", collection, s)
	}
	return b.String()
}

// since lists what the feed says after a change, in short.
func (p place) since(t *testing.T, after int64) (list []string, last int64) {
	t.Helper()
	changes, err := p.store.Changes(t.Context(), after, 1000)
	if err != nil {
		t.Fatal(err)
	}
	last = after
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%s %s %s", c.Action, c.Type, c.ID))
		last = c.Sequence
	}
	return list, last
}

func complete(shrink float64) importer.Config {
	return importer.Config{Source: "ranking", Complete: true, Shrink: shrink, BatchSize: 3}
}

func TestACompleteFileRemovesWhatIsNotInIt(t *testing.T) {
	p := newPlace(t)
	p.write(t, "1", week("old", "a", "b", "c"))
	p.write(t, "2", week("new", "b", "c", "d"))
	report, err := p.run(t, complete(0.9), "1", nil)
	if err != nil || report.Vanished != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	_, last := p.since(t, 0)
	report, err = p.run(t, complete(0.9), "2", nil)
	if err != nil || report.Vanished != 4 || report.Licenses.Deleted+report.Titles.Deleted+report.Collections.Deleted != 4 || report.Rejected != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	list, last := p.since(t, last)
	slices.Sort(list)
	want := []string{
		"created collection new", "created collection_item new/b", "created collection_item new/c", "created collection_item new/d",
		"created license d-l", "created title d", "created title d-e",
		"deleted collection old", "deleted license a-l", "deleted title a", "deleted title a-e",
	}
	if !slices.Equal(list, want) {
		t.Errorf("the feed says\n%q, want\n%q", list, want)
	}
	if report, err = p.run(t, complete(0.9), "2", nil); err != nil || report.Changed != 0 {
		t.Errorf("again: %+v, %v", report, err)
	}
	if list, _ = p.since(t, last); len(list) != 0 {
		t.Errorf("again: %q", list)
	}
}

func TestAShrinkingSourceIsHeldUntilAPersonAllowsIt(t *testing.T) {
	p := newPlace(t)
	p.write(t, "1", week("top", "a", "b", "c"))
	p.write(t, "2", week("top", "a"))
	if _, err := p.run(t, complete(0), "1", nil); err != nil {
		t.Fatal(err)
	}
	_, last := p.since(t, 0)
	_, err := p.run(t, complete(0), "2", nil)
	if ovenbird.CodeOf(err) != ovenbird.Held || !strings.Contains(err.Error(), "8 of the 13 records") {
		t.Errorf("got %v", err)
	}
	if list, _ := p.since(t, last); len(list) != 0 {
		t.Errorf("held, it did %q", list)
	}
	allowed := complete(0)
	allowed.AllowShrink = true
	if report, err := p.run(t, allowed, "2", nil); err != nil || report.Vanished == 0 {
		t.Errorf("allowed: %+v, %v", report, err)
	}
}

// A row that can not be read may be one that has not vanished.
func TestUnreadableRowsHoldWhatSeemsToVanish(t *testing.T) {
	p := newPlace(t)
	p.write(t, "1", week("top", "a", "b", "c"))
	if _, err := p.run(t, complete(0.9), "1", nil); err != nil {
		t.Fatal(err)
	}
	p.write(t, "2", week("top", "a", "b")+"nonsense\n")
	if _, err := p.run(t, complete(0.9), "2", nil); ovenbird.CodeOf(err) != ovenbird.Held || !strings.Contains(err.Error(), "1 rows could not be read") {
		t.Errorf("got %v", err)
	}
	// One that can be read but not taken has not vanished either.
	p.write(t, "3", week("top", "a", "b", "c")+`{"type":"title","id":"x","kind":"movie","year":3}`+"\n")
	p.write(t, "4", strings.Replace(week("top", "a", "b", "c"), `"kind":"series"`, `"kind":"series","year":3`, 1))
	for _, name := range []string{"3", "4"} {
		_, last := p.since(t, 0)
		report, err := p.run(t, complete(0.9), name, nil)
		if list, _ := p.since(t, last); err != nil || report.Rejected != 1 || len(list) != 0 {
			t.Errorf("%s: %+v, %v, %q", name, report, err, list)
		}
	}
}

func TestWhatAnotherSourceDeliversStays(t *testing.T) {
	p := newPlace(t)
	p.write(t, "1", week("top", "a", "b"))
	p.write(t, "2", week("top", "b"))
	p.write(t, "other", `{"type":"title","id":"a","kind":"series"}`+"\n")
	if _, err := p.run(t, complete(0.9), "1", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.run(t, importer.Config{Source: "other"}, "other", nil); err != nil {
		t.Fatal(err)
	}
	_, last := p.since(t, 0)
	if _, err := p.run(t, complete(0.9), "2", nil); err != nil {
		t.Fatal(err)
	}
	list, _ := p.since(t, last)
	if want := []string{"deleted collection_item top/a", "deleted license a-l", "deleted title a-e"}; !slices.Equal(list, want) {
		t.Errorf("the feed says %q, want %q", list, want)
	}
	// What the first delivered and gave up is the other's to remove.
	p.write(t, "none", `{"type":"title","id":"z","kind":"series"}`+"\n")
	if _, err := p.run(t, importer.Config{Source: "other", Complete: true, AllowShrink: true}, "none", nil); err != nil {
		t.Fatal(err)
	}
	if list, _ = p.since(t, last); !slices.Contains(list, "deleted title a") {
		t.Errorf("the feed says %q", list)
	}
}

// What nobody else may remove is reported, and tried again the next time.
func TestWhatCanNotBeRemovedIsRejected(t *testing.T) {
	p := newPlace(t)
	p.write(t, "1", week("top", "a", "b"))
	p.write(t, "edit", `{"type":"title","id":"extra","kind":"episode","parent":"a"}`+"\n")
	p.write(t, "2", week("top", "b"))
	for _, name := range []string{"1", "edit"} {
		cfg := complete(0.9)
		if name == "edit" {
			cfg = importer.Config{}
		}
		if _, err := p.run(t, cfg, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		report, err := p.run(t, complete(0.9), "2", nil)
		if got := rejects(t, p.file("rejects")); err != nil || report.Rejected != 1 || !strings.Contains(got[0], `"record":"title a","reason":"it still has 1 below it (extra)`) {
			t.Errorf("%+v, %v, %q", report, err, got)
		}
	}
}

const seriesMapping = `
vanished: {title: unpublish, license: keep}
records:
  - {type: title, id: "{id}", kind: series}
  - {type: license, id: "{id}-l", title: "{id}", territories: ["*"], applications: ["*"], model: svod}
`

func TestAMappingSaysWhatBecomesOfWhatVanishes(t *testing.T) {
	p := newPlace(t)
	p.write(t, "1.csv", "id\na\nb\nc\n")
	p.write(t, "2.csv", "id\na\nb\n")
	cfg := complete(0.9)
	cfg.Mapping = mapping(t, seriesMapping)
	for _, name := range []string{"1.csv", "2.csv"} {
		if _, err := p.run(t, cfg, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	list, last := p.since(t, 6)
	if want := []string{"updated title c"}; !slices.Equal(list, want) {
		t.Errorf("the feed says %q, want %q", list, want)
	}
	if _, err := p.run(t, cfg, "1.csv", nil); err != nil {
		t.Fatal(err)
	}
	if list, _ = p.since(t, last); !slices.Equal(list, []string{"updated title c"}) {
		t.Errorf("what comes back: %q", list)
	}
}

// parts is a format whose rows are "part id", and "part!" for a part that is
// complete; "?" refuses.
var parts = &importer.Format{Name: "parts", Columns: []string{"id"}, Rows: func(_ string, in io.Reader) iter.Seq2[importer.FormatRow, error] {
	return func(yield func(importer.FormatRow, error) bool) {
		text, err := io.ReadAll(in)
		if err != nil {
			yield(importer.FormatRow{}, err)
			return
		}
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			part, id, _ := strings.Cut(line, " ")
			name, whole := strings.CutSuffix(part, "!")
			row := importer.FormatRow{Line: int64(i + 1), Raw: line, Part: name, Complete: whole}
			if id == "?" {
				row.Refused = []importer.Refusal{{Line: row.Line, Reason: "nobody knows"}}
			} else if id != "" {
				row.Fields = []string{id}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}}

func TestAPartThatIsCompleteRemovesWhatIsNotInIt(t *testing.T) {
	p := newPlace(t)
	p.write(t, "titles", `{"type":"title","id":"m","kind":"movie"}`)
	if _, err := p.run(t, importer.Config{}, "titles", nil); err != nil {
		t.Fatal(err)
	}
	cfg := importer.Config{Source: "studio", Format: parts, Mapping: mapping(t,
		`records: [{type: license, id: "{id}", title: m, territories: ["*"], applications: ["*"], model: svod}]`)}
	last := int64(1)
	for _, step := range []struct{ file, want string }{
		{"x! 1\nx! 2\ny 3\ny 4\n", "[created license 1 created license 2 created license 3 created license 4]"},
		{"x! 2\ny 3\n", "[deleted license 1]"},  // y did not say that it is all
		{"x! ?\nx! 5\n", "[created license 5]"}, // who knows what the refused row is
		{"x!\n", "[deleted license 2 deleted license 5]"},
		{"z! 3\n", "[]"}, // it has moved
		{"y!\n", "[deleted license 4]"},
	} {
		p.write(t, "in", step.file)
		if _, err := p.run(t, cfg, "in", nil); err != nil {
			t.Fatal(err)
		}
		var list []string
		if list, last = p.since(t, last); fmt.Sprint(list) != step.want {
			t.Errorf("%q: the feed says %v, want %s", step.file, list, step.want)
		}
	}
}

// Interrupted anywhere, also while it removes, a complete import that is run
// again ends like one that was not.
func TestAnInterruptedCompleteImportRemovesTheSame(t *testing.T) {
	prepared := func() place {
		p := newPlace(t)
		p.write(t, "1", week("old", "a", "b", "c"))
		p.write(t, "2", week("new", "b", "c", "d"))
		if _, err := p.run(t, complete(0.9), "1", nil); err != nil {
			t.Fatal(err)
		}
		return p
	}
	whole := prepared()
	counting := &failing{Store: whole.store}
	if _, err := whole.run(t, complete(0.9), "2", counting); err != nil {
		t.Fatal(err)
	}
	want := whole.end(t)
	for at := 1; at <= counting.calls; at++ {
		for _, committed := range []bool{false, true} {
			p := prepared()
			if _, err := p.run(t, complete(0.9), "2", &failing{Store: p.store, at: at, committed: committed}); !errors.Is(err, errPower) {
				t.Fatalf("batch %d: %v", at, err)
			}
			if _, err := p.run(t, complete(0.9), "2", nil); err != nil {
				t.Fatalf("batch %d: %v", at, err)
			}
			if got := p.end(t); got != want {
				t.Errorf("batch %d, committed %t: it ends with\n%s\nwant\n%s", at, committed, got, want)
			}
		}
	}
}
