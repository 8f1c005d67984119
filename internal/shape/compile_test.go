package shape

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"ovenbird/internal/ovenbird"
)

var update = flag.Bool("update", false, "write what the tests get into their golden files")

// compileText compiles a shape for a document path; a path followed by " -" has
// no page size.
func compileText(t testing.TB, path, text string) (*Plan, error) {
	t.Helper()
	path, unpaged := strings.CutSuffix(path, " -")
	template, err := ParseTemplate(path)
	if err != nil {
		t.Fatal(err)
	}
	d := Document{Template: template, Source: Source{Name: "shape.graphql", Text: text}, PageSize: testPageSize, LongestPrefix: testLongestPrefix}
	if unpaged {
		d.PageSize = 0
	}
	return Compile(d)
}

func mustCompile(t testing.TB, path, text string) *Plan {
	t.Helper()
	plan, err := compileText(t, path, text)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestErrorsNamePlaceAndRemedy compares the errors of the shapes in
// testdata/errors with what each file says they are.
func TestErrorsNamePlaceAndRemedy(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			document, text, want := archive.Files[0].Data, archive.Files[1].Data, archive.Files[2].Data
			_, err = compileText(t, strings.TrimSpace(string(document)), string(text))
			if err == nil {
				t.Fatal("the shape compiles")
			}
			if ovenbird.CodeOf(err) != ovenbird.Invalid {
				t.Errorf("code %q", ovenbird.CodeOf(err))
			}
			got := []byte(err.Error() + "\n")
			if *update {
				archive.Files[2].Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want) {
				t.Errorf("errors:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestEveryFieldOfTheSchemaCompiles(t *testing.T) {
	checkFields(t, "Query", queryFields())
	checkFields(t, "Title", titleFields())
	checkFields(t, "Preview", previewFields())
	checkFields(t, "Collection", collectionFields())
	checkFields(t, "Image", imageFields())
	checkFields(t, "Rating", ratingFields())
	checkFields(t, "Availability", windowFields())
	checkFields(t, "Opening", openingFields())
	checkFields(t, "Leaving", leavingFields())
}

func checkFields[T any](t *testing.T, typename string, fields map[string]maker[T]) {
	t.Helper()
	for _, f := range schema().Types[typename].Fields {
		if fields[f.Name] == nil && !strings.HasPrefix(f.Name, "__") {
			t.Errorf("%s.%s is in the schema and does not compile", typename, f.Name)
		}
	}
	for name := range fields {
		if schema().Types[typename].Fields.ForName(name) == nil {
			t.Errorf("%s.%s compiles and is not in the schema", typename, name)
		}
	}
}

func TestEverythingInTheSchemaIsDescribed(t *testing.T) {
	for name, typ := range schema().Types {
		if typ.BuiltIn {
			continue
		}
		if typ.Description == "" {
			t.Errorf("%s has no description", name)
		}
		for _, value := range typ.EnumValues {
			if value.Description == "" {
				t.Errorf("%s.%s has no description", name, value.Name)
			}
		}
		for _, field := range typ.Fields {
			if field.Description == "" && !strings.HasPrefix(field.Name, "__") {
				t.Errorf("%s.%s has no description", name, field.Name)
			}
			for _, argument := range field.Arguments {
				if argument.Description == "" && !strings.HasPrefix(field.Name, "__") {
					t.Errorf("%s.%s(%s:) has no description", name, field.Name, argument.Name)
				}
			}
		}
	}
}

func TestCardsThatSelectTheSameAreTheSame(t *testing.T) {
	plain := mustCompile(t, "home.json", `{ collections { titles { id p: image(role: POSTER, width: 300) { url } episodes { id } } } }`)
	spread := mustCompile(t, "leaving.json", `{ leaving { title { ...Card ... { episodes(order: ASC) { id } } } } }
		fragment Card on Title { id p: image(width: 300, role: POSTER) { url } }`)
	if len(plain.Cards()) != 1 || len(spread.Cards()) != 1 {
		t.Fatalf("%d and %d cards", len(plain.Cards()), len(spread.Cards()))
	}
	if a, b := plain.Cards()[0], spread.Cards()[0]; a.ID() != b.ID() {
		t.Errorf("two cards: %s and %s", a.Selection(), b.Selection())
	}
	const want = "Title{id p:image(role:POSTER,width:300){url} episodes(order:ASC){id}}"
	if got := plain.Cards()[0].Selection(); got != want {
		t.Errorf("selection %s, want %s", got, want)
	}
}

func TestCardsThatSelectSomethingElseAreOthers(t *testing.T) {
	plan := mustCompile(t, "home.json", `{
		a: collections { titles { name } b: titles(order: NEWEST) { name } c: titles { name: tagline } d: titles { name: name id } }
		upcoming { title { name } }
		leaving { title { name episodes(first: 1) { id } } }
	}`)
	seen := map[string]string{}
	for _, card := range plan.Cards() {
		seen[card.ID()] = card.Selection()
	}
	if len(seen) != 5 || len(plan.Cards()) != 5 {
		t.Errorf("cards: %v", seen)
	}
	preview := 0
	for _, card := range plan.Cards() {
		if card.Preview() {
			preview++
		}
	}
	if preview != 1 {
		t.Errorf("%d previews, want 1", preview)
	}
}

func TestReadSetNamesCountryDependentFactsByRelation(t *testing.T) {
	plan := mustCompile(t, "home.json", `{
		country application
		title(id: "t1") { id year name logo: image(role: LOGO, width: 1) { url } rating { age } seasons { number episodes { tagline availability { end } } } }
		collections { pages titles { synopsis } }
		leaving { leaves title { name } }
	}`)
	const want = `country
collections: shown
collections.titles: visible
leaving: leaves, visible
title: image(LOGO), name, rating, visible
title.seasons: visible
title.seasons.episodes: availability, tagline, visible
`
	if got := plan.ReadSet().String(); got != want {
		t.Errorf("read set:\n%swant:\n%s", got, want)
	}
	if got := plan.Cards()[0].ReadSet().String(); got != "title: synopsis, visible\n" {
		t.Errorf("card's read set: %s", got)
	}
}

func TestAPlanKnowsHowFarItLooksAhead(t *testing.T) {
	for text, want := range map[string]int{
		"{ country }": noDays, "{ upcoming { opens } }": 30, "{ upcoming(days: 0) { opens } }": 0,
		"{ upcoming(days: 7) { opens } leaving(days: 14) { leaves } }": 14,
	} {
		days, ok := mustCompile(t, "home.json", text).Days()
		if ok != (want != noDays) || ok && days != want {
			t.Errorf("%s: %d days, %v", text, days, ok)
		}
	}
}

// guideShapes returns the whole shapes that docs/shapes.md shows.
func guideShapes(t *testing.T) []string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/shapes.md")
	if err != nil {
		t.Fatal(err)
	}
	var shapes []string
	for i, part := range strings.Split(string(guide), "```graphql\n") {
		text, _, _ := strings.Cut(part, "```")
		if i > 0 && strings.Contains(text, "query") {
			shapes = append(shapes, text)
		}
	}
	if len(shapes) < 2 {
		t.Fatalf("the guide shows %d shapes", len(shapes))
	}
	return shapes
}

func TestTheGuideShowsShapesThatCompile(t *testing.T) {
	for _, text := range guideShapes(t) {
		path := templates[ByTitle]
		if strings.Contains(text, "$page") {
			path = templates[ByPage]
		}
		mustCompile(t, path, text)
	}
}

func TestShapesCompileAtTheSameTime(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := compiled(ByTitle, `query ($title: ID!) { title(id: $title) { name seasons { id } } }`); err != nil {
				t.Error(err)
			}
			if _, err := compiled(Unkeyed, `{ nothing }`); err == nil {
				t.Error("a field that is not there compiles")
			}
		})
	}
	all.Wait()
}

// FuzzCompile looks for shapes that crash or hang the compiler.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[1].Data))
	}
	f.Add(`query ($title: ID!) { title(id: $title) { ...F name } } fragment F on Title { name(first: $title) seasons(order: null) { id } }`)
	f.Add(`{ title(id: """x""") { cast(first: 1.5) image(role: "HERO", width: {a: [1]}) { url } } upcoming(days: null) { opens } }`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, key := range allKeys() {
			plan, err := compiled(key, text)
			if err == nil && plan == nil || err != nil && ovenbird.CodeOf(err) != ovenbird.Invalid {
				t.Errorf("plan %v, error %v", plan, err)
			}
		}
	})
}
