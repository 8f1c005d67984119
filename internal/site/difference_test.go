package site

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// told is what Difference says of an edit of the small site, as people read it.
func told(t *testing.T, after fs.FS) (text string, changes []Change) {
	t.Helper()
	before, later := mustLoad(t, small()), mustLoad(t, after)
	changes = Difference(&before.Content, &later.Content)
	var w strings.Builder
	if err := WriteChanges(&w, changes); err != nil {
		t.Fatal(err)
	}
	return w.String(), changes
}

func TestDifferenceTellsEachEdit(t *testing.T) {
	const home = "content/applications/web/home.graphql"
	for _, test := range []struct {
		what, file, before, after string
		want                      []string // lines, in order
		harm                      bool
		documents                 int // how many kinds change
	}{
		{"nothing", contentFile, "default_locale: en", "default_locale: en # as always", nil, false, 0},
		{
			"a country comes", contentFile, "  GB: {locales: [en]}", "  GB IE: {locales: [en]}",
			[]string{"+ country IE", "    + locales: en", "for Ireland are baked for the first time: 2 kinds", "~ application web"},
			false, 2,
		},
		{
			"a country goes", contentFile, "  GB: {locales: [en]}\n", "",
			[]string{"- country GB", "ATTENTION: all documents for United Kingdom go"},
			true, 2,
		},
		{
			"a chain", contentFile, "[fi, sv]", "[fi]",
			[]string{"~ country FI", "    ~ locales: fi sv en -> fi en", "texts, images or ratings may be others in Finland"},
			false, 3,
		},
		{
			"an age", contentFile, "6: 6", "6: 7",
			[]string{"~ rating system FSK", "    ~ 6: 6 -> 7", "ATTENTION: titles may appear or go in applications with an age limit: kids"},
			true, 1,
		},
		{
			"a group", contentFile, "HOME: [FI, SE]", "HOME: [FI]",
			[]string{"~ group HOME", "    ~ countries: FI SE -> FI", "licenses that name it hold in other countries"},
			true, 3,
		},
		{
			"a field comes", home, "id name", "id name titleCount",
			[]string{
				"~ document kids/home.json", "    + collections.titleCount: selected", "it is baked again in 2 countries",
				"~ document web/home.json", "it is baked again in 5 countries",
			},
			false, 2,
		},
		{
			"a field goes", home, "id name", "id",
			[]string{
				"~ document kids/home.json", "    - collections.name: selected", "without what clients may read: collections.name",
				"~ document web/home.json",
			},
			true, 2,
		},
		{"the order of fields", home, "id name", "name id", []string{"~ document kids/home.json", "    ~ order: "}, false, 2},
		{"white space in a shape", home, "id name", "id,\n  name # all\n", nil, false, 0},
		{
			"a page", contentFile, "page: 10", "page: 11",
			[]string{"~ document web/collections/{collection}/{page}.json", "    ~ page: 10 -> 11"},
			false, 1,
		},
		{
			"a document goes", contentFile, "      collections/{collection}/{page}.json: {shape: collection.graphql, page: 10}\n", "",
			[]string{"- document web/collections/{collection}/{page}.json", "clients that still ask for it get 404"},
			true, 1,
		},
		{
			"an age limit", contentFile, "max_age: 7", "max_age: 6",
			[]string{"~ application kids", "    ~ max_age: 7 -> 6", "titles or texts may appear or go"},
			true, 1,
		},
		{
			"a country for an application", contentFile, "countries: [FI, SE, DE]", "countries: [FI, SE]",
			[]string{"~ application kids", "    ~ countries: DE FI -> FI", "its documents go in DE"},
			true, 1,
		},
		{
			"a language", contentFile, "languages: [en, fi]", "languages: [en]",
			[]string{"~ application web", "    ~ languages: en fi -> en", "addresses of editions go"},
			true, 2,
		},
		{"what people call it", contentFile, "On the web", "In the web", []string{"~ application web", "another name"}, false, 0},
		{"the schedule", contentFile, "every: 5m", "every: 6m", []string{"~ schedule", "    ~ every: 5m0s -> 6m0s", "no document changes"}, false, 0},
		{"the releases", contentFile, "keep: 3", "keep: 4", []string{"~ releases", "    ~ keep: 3 -> 4"}, false, 0},
		{"a source", contentFile, "shrink: 10%", "shrink: 11%", []string{"~ source cms", "    ~ shrink: 10% -> 11%"}, false, 0},
		{
			"a statement", "content/titles.sql", "AS semicolon", "AS colon",
			[]string{"~ source cms", "    ~ sql of titles: SELECT id, ';' AS semicolon FROM titles -> SELECT id, ';' AS colon FROM titles"},
			false, 0,
		},
		{"a catalog file", contentFile, "catalog.ndjson", "other.ndjson", []string{"- catalog file catalog.ndjson", "+ catalog file other.ndjson"}, false, 0},
	} {
		text, changes := told(t, edited(t, test.file, test.before, test.after))
		rest := text
		for _, line := range test.want {
			_, after, ok := strings.Cut(rest, line)
			if !ok {
				t.Errorf("%s: no %q, in this order, in\n%s", test.what, line, text)
			}
			rest = after
		}
		if len(test.want) == 0 && len(changes) > 0 {
			t.Errorf("%s: %s", test.what, text)
		}
		documents := make(map[string]bool)
		for _, c := range changes {
			for _, name := range c.Documents {
				documents[name] = true
			}
		}
		if harm := slices.ContainsFunc(changes, func(c Change) bool { return c.Harm }); harm != test.harm || len(documents) != test.documents {
			t.Errorf("%s: harm %v, documents %v; want %v and %d", test.what, harm, documents, test.harm, test.documents)
		}
	}
}

func TestDifferenceFromNothingAddsEverything(t *testing.T) {
	s := mustLoad(t, small())
	for _, c := range Difference(nil, &s.Content) {
		if c.Op != Added || c.Effect == "" || c.Harm {
			t.Errorf("%+v", c)
		}
		if c.Resource == aGroup && c.Name != "HOME" {
			t.Errorf("the standard group %s is new", c.Name)
		}
	}
}

func TestDifferenceOfMappings(t *testing.T) {
	files := small()
	const mapping = "content/titles.mapping.yaml"
	before := mustLoad(t, files)
	files[mapping] = &fstest.MapFile{Data: []byte("id: id\n")}
	after := mustLoad(t, files)
	changes := Difference(&before.Content, &after.Content)
	if len(changes) != 1 || changes[0].Name != "cms" || !strings.HasPrefix(changes[0].Fields[0].After, "titles.mapping.yaml (") {
		t.Errorf("changes = %+v, want one of what the mapping says", changes)
	}
}

func TestDifferenceDoesNotDependOnWhereTheSiteLies(t *testing.T) {
	a, err := load(small(), "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := load(small(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if changes := Difference(&a.Content, &b.Content); len(changes) > 0 {
		t.Errorf("changes = %v", changes)
	}
}

// TestDifferenceMissesNothing holds the laws: a site differs from itself in
// nothing; there and back are the same resources; and where the hash, which names
// all that can change a document, is another, there is a change.
func TestDifferenceMissesNothing(t *testing.T) {
	names := []string{siteFile, contentFile, "content/applications/web/home.graphql"}
	rapid.Check(t, func(t *rapid.T) {
		files := small()
		name := rapid.SampledFrom(names).Draw(t, "file")
		files[name] = &fstest.MapFile{Data: []byte(mutated(t, string(files[name].Data)))}
		before, err := load(small(), "small")
		if err != nil {
			t.Fatal(err)
		}
		after, err := load(files, "small")
		if err != nil {
			return
		}
		if same := Difference(&after.Content, &after.Content); len(same) > 0 {
			t.Fatalf("it differs from itself: %v", same)
		}
		there, back := Difference(&before.Content, &after.Content), Difference(&after.Content, &before.Content)
		if len(there) != len(back) {
			t.Fatalf("there: %v\nback: %v", there, back)
		}
		for i := range there {
			if there[i].Resource != back[i].Resource || there[i].Name != back[i].Name || there[i].Effect == "" {
				t.Fatalf("there: %+v\nback: %+v", there[i], back[i])
			}
		}
		renamed := before.Name != after.Name || before.Description != after.Description
		if before.Content.Hash != after.Content.Hash && len(there) == 0 && !renamed {
			t.Fatalf("the hash changed, and nothing else:\n%s", files[name].Data)
		}
	})
}

func TestChangesAsJSON(t *testing.T) {
	_, changes := told(t, edited(t, contentFile, "page: 10", "page: 11"))
	body, err := json.Marshal(changes)
	want := `[{"op":"changed","resource":"document","name":"web/collections/{collection}/{page}.json",` +
		`"fields":[{"key":"page","before":"10","after":"11"}],"effect":"it is baked again in 5 countries",` +
		`"documents":["web/collections/{collection}/{page}.json"],"countries":["DE","FI","GB","NO","SE"]}]`
	if err != nil || string(body) != want {
		t.Errorf("got\n%s, %v; want\n%s", body, err, want)
	}
}

func TestSelectedFollowsFragmentsAndAliases(t *testing.T) {
	got := selected(`query ($title: ID!) { t: title(id: $title) { ...Card ... on Title { year } poster: image(role: POSTER, width: 3) { url } } }
fragment Card on Title { id name }`)
	want := []pair{
		{"t", "title id : $ title"},
		{"t.id", "selected"},
		{"t.name", "selected"},
		{"t.poster", "image role : POSTER width : 3"},
		{"t.poster.url", "selected"},
		{"t.year", "selected"},
		{"variables", "query ( $ title : ID ! )"},
		{"order", "t t.id t.name t.year t.poster t.poster.url"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("selected\n%v, want\n%v", got, want)
	}
}
