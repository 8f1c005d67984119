package catalog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// expecting applies one record with an expectation.
func expecting(t *testing.T, s *catalog.Store, line string, e catalog.Expectation) catalog.Result {
	t.Helper()
	r, err := catalog.ParseRecord([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	r.Expect = e
	results, err := s.Apply(t.Context(), catalog.Batch{Actor: "editor", Records: []catalog.Record{r}})
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func TestAWriteCanExpectWhatIsThere(t *testing.T) {
	put := `{"type":"title","id":"t1","kind":"movie"}`
	merge := `{"type":"title","id":"t1","op":"merge","year":2001}`
	del := `{"type":"title","id":"t1","op":"delete"}`
	tag := func(s *catalog.Store) string {
		entry, _, err := s.One(t.Context(), catalog.TypeTitle, "t1")
		if err != nil {
			t.Fatal(err)
		}
		return catalog.Tag(entry.Form)
	}
	stale := catalog.Tag([]byte("something else"))
	cases := []struct {
		name   string
		there  bool
		line   string
		expect func(*catalog.Store) catalog.Expectation
		want   error
	}{
		{"create where nothing is", false, put, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Absent: true} }, nil},
		{"create where something is", true, put, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Absent: true} }, catalog.ErrExists},
		{"replace as read", true, put, func(s *catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{stale, tag(s)}} }, nil},
		{"replace what has changed", true, put, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{stale}} }, catalog.ErrChanged},
		{"replace what is gone", false, put, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{stale}} }, catalog.ErrMissing},
		{"merge into anything", true, merge, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{"*"}} }, nil},
		{"merge into nothing", false, merge, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{"*"}} }, catalog.ErrMissing},
		{"merge into what has changed", true, merge, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{stale}} }, catalog.ErrChanged},
		{"delete as read", true, del, func(s *catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{tag(s)}} }, nil},
		{"delete what has changed", true, del, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{stale}} }, catalog.ErrChanged},
		{"delete what is gone", false, del, func(*catalog.Store) catalog.Expectation { return catalog.Expectation{Tags: []string{"*"}} }, catalog.ErrMissing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			if c.there {
				expecting(t, s, `{"type":"title","id":"t1","kind":"movie","texts":{"name":{"en":"Before"}}}`, catalog.Expectation{})
			}
			result := expecting(t, s, c.line, c.expect(s))
			if !errors.Is(result.Err, c.want) {
				t.Fatalf("got %v, want %v", result.Err, c.want)
			}
			if result.Changed != (c.want == nil) {
				t.Errorf("changed: %v", result.Changed)
			}
			entry, there, err := s.One(t.Context(), catalog.TypeTitle, "t1")
			if err != nil {
				t.Fatal(err)
			}
			if c.want == nil && string(result.Form) != string(entry.Form) {
				t.Errorf("the result has %s, the catalog %s", result.Form, entry.Form)
			}
			if there == (c.line == del && c.want == nil) && c.there {
				t.Errorf("it is there: %v", there)
			}
		})
	}
}

func TestOfManyWhoReadTheSameOneWrites(t *testing.T) {
	s := newStore(t)
	form := expecting(t, s, `{"type":"collection","id":"c1","items":["t1"]}`, catalog.Expectation{Absent: true}).Form
	var wg sync.WaitGroup
	won := make(chan int, 8)
	for i := range 8 {
		wg.Go(func() {
			r, err := catalog.ParseRecord(fmt.Appendf(nil, `{"type":"collection","id":"c1","op":"merge","sort_key":"%d"}`, i))
			if err != nil {
				t.Error(err)
				return
			}
			r.Expect.Tags = []string{catalog.Tag(form)}
			results, err := s.Apply(t.Context(), catalog.Batch{Actor: "editor", Records: []catalog.Record{r}})
			if err != nil {
				t.Error(err)
				return
			}
			if results[0].Err == nil {
				won <- i
			} else if !errors.Is(results[0].Err, catalog.ErrChanged) {
				t.Error(results[0].Err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d of them wrote, want 1", len(won))
	}
}

// An item that comes or goes makes a collection another one.
func TestAnItemChangesTheTagOfItsCollection(t *testing.T) {
	s := newStore(t)
	before := expecting(t, s, `{"type":"collection","id":"c1","items":["t1"]}`, catalog.Expectation{Absent: true}).Form
	expecting(t, s, `{"type":"collection_item","collection":"c1","title":"t2","position":"9"}`, catalog.Expectation{})
	result := expecting(t, s, `{"type":"collection","id":"c1","sort_key":"1"}`, catalog.Expectation{Tags: []string{catalog.Tag(before)}})
	if !errors.Is(result.Err, catalog.ErrChanged) {
		t.Errorf("got %v", result.Err)
	}
	after, _, err := s.One(t.Context(), catalog.TypeCollection, "c1")
	if err != nil {
		t.Fatal(err)
	}
	// Without items in the record they stay, and are in the result.
	result = expecting(t, s, `{"type":"collection","id":"c1","sort_key":"1"}`, catalog.Expectation{Tags: []string{catalog.Tag(after.Form)}})
	if want := `"items":["t1","t2"]`; result.Err != nil || !strings.Contains(string(result.Form), want) {
		t.Errorf("%v %s, want %s in it", result.Err, result.Form, want)
	}
}

func TestARefusalSaysWhichFields(t *testing.T) {
	s := newStore(t)
	expecting(t, s, `{"type":"title","id":"m1","kind":"movie"}`, catalog.Expectation{})
	cases := []struct{ line, want string }{
		{`{"type":"title","id":"t1","kind":"film","year":12,"parent":"a/b"}`, "kind parent year"},
		{`{"type":"title","id":"t1","kind":"movie","origins":["FI","XX","DE","YY"],"added":"soon"}`, "added origins[1] origins[3]"},
		{`{"type":"title","id":"t1","kind":"movie","texts":{"name":{"en":"ok","e_n":"x"},"tagline":{"?":"y"}}}`, "texts.name.e_n texts.tagline.?"},
		{`{"type":"title","id":"t1","kind":"movie","texts":{"name":{"pt-br":"a","pt-BR":"b"}}}`, "texts.name"},
		{`{"type":"title","id":"t1","kind":"movie","images":[{"role":"poster","url":"ftp://x","width":1,"height":1}]}`, "images[0]"},
		{`{"type":"title","id":"t1","kind":"episode","parent":"m1"}`, "parent"},
		{`{"type":"title","id":"t1","kind":"episode","parent":"no"}`, "parent"},
		{`{"type":"title","id":"m1","kind":"series"}`, "kind"},
		{`{"type":"title","id":"m1","op":"merge","year":3,"genres":["", "x"]}`, "genres[0] year"},
		{`{"type":"license","id":"l1","title":"m1","territories":[],"applications":[],"model":"gift"}`, "applications model territories"},
		{`{"type":"license","id":"l1","title":"no","territories":["*"],"applications":["*"],"model":"svod"}`, "title"},
		{`{"type":"license","id":"l1","title":"m1","territories":["FI","Mars"],"exclude":["*"],"applications":["*"],"model":"svod"}`, "exclude[0] territories[1]"},
		{`{"type":"license","id":"l1","title":"m1","territories":["*"],"applications":["*"],"model":"svod","start":"2026-02-01","end":"2026-01-01"}`, "end"},
		{`{"type":"collection","id":"c1","items":["a","b/","a"]}`, "items[1]"},
		{`{"type":"collection","id":"c1","items":["a","a"]}`, "items"},
	}
	for _, c := range cases {
		result := expecting(t, s, c.line, catalog.Expectation{})
		var fields []string
		for _, e := range catalog.FieldErrors(result.Err) {
			fields = append(fields, e.Field)
			if e.Err == nil || e.Err.Error() == "" {
				t.Errorf("%s: nothing is said about %s", c.line, e.Field)
			}
		}
		if got := strings.Join(fields, " "); result.Err == nil || got != c.want {
			t.Errorf("%s\ngot  %q (%v)\nwant %q", c.line, got, result.Err, c.want)
		}
	}
}

func TestADecodingErrorSaysWhichField(t *testing.T) {
	cases := map[string]string{
		`{"type":"title","id":"t1","kind":"movie","texts":{"nome":{}}}`:                   "texts.nome",
		`{"type":"title","id":"t1","kind":"movie","images":[{"role":"hero"},{"size":1}]}`: "images[1].size",
		`{"type":"title","id":"t1","kind":"movie","year":"2001"}`:                         "year",
		`{"type":"title","id":"t1","kind":"movie","year":1,"year":2}`:                     "year",
		`{"type":"title"`: "",
	}
	for line, want := range cases {
		_, err := catalog.ParseRecord([]byte(line))
		if got := catalog.FieldErrors(err); err == nil || len(got) != 1 || got[0].Field != want {
			t.Errorf("%s: got %v (%v), want %q", line, got, err, want)
		}
	}
}

func TestARefusedAtomicBatchTellsEveryResult(t *testing.T) {
	s := newStore(t)
	var records []catalog.Record
	for _, line := range []string{
		`{"type":"title","id":"t1","kind":"movie"}`, `{"type":"title","id":"t2","kind":"film"}`, `{"type":"title","id":"t3","kind":"book"}`,
	} {
		r, err := catalog.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	_, err := s.Apply(t.Context(), catalog.Batch{Actor: "editor", Records: records, Atomic: true})
	var refused []bool
	for _, r := range catalog.RefusedResults(err) {
		refused = append(refused, r.Err != nil)
	}
	if !slices.Equal(refused, []bool{false, true, true}) || ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("%v: %v", refused, err)
	}
}
