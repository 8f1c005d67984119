package bake_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bake"
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// family is a program with three applications that differ in their names, and three
// that differ from them: by age, by a document, and by a document that says which
// application it is of.
func family(t testing.TB) *bake.Program {
	t.Helper()
	p := program(t)
	web := p.Applications[0]
	add := func(name string, plans []*shape.Plan) {
		edition := *web.Editions[0]
		edition.Application, edition.Language = name, ""
		p.Applications = append(p.Applications, bake.Application{Name: name, Editions: []*facts.Edition{&edition}, Plans: plans})
	}
	add("tv", web.Plans)
	add("box", again(t, web.Plans))
	add("old", web.Plans[1:])
	named, err := shape.ParseTemplate("home.json")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := shape.Compile(shape.Document{Template: named, Source: shape.Source{Name: "home.json", Text: `{ application }`}})
	if err != nil {
		t.Fatal(err)
	}
	add("named", []*shape.Plan{plan})
	add("also", []*shape.Plan{plan})
	return p
}

// again compiles the documents of plans on their own.
func again(t testing.TB, plans []*shape.Plan) []*shape.Plan {
	t.Helper()
	var list []*shape.Plan
	for _, p := range plans {
		plan, err := shape.Compile(shape.Document{
			Template: p.Template(), Source: p.Source(), PageSize: p.PageSize(), LongestPrefix: p.LongestPrefix(),
		})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, plan)
	}
	return list
}

// apart bakes each edition by itself and puts the rows together.
func apart(t *rapid.T, p *bake.Program, snapshot *ovenbird.Snapshot, at time.Time, sink *pantry) release.Content {
	var rows []release.Row
	patches := make(map[time.Time][]release.Row)
	for _, application := range p.Applications {
		one := *p
		one.Applications = []bake.Application{application}
		state, err := bake.Full(t.Context(), &one, snapshot, at, sink)
		if err != nil {
			t.Fatal(err)
		}
		for row := range state.Content.Tree.All() {
			rows = append(rows, row)
		}
		for _, patch := range state.Content.Patches {
			patches[patch.At] = append(patches[patch.At], patch.Rows...)
		}
	}
	content := release.Content{Tree: release.NewTree(rows)}
	for _, instant := range sortedKeys(patches) {
		content.Patches = append(content.Patches, release.NewPatch(instant, patches[instant]))
	}
	return content
}

// Editions that share what is made for them have what each has that is baked by
// itself, whatever licenses say of single applications, after updates too; and they
// do share.
func TestKinHaveWhatEachWouldHaveAlone(t *testing.T) {
	program := family(t)
	shared := false
	check(t, func(t *rapid.T) {
		w, at, sink := newWorld(), noon, newPantry()
		for range rapid.IntRange(0, 25).Draw(t, "before") {
			w.edit(t)
		}
		state, err := bake.Full(t.Context(), program, w.snapshot(), at, sink)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 3).Draw(t, "bakes") {
			var changed ovenbird.Touched
			for range rapid.IntRange(0, 3).Draw(t, "edits") {
				c := w.edit(t)
				changed.Titles = append(changed.Titles, c.Titles...)
				changed.Collections = append(changed.Collections, c.Collections...)
			}
			at = at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			if state, err = bake.Update(t.Context(), state, w.snapshot(), changed, at, sink); err != nil {
				t.Fatal(err)
			}
		}
		alone := apart(t, program, w.snapshot(), at, sink)
		if got, want := state.Content.Root(), alone.Root(); got != want {
			t.Fatalf("root %s together, %s of each by itself:\n%s", got, want, compare(state.Content, alone))
		}
		tv, box := rowOf(state, "tv"), rowOf(state, "box")
		shared = shared || len(tv.Classes) > 0 && len(box.Classes) > 0 && &tv.Classes[0] == &box.Classes[0]
	})
	if !shared {
		t.Error("nothing that was made for one is another's as well")
	}
}

func rowOf(state *bake.State, edition string) release.Row {
	row, _ := state.Content.Tree.Get(release.Key{Edition: edition, Path: "titles/m1.json"})
	return row
}

func sortedKeys(patches map[time.Time][]release.Row) []time.Time {
	keys := make([]time.Time, 0, len(patches))
	for at := range patches {
		keys = append(keys, at)
	}
	slices.SortFunc(keys, time.Time.Compare)
	return keys
}
