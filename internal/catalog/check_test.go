package catalog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// TestWhatIsWrongIsRefusedWithAReason lists bad records, and words that the
// reason must have for an editor to find and mend it. t1 is a movie, r1 a series
// with the season s1, gone a deleted movie.
func TestWhatIsWrongIsRefusedWithAReason(t *testing.T) {
	title := func(rest string) string { return `{"type":"title","id":"x","kind":"movie",` + rest + `}` }
	lic := func(rest string) string {
		return `{"type":"license","id":"x","title":"t1","model":"svod",` + rest + `}`
	}
	window := func(rest string) string { return lic(`"territories":["*"],"applications":["*"],` + rest) }
	cases := []struct{ line, reason string }{
		{`{"type":"title","id":"../../etc/passwd","kind":"movie"}`, `contains '/'`},
		{`{"type":"title","id":"..","kind":"movie"}`, "only dots"},
		{`{"type":"title","id":"` + strings.Repeat("x", 129) + `","kind":"movie"}`, "128 are allowed"},
		{`{"type":"title","id":"x","kind":"film"}`, `kind is "film"; use one of movie, series, season, episode, clip`},
		{`{"type":"title","id":"x","kind":"episode","parent":"nobody"}`, "its parent nobody is not in the catalog"},
		{`{"type":"title","id":"x","kind":"episode","parent":"t1"}`, "its parent t1 has kind movie, which can not hold kind episode"},
		{`{"type":"title","id":"x","kind":"season","parent":"x"}`, "titles can not be below themselves: x is below x"},
		{`{"type":"title","id":"r1","kind":"series","parent":"s1"}`, "titles can not be below themselves: r1 is below s1 is below r1"},
		{`{"type":"title","id":"t1","kind":"series"}`, "it is a movie and can not become a series"},
		{`{"type":"title","id":"gone","kind":"series"}`, "belonged to a movie, which was deleted"},
		{`{"type":"title","id":"r1","op":"delete"}`, "still has 1 below it (s1)"},
		{`{"type":"title","id":"t1","op":"delete"}`, "still has 1 licenses (l1)"},
		{`{"type":"title","id":"nobody","op":"merge","year":2000}`, "there is no title nobody to merge into"},
		{`{"type":"title","id":"t1","op":"merge","kind":null}`, `kind is ""`},
		{title(`"texts":{"name":{"xx_yy_zz":"a"}}`), `"xx_yy_zz" is no locale`},
		{title(`"texts":{"name":{"":"a"}}`), `"" is no locale`},
		{title(`"texts":{"name":{"en_US":"a"}}`), "use a BCP 47 tag"},
		{title(`"texts":{"name":{"en":"a","EN":"b"}}`), "locale en stands there twice"},
		{title(`"texts":{"synopsis":{"en":"` + strings.Repeat("x", 10<<20) + `"}}`), "the text has 10485760 bytes; 65536 are allowed"},
		{title(`"texts":{"name":{"en":"a\u0000b"}}`), "NUL"},
		{title(`"sort_key":"` + strings.Repeat("x", 3000) + `"`), "sort_key"},
		{title(`"genres":[" "]`), "genres holds an empty name"},
		{title(`"year":20008`), "year is 20008"},
		{title(`"runtime_seconds":-5`), "runtime_seconds is -5"},
		{title(`"added":"31.01.2026"`), `added is "31.01.2026"; use a date such as`},
		{title(`"added":"2026-02-30"`), "added"},
		{title(`"origins":["ZZ"]`), `unknown country "ZZ"`},
		{title(`"images":[{"role":"poster","url":"javascript:alert(1)","width":1,"height":1}]`), "images[0]: url is"},
		{title(`"images":[{"role":"poster","url":"//evil.example/a.jpg","width":1,"height":1}]`), "use http, https or a relative path"},
		{title(`"images":[{"role":"poster","url":"../../a.jpg","width":1,"height":1}]`), `may not contain ".."`},
		{title(`"images":[{"role":"poster","url":"%2e%2e/a.jpg","width":1,"height":1}]`), `may not contain ".."`},
		{title(`"images":[{"role":"poster","url":"https:///a.jpg","width":1,"height":1}]`), "names no host"},
		{title(`"images":[{"role":"poster","url":"a.jpg","width":-1,"height":1}]`), "both must be positive"},
		{title(`"images":[{"role":"poster","url":"a.jpg","width":1,"height":1,"locale":"?"}]`), "no locale"},
		{title(`"ratings":[{"system":" ","value":"6"}]`), "needs a system and a value"},
		{lic(`"applications":["*"]`), `a license needs territories; ["*"] is worldwide`},
		{lic(`"territories":["*"]`), `a license needs applications; ["*"] is all of them`},
		{lic(`"territories":["ZZ"],"applications":["*"]`), `unknown country or group "ZZ"`},
		{lic(`"territories":["an"],"applications":["*"]`), `country AN (Netherlands Antilles) was retired in 2010: write those`},
		{lic(`"territories":["NORDICS"],"applications":["*"]`), `unknown country or group "NORDICS"`},
		{lic(`"territories":["Finland!"],"applications":["*"]`), "unknown country or group"},
		{lic(`"territories":["*"],"exclude":["*"],"applications":["*"]`), "leaves nothing"},
		{lic(`"territories":["*"],"applications":["a b"]`), "applications:"},
		{window(`"start":"2026-02-01","end":"2026-01-01"`), "the window ends (2026-01-01) before it starts (2026-02-01)"},
		{window(`"start":"2026-02-01","end":"2026-02-01T00:00:00Z"`), "the window is empty"},
		{window(`"start":"2026-02-01T00:00:00.5Z"`), "whole seconds"},
		{`{"type":"license","id":"x","title":"nobody","model":"svod","territories":["*"],"applications":["*"]}`, "its title nobody is not in the catalog"},
		{`{"type":"license","id":"x","op":"merge","end":null}`, "there is no license x to merge into"},
		{`{"type":"collection","id":"x","items":["a","b","a"]}`, "items holds a twice"},
		{`{"type":"collection","id":"x","items":["a/b"]}`, "items:"},
		{`{"type":"collection_item","collection":"nobody","title":"t1"}`, "its collection nobody is not in the catalog"},
	}
	store := newStore(t)
	mustApply(t, store, movie("t1"), movie("gone"), license+`}`, `{"type":"title","id":"r1","kind":"series"}`,
		`{"type":"title","id":"s1","kind":"season","parent":"r1"}`)
	mustApply(t, store, `{"type":"title","id":"gone","op":"delete"}`)
	before, _ := store.Sequence(t.Context())
	for _, c := range cases {
		if got := apply(t, store, c.line)[0]; !strings.Contains(got, c.reason) {
			t.Errorf("%.200s\n got %.300s\nwant %s", c.line, got, c.reason)
		}
	}
	if after, _ := store.Sequence(t.Context()); after != before {
		t.Errorf("%d refused records reached the feed", after-before)
	}
}

func TestACycleWithinABatchIsNamed(t *testing.T) {
	got := apply(t, newStore(t), `{"type":"title","id":"a","kind":"season","parent":"b"}`, `{"type":"title","id":"b","kind":"series","parent":"a"}`)
	want := []string{
		"titles can not be below themselves: a is below b is below a; give one of them another parent",
		"titles can not be below themselves: b is below a is below b; give one of them another parent",
	}
	equal(t, want, got)
}

func TestWhatALaterRecordMayMendWaits(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, `{"type":"title","id":"r1","kind":"series"}`, `{"type":"title","id":"s1","kind":"season","parent":"r1"}`)
	waits := []string{
		`{"type":"title","id":"e1","kind":"episode","parent":"s2"}`, `{"type":"title","id":"r1","op":"delete"}`,
		`{"type":"license","id":"l","title":"t","territories":["*"],"applications":["*"],"model":"svod"}`,
		`{"type":"collection_item","collection":"c","title":"t"}`, `{"type":"title","id":"x","op":"merge","year":2000}`,
	}
	results, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: parse(t, append(waits, movie("../x"))...)})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Waits != (i < len(waits)) {
			t.Errorf("record %d: waits is %t for %v", i, r.Waits, r.Err)
		}
	}
}

func TestRecordsMadeByAProgramAreCheckedToo(t *testing.T) {
	text := func(s string) *catalog.TitleTexts {
		return &catalog.TitleTexts{Name: catalog.Translations{"en": s}}
	}
	bad := []catalog.Record{
		{Type: catalog.TypeTitle, ID: "x"},
		{Type: catalog.TypeTitle, ID: "x", Op: "upsert", Title: &catalog.TitleRecord{Kind: ovenbird.Movie}},
		{Type: catalog.TypeTitle, ID: "x", Title: &catalog.TitleRecord{Kind: ovenbird.Movie, Texts: text("\xff")}},
		{Type: catalog.TypeTitle, ID: "x", Title: &catalog.TitleRecord{Kind: ovenbird.Movie, Genres: []string{"\xff"}}},
		{Type: catalog.TypeLicense, ID: "x"},
		{Type: catalog.TypeCollection, ID: "x"},
		{Type: catalog.TypeItem},
		{Type: "film", ID: "x"},
	}
	store := newStore(t)
	results, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: bad})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if ovenbird.CodeOf(r.Err) != ovenbird.Invalid {
			t.Errorf("%+v: got %v, want Invalid", bad[i], r.Err)
		}
	}
}

func TestAnEditorsMistakeIsExplainedWithItsColumn(t *testing.T) {
	cases := []struct {
		line    string
		column  int
		message string
	}{
		{`{"type":"title","id":"t1","kind":"movie","color":"red"}`, 42, `unknown key "color"`},
		{`{"type":"title","id":"ä1","kind":"movie","year":"2008"}`, 49, `"year": expected a whole number, found a string`},
		{`{"type":"title","id":"t1","kind":"movie","texts":{"name":"Bunny"}}`, 58, `"texts.name": expected texts by locale such as {"en": "…"}, found a string`},
		{`{"type":"title","id":"t1","published":null}`, 39, `"published": it may not be null: leave it out`},
		{`{"type":"title","id":"t1","id":"t2"}`, 27, `the key "id" stands there twice`},
		{`{"type":"title","id":"t1"`, 26, "malformed JSON: unexpected EOF"},
		{"{\"type\":\"title\",\"id\":\"\xff\"}", 23, "malformed JSON: invalid UTF-8"},
	}
	for _, c := range cases {
		_, err := catalog.ParseRecord([]byte(c.line))
		e, ok := err.(*ovenbird.Error) //nolint:errorlint // the very error is looked at
		if !ok || e.Code != ovenbird.Invalid {
			t.Errorf("%s: got %v, want an Invalid error", c.line, err)
			continue
		}
		if e.Place.Column != c.column || !strings.HasPrefix(e.Message, c.message) {
			t.Errorf("%s:\n got %d: %s\nwant %d: %s", c.line, e.Place.Column, e.Message, c.column, c.message)
		}
	}
}

func TestDatesBecomeInstantsInUTC(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, `{"type":"title","id":"a","kind":"movie","added":"2026-01-01T00:30:00+02:00"}`)
	want := time.Date(2025, 12, 31, 22, 30, 0, 0, time.UTC)
	if got := snapshot(t, store).Titles["a"].Added; !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, c := range structure {
		f.Add([]byte(c.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := catalog.ParseRecord(line)
		if err != nil {
			if ovenbird.CodeOf(err) != ovenbird.Invalid {
				t.Errorf("%q: %v is not Invalid", line, err)
			}
			return
		}
		out, err := r.MarshalJSON()
		if err != nil {
			t.Fatalf("%q was read and can not be written: %v", line, err)
		}
		again, err := catalog.ParseRecord(out)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", line, out, err)
		}
		if back, _ := again.MarshalJSON(); !bytes.Equal(back, out) {
			t.Errorf("%q became %q, then %q", line, out, back)
		}
	})
}
