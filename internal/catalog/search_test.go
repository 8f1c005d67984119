package catalog_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
)

// named is a movie with texts, given as field/locale=text.
func named(id string, texts ...string) string {
	fields := make(map[string][]string)
	for _, t := range texts {
		place, words, _ := strings.Cut(t, "=")
		field, locale, _ := strings.Cut(place, "/")
		fields[field] = append(fields[field], fmt.Sprintf("%q:%q", locale, words))
	}
	var all []string
	for field, list := range fields {
		all = append(all, fmt.Sprintf("%q:{%s}", field, strings.Join(list, ",")))
	}
	return fmt.Sprintf(`{"type":"title","id":%q,"kind":"movie","texts":{%s}}`, id, strings.Join(all, ","))
}

func find(t testing.TB, store *catalog.Store, search catalog.Search) (ids []string) {
	t.Helper()
	for {
		page, err := store.Search(t.Context(), search)
		if err != nil {
			t.Fatalf("search for %q: %v", search.Text, err)
		}
		for _, hit := range page.Hits {
			ids = append(ids, hit.ID)
		}
		if search.After = page.Next; page.Next == "" {
			return ids
		}
	}
}

var library = []string{
	named("bunny", "name/en=Big Buck Bunny", "name/fi=Iso Buck", "synopsis/en=A large rabbit and three rodents.", "tagline/en=Rabbit hour"),
	named("bun", "name/en=The Bun", "synopsis/en=It is not about Bunny at all."),
	named("spider", "name/en=Spider-Man: Far", "synopsis/fr=l'été à New York"),
	named("spiderman", "name/en=spiderman"),
	named("spirited", "name/ja=千と千尋の神隠し", "name/en=Spirited Away"),
	named("other", "name/ja=神社の隠し子"),
	named("strasse", "name/de=Große Straße", "name/tr=İstanbul Işık"),
	named("lodz", "name/pl=Łódź", "synopsis/da=smørrebrød"),
	named("cyrillic", "name/ru=Ёлки 2024", "name/he=בְּרֵאשִׁית", "name/ar=مُحَمَّد", "name/hi=हिन्दी", "name/ko=한국 영화", "name/th=กำแพงเมือง"),
	named("spread", "name/en=Rabbit", "name/sv=Kanin", "synopsis/en=nothing"),
	named("et", "name/en=E.T.", "tagline/en=it's 100% \"quoted\" AND (OR) NOT NEAR/2 names : x*"),
	`{"type":"collection","id":"rabbits","texts":{"name":{"en":"Rabbits"},"synopsis":{"en":"With bunny in it"}}}`,
}

func TestSearchFindsTextsByTheirWords(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, library...)
	for _, test := range []struct{ text, want string }{
		{"bunny", "bunny bun rabbits"}, // in names first
		{"bun", "bun bunny rabbits"},   // whole words before beginnings
		{"BÜN", "bun bunny rabbits"},
		{"rabbit", "spread rabbits bunny"}, // whole in a name, begun in a name, whole elsewhere
		{"big buck", "bunny"},
		{"buck big", "bunny"},
		{"iso bunny", "bunny"}, // of several languages
		{"bunny buc", "bunny"},
		{"bunn buck", ""}, // only the last may be a beginning
		{"spiderman", "spider spiderman"},
		{"spider-man", "spider spiderman"},
		{"spider man", "spider"},
		{"man", "spider"},
		{"ete", "spider"},
		{"l'été", "spider"},
		{"神隠し", "spirited"}, // beside each other
		{"神", "other spirited"},
		{"隠し", "other spirited"},
		{"strasse", "strasse"},
		{"straße", "strasse"},
		{"GROSSE", "strasse"},
		{"istanbul", "strasse"},
		{"ısık", "strasse"},
		{"lodz", "lodz"},
		{"smorre", "lodz"},
		{"елки", "cyrillic"},
		{"בראשית", "cyrillic"},
		{"محمد", "cyrillic"},
		{"हिन्", "cyrillic"},
		{"한국", "cyrillic"},
		{"กำแพง", "cyrillic"},
		{"เมือง", "cyrillic"},
		{"２０２４", "cyrillic"},
		{"2024", "cyrillic"},
		{"202", "cyrillic"},
		{"e.t.", "et spider"},
		{"et", "et spider"},
		{"100%", "et"},
		{`"quoted" and`, "et"},
		{"NEAR/2", "et"},
		{"names : x*", "et"},
		{"or", "et"},
		{"", ""},
		{" ", ""},
		{"?!", ""},
		{"🐻", ""},
		{"·", ""},
		{"nowhere", ""},
	} {
		if got := strings.Join(find(t, store, catalog.Search{Text: test.text}), " "); got != test.want {
			t.Errorf("%q finds %q, want %q", test.text, got, test.want)
		}
		one := find(t, store, catalog.Search{Text: test.text, Limit: 1})
		if got := strings.Join(one, " "); got != test.want {
			t.Errorf("%q finds %q page by page, want %q", test.text, got, test.want)
		}
	}
	if got := find(t, store, catalog.Search{Text: "bunny", Type: catalog.TypeCollection}); !slices.Equal(got, []string{"rabbits"}) {
		t.Errorf("among collections it finds %q", got)
	}
}

func TestAHitSaysWhereTheWordsAre(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, library...)
	for text, want := range map[string]catalog.Hit{
		"iso":       {Type: "title", ID: "bunny", Kind: "movie", Field: "name", Locale: "fi", Text: "Iso Buck"},
		"rodents":   {Type: "title", ID: "bunny", Kind: "movie", Field: "synopsis", Locale: "en", Text: "A large rabbit and three rodents."},
		"iso bunny": {Type: "title", ID: "bunny", Kind: "movie", Field: "name", Locale: "en", Text: "Big Buck Bunny"},
		"with":      {Type: "collection", ID: "rabbits", Field: "synopsis", Locale: "en", Text: "With bunny in it"},
	} {
		page, err := store.Search(t.Context(), catalog.Search{Text: text})
		if err != nil || len(page.Hits) != 1 || page.Hits[0] != want {
			t.Errorf("%q: %+v, %v; want %+v", text, page.Hits, err, want)
		}
	}
}

func TestAQuestionIsDataAndNothingElse(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, library...)
	for _, text := range []string{
		`"`, `'`, `\`, "\x00", "bunny\x00", `a"b`, `x' OR '1'='1`, "(", "NOT", "AND OR", "^bunny", "names:", "{names}", "a - b", "bunny*:", "%", "_", "!",
		"a & b | !c <-> d", ":*", "\xff\xfe", strings.Repeat("bunny ", 2000), strings.Repeat("千", 10_000), strings.Repeat("x", 10_000),
		strings.Repeat(`"`, 10_000), strings.Repeat("a-", 5_000),
	} {
		if _, err := store.Search(t.Context(), catalog.Search{Text: text}); err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
		if _, err := store.Titles(t.Context(), catalog.Page{}, catalog.TitleFilter{Text: text}); err != nil {
			t.Errorf("%.40q in a list: %v", text, err)
		}
	}
	for _, cursor := range []string{"x", "!", "MSBidW5ueQ", "OSBidW5ueSB0aXRsZQ"} {
		if _, err := store.Search(t.Context(), catalog.Search{Text: "a", After: cursor}); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("cursor %s: %v", cursor, err)
		}
	}
}

func TestWhatIsWrittenIsFoundAtOnceAndWhatIsGoneIsNot(t *testing.T) {
	store := newStore(t)
	check := func(text, want string) {
		t.Helper()
		if got := strings.Join(find(t, store, catalog.Search{Text: text}), " "); got != want {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	mustApply(t, store, named("a", "name/en=First"), named("b", "name/en=First"))
	check("first", "a b")
	mustApply(t, store, `{"type":"title","id":"a","op":"merge","texts":{"name":{"en":"Second"}}}`)
	check("first", "b")
	check("second", "a")
	mustApply(t, store, `{"type":"title","id":"a","op":"merge","texts":null}`, `{"type":"title","id":"b","op":"delete"}`)
	check("first", "")
	check("second", "")
	mustApply(t, store, named("b", "name/en=Third"), `{"type":"title","id":"b","op":"merge","texts":{"name":{"fi":"Kolmas"}}}`)
	check("third", "b")
	check("kolmas", "b")
}

func TestWhatWasWrittenInBulkIsFound(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, named("first", "name/en=Alone"))
	for from := 0; from < 12_000; from += 3000 {
		var lines []string
		for i := from; i < from+3000; i++ {
			lines = append(lines, named(fmt.Sprintf("t%05d", i), fmt.Sprintf("name/en=Number %d", i)))
		}
		mustApply(t, store, lines...)
	}
	mustApply(t, store, named("last", "name/en=Number last"), named("t00007", "name/en=Renamed"))
	for text, want := range map[string]string{"alone": "first", "number last": "last", "number 11999": "t11999", "renamed": "t00007", "number 7": ""} {
		page, err := store.Search(t.Context(), catalog.Search{Text: text, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			if len(page.Hits) > 0 && page.Hits[0].ID == "t00007" {
				t.Errorf("%q finds what is called otherwise", text)
			}
		} else if len(page.Hits) != 1 || page.Hits[0].ID != want {
			t.Errorf("%q finds %+v, want %s", text, page.Hits, want)
		}
	}
	if err := store.Index(t.Context()); err != nil {
		t.Error(err)
	}
}

// A program of before the index, or a restored backup, leaves it behind.
func TestAnIndexThatWasLeftBehindIsMadeUpForBeforeItIsAsked(t *testing.T) {
	at := databasetest.Empty(t)
	store := openStore(t, at)
	mustApply(t, store, library...)
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, state := range []string{
		`UPDATE search_state SET version = 0, sequence = 0`, `UPDATE search_state SET sequence = 3`,
		`UPDATE search_state SET version = 999`, `UPDATE search_state SET sequence = 999`,
	} {
		err := db.Tx(t.Context(), func(tx *sql.Tx) error {
			for _, statement := range []string{`DELETE FROM search_owners WHERE id > 'c'`, state} {
				if _, err := tx.ExecContext(t.Context(), statement); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		mustApply(t, store, named("late", "name/en=Late "+state))
		if got := find(t, store, catalog.Search{Text: "late"}); !slices.Equal(got, []string{"late"}) {
			t.Errorf("after %s it finds %q", state, got)
		}
		again := openStore(t, at)
		if got := find(t, again, catalog.Search{Text: "神隠し"}); !slices.Equal(got, []string{"spirited"}) {
			t.Errorf("after %s a new store finds %q", state, got)
		}
	}
}

func TestAListIsNarrowedByWords(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, library...)
	list, err := store.Titles(t.Context(), catalog.Page{}, catalog.TitleFilter{Text: "bunny", Published: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range list.Entries {
		ids = append(ids, e.ID)
	}
	if !slices.Equal(ids, []string{"bun", "bunny"}) {
		t.Errorf("titles: %q", ids)
	}
	list, err = store.Collections(t.Context(), catalog.Page{}, catalog.CollectionFilter{Text: "bunny", Published: new(true)})
	if err != nil || len(list.Entries) != 1 {
		t.Errorf("collections: %v, %v", list.Entries, err)
	}
	if list, err = store.Titles(t.Context(), catalog.Page{}, catalog.TitleFilter{Text: "?"}); err != nil || list.Entries != nil {
		t.Errorf("no word: %v, %v", list.Entries, err)
	}
}

func TestLongAndMonotonousTextsAreFoundAlikeInBothDatabases(t *testing.T) {
	store := newStore(t)
	long := strings.Repeat("again ", 2000) + "here " + strings.Repeat("x y ", 2000) + "beyond"
	mustApply(t, store, named("long", "name/en=Long", "synopsis/en="+long))
	// Of a word that comes too often only the first places count.
	for text, want := range map[string]int{"again-again": 1, "again-here": 0, "again here": 1, "here-x": 1, "x-y": 1, "beyond": 1, "y-beyond": 0} {
		if got := find(t, store, catalog.Search{Text: text}); len(got) != want {
			t.Errorf("%q finds %q, want %d", text, got, want)
		}
	}
}

// Any question finds what a plain look at all texts says it should.
func TestSearchFindsWhatALookAtEveryTextFinds(t *testing.T) {
	words := []string{"ab", "abc", "b", "b-c", "bc", "c", "千", "千尋", "尋", "é", "E", "x'y", "xy", "·", "!"}
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 4).Draw(t, "words"), " ")
	})
	store := newStore(t)
	rapid.Check(t, func(r *rapid.T) {
		var lines []string
		content := make(map[string]ovenbird.Texts)
		for i := range rapid.IntRange(1, 6).Draw(r, "titles") {
			id := fmt.Sprintf("t%d", i)
			texts := []string{"name/en=" + text.Draw(r, "en"), "name/fi=" + text.Draw(r, "fi"), "synopsis/en=" + text.Draw(r, "synopsis")}
			lines = append(lines, named(id, texts...))
			content[id] = ovenbird.Texts{}
			for _, t := range texts {
				place, words, _ := strings.Cut(t, "=")
				field, locale, _ := strings.Cut(place, "/")
				if content[id][ovenbird.TextField(field)] == nil {
					content[id][ovenbird.TextField(field)] = map[ovenbird.Locale]string{}
				}
				content[id][ovenbird.TextField(field)][ovenbird.Locale(locale)] = words
			}
		}
		for i := len(lines); i < 6; i++ {
			lines = append(lines, fmt.Sprintf(`{"type":"title","id":"t%d","op":"delete"}`, i))
		}
		mustApply(t, store, lines...)
		question := text.Draw(r, "question")
		want := lookThrough(content, question)
		if got := find(t, store, catalog.Search{Text: question, Limit: 2}); !slices.Equal(got, want) {
			r.Fatalf("%q finds %q, want %q in %v", question, got, want, content)
		}
	})
}
