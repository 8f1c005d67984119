package bake_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bake"
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// pantry keeps objects in memory.
type pantry struct {
	mu     sync.Mutex
	bodies map[release.Hash]string
}

func newPantry() *pantry { return &pantry{bodies: make(map[release.Hash]string)} }

func (p *pantry) Add(body []byte) (release.Hash, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hash := release.HashOf(body)
	p.bodies[hash] = string(body)
	return hash, nil
}

// document returns what a viewer in a country gets, cards put in; ok is false
// where there is no such document.
func (p *pantry) document(tree *release.Tree, edition, path string, country ovenbird.Country) (string, bool) {
	row, _ := tree.Get(release.Key{Edition: edition, Path: path})
	hash, ok := row.Object(country)
	if !ok {
		return "", false
	}
	body := []byte(p.bodies[hash])
	if !release.IsTemplate(body) {
		return string(body), true
	}
	template, err := release.ParseTemplate(body)
	if err != nil {
		panic(err)
	}
	body, err = template.Render(nil, func(slot string) ([]byte, bool) {
		card, ok := p.document(tree, edition, slot, country)
		return []byte(card), ok
	})
	if err != nil {
		panic(fmt.Sprintf("%s in %s: %v", path, country, err))
	}
	return string(body), true
}

var shapes = map[string]string{
	"home.json": `{ collections(first: 3) { id name titles(first: 2) { id name } } }`,
	"titles/{title}.json": `query ($title: ID!) { title(id: $title) { id name synopsis availability { end } series { id }
		seasons { id episodes { id name } } episodes { id } specials { id } clips { id name } } }`,
	"collections/{collection}/{page}.json": `query ($collection: ID!, $page: Int!) {
		collection(id: $collection) { name pages titleCount titles(page: $page) { id name kind } } }`,
	"upcoming.json":        `{ upcoming(days: 2) { opens title { name } } }`,
	"leaving.json":         `{ leaving(days: 2, first: 3) { leaves title { id name } } }`,
	"featured.json":        `{ title(id: "m1") { name synopsis } collection(id: "k1") { titles(order: NEWEST, first: 2) { id } } }`,
	"search/{prefix}.json": `query ($prefix: String!) { search(prefix: $prefix, first: 3) { id name } }`,
}

func plans(t testing.TB) []*shape.Plan {
	t.Helper()
	var list []*shape.Plan
	for path, text := range shapes {
		template, err := shape.ParseTemplate(path)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := shape.Compile(shape.Document{
			Template: template, Source: shape.Source{Name: path, Text: text}, PageSize: 2, LongestPrefix: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, plan)
	}
	return list
}

func program(t testing.TB) *bake.Program {
	t.Helper()
	countries := ovenbird.NewCountrySet("DE", "FI", "SE", "US")
	edition := func(name string, language ovenbird.Locale, maxAge int) *facts.Edition {
		return &facts.Edition{
			Application: name, Language: language, Countries: countries, RequiresVideo: true, MaxAge: maxAge,
			Chains: []facts.Chain{
				{Countries: ovenbird.NewCountrySet("FI", "SE"), Locales: []ovenbird.Locale{"sv", "en"}},
				{Countries: ovenbird.NewCountrySet("DE", "US"), Locales: []ovenbird.Locale{"en"}},
			},
			Boards: []facts.Board{{Countries: countries, Systems: []string{"FSK"}}},
		}
	}
	all := plans(t)
	return &bake.Program{
		Applications: []bake.Application{
			{Name: "web", Editions: []*facts.Edition{edition("web", "en", facts.NoMaxAge)}, Plans: all},
			{Name: "kids", Editions: []*facts.Edition{edition("kids", "", 6)}, Plans: all},
		},
		Rules: &facts.Rules{
			Groups: facts.StandardGroups(),
			Ages:   map[ovenbird.Rating]int{{System: "FSK", Value: "0"}: 0, {System: "FSK", Value: "12"}: 12},
		},
		Everywhere: []bake.Fixed{{Path: "variations.json", Body: []byte(`{"countries":["DE"]}`)}},
		Horizon:    24 * time.Hour,
		Site:       "test",
	}
}

// world is a catalog under edit.
type world struct {
	sequence    int64
	titles      map[ovenbird.TitleID]*ovenbird.Title
	licenses    map[ovenbird.LicenseID]*ovenbird.License
	collections map[ovenbird.CollectionID]*ovenbird.Collection
}

func newWorld() *world {
	return &world{
		titles:      make(map[ovenbird.TitleID]*ovenbird.Title),
		licenses:    make(map[ovenbird.LicenseID]*ovenbird.License),
		collections: make(map[ovenbird.CollectionID]*ovenbird.Collection),
	}
}

func (w *world) snapshot() *ovenbird.Snapshot {
	var titles []*ovenbird.Title
	for _, t := range w.titles {
		titles = append(titles, t)
	}
	var licenses []*ovenbird.License
	for _, l := range w.licenses {
		licenses = append(licenses, l)
	}
	var collections []*ovenbird.Collection
	for _, c := range w.collections {
		collections = append(collections, c)
	}
	return ovenbird.NewSnapshot(w.sequence, titles, licenses, collections)
}

var (
	titleIDs = []ovenbird.TitleID{"m1", "m2", "m3", "s1", "s1a", "s1b", "s2", "e1", "e2", "e3", "x1", "c1", "c2"}
	words    = []string{"Ash", "Asp", "Birch", "Bee", "Älg"}
)

func kindOf(id ovenbird.TitleID) ovenbird.Kind {
	switch {
	case id == "s1" || id == "s2":
		return ovenbird.Series
	case id == "s1a" || id == "s1b":
		return ovenbird.Season
	case id[0] == 'e' || id[0] == 'x':
		return ovenbird.Episode
	case id[0] == 'c':
		return ovenbird.Clip
	default:
		return ovenbird.Movie
	}
}

// edit changes one thing at random and says what.
func (w *world) edit(t *rapid.T) ovenbird.Touched {
	w.sequence++
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0, 1:
		id := rapid.SampledFrom(titleIDs).Draw(t, "title")
		was := w.titles[id]
		w.titles[id] = w.drawTitle(t, id)
		if was != nil && rapid.Bool().Draw(t, "only the texts") {
			renamed := *was
			renamed.Texts = w.titles[id].Texts
			w.titles[id] = &renamed
		}
		return ovenbird.Touched{Titles: []ovenbird.TitleID{id}}
	case 2:
		id := rapid.SampledFrom(titleIDs).Draw(t, "gone")
		for _, other := range w.titles {
			if other.Parent == id {
				return ovenbird.Touched{}
			}
		}
		delete(w.titles, id)
		return ovenbird.Touched{Titles: []ovenbird.TitleID{id}}
	case 3, 4:
		l := drawLicense(t)
		changed := ovenbird.Touched{Titles: []ovenbird.TitleID{l.Title}}
		if was := w.licenses[l.ID]; was != nil {
			changed.Titles = append(changed.Titles, was.Title)
		}
		w.licenses[l.ID] = l
		return changed
	default:
		id := ovenbird.CollectionID(rapid.SampledFrom([]string{"k1", "k2"}).Draw(t, "collection"))
		w.collections[id] = &ovenbird.Collection{
			ID: id, SortKey: string(id), Published: rapid.IntRange(0, 4).Draw(t, "published") > 0,
			Texts: drawTexts(t), Items: rapid.SliceOfNDistinct(rapid.SampledFrom(titleIDs), 0, 6, rapid.ID[ovenbird.TitleID]).Draw(t, "items"),
		}
		return ovenbird.Touched{Collections: []ovenbird.CollectionID{id}}
	}
}

func drawTexts(t *rapid.T) ovenbird.Texts {
	names := map[ovenbird.Locale]string{"en": rapid.SampledFrom(words).Draw(t, "en")}
	if rapid.Bool().Draw(t, "translated") {
		names["sv"] = rapid.SampledFrom(words).Draw(t, "sv")
	}
	return ovenbird.Texts{ovenbird.Name: names}
}

func (w *world) drawTitle(t *rapid.T, id ovenbird.TitleID) *ovenbird.Title {
	title := &ovenbird.Title{
		ID: id, Kind: kindOf(id), SortKey: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "sort"), Texts: drawTexts(t),
		Published: rapid.IntRange(0, 5).Draw(t, "published") > 0, Video: rapid.IntRange(0, 5).Draw(t, "video") > 0,
		Special: id[0] == 'x', Year: rapid.SampledFrom([]int{0, 1990}).Draw(t, "year"), Ratings: []ovenbird.Rating{{System: "FSK", Value: rapid.SampledFrom([]string{"0", "12", "?"}).Draw(t, "fsk")}},
	}
	var parents []ovenbird.TitleID
	for _, parent := range titleIDs {
		if other := w.titles[parent]; other != nil && other.Kind.MayHold(title.Kind) {
			parents = append(parents, parent)
		}
	}
	if len(parents) > 0 && title.Kind != ovenbird.Movie && title.Kind != ovenbird.Series {
		title.Parent = rapid.SampledFrom(append(parents, "")).Draw(t, "parent")
	}
	return title
}

func drawLicense(t *rapid.T) *ovenbird.License {
	instant := func(name string) time.Time {
		return noon.Add(time.Duration(rapid.IntRange(-80, 80).Draw(t, name)) * time.Hour)
	}
	l := &ovenbird.License{
		ID:           ovenbird.LicenseID(rapid.SampledFrom([]string{"l1", "l2", "l3", "l4", "l5", "l6"}).Draw(t, "license")),
		Title:        rapid.SampledFrom(titleIDs).Draw(t, "of"),
		Territories:  rapid.SampledFrom([][]string{{"*"}, {"NORDICS"}, {"DE", "US"}}).Draw(t, "territories"),
		Exclude:      rapid.SampledFrom([][]string{nil, {"US"}, {"SE"}}).Draw(t, "exclude"),
		Applications: rapid.SampledFrom([][]string{{"*"}, {"*"}, {"kids"}, {"tv"}, {"kids", "box"}}).Draw(t, "applications"),
		Model:        ovenbird.SVOD,
	}
	if rapid.Bool().Draw(t, "starts") {
		l.Window.Start = instant("start")
	}
	if rapid.Bool().Draw(t, "ends") {
		l.Window.End = instant("end")
	}
	if !l.Window.Valid() {
		l.Window.End = time.Time{}
	}
	return l
}

// check tries a law on a thousand cases: the rare ones are those that break it.
func check(t *testing.T, law func(*rapid.T)) {
	t.Helper()
	for range 10 {
		rapid.Check(t, law)
	}
}

func TestAnUpdateComesToTheSameReleaseAsAFullBake(t *testing.T) {
	program := program(t)
	check(t, func(t *rapid.T) {
		w, at, sink := newWorld(), noon, newPantry()
		for range rapid.IntRange(0, 25).Draw(t, "before") {
			w.edit(t)
		}
		state, err := bake.Full(t.Context(), program, w.snapshot(), at, sink)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 6).Draw(t, "bakes") {
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
			full, err := bake.Full(t.Context(), program, w.snapshot(), at, sink)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := state.Content.Root(), full.Content.Root(); got != want {
				t.Fatalf("root %s after an update, %s after a full bake:\n%s", got, want, compare(state.Content, full.Content))
			}
		}
	})
}

func compare(a, b release.Content) string {
	var report strings.Builder
	rows := func(tree *release.Tree) map[release.Key]release.Row {
		m := make(map[release.Key]release.Row)
		for row := range tree.All() {
			m[row.Key] = row
		}
		return m
	}
	left, right := rows(a.Tree), rows(b.Tree)
	for key, row := range left {
		if !row.Equal(right[key]) {
			fmt.Fprintf(&report, "update has %v, full %v\n", row, right[key])
		}
	}
	for key, row := range right {
		if _, ok := left[key]; !ok {
			fmt.Fprintf(&report, "update lacks %v\n", row)
		}
	}
	fmt.Fprintf(&report, "patches: %d and %d", len(a.Patches), len(b.Patches))
	return report.String()
}

// What an edge shows later, by the patches it has, is what a bake at that later
// instant would have made.
func TestPatchesForetellLaterBakes(t *testing.T) {
	program := program(t)
	check(t, func(t *rapid.T) {
		w, sink := newWorld(), newPantry()
		for range rapid.IntRange(0, 30).Draw(t, "edits") {
			w.edit(t)
		}
		state, err := bake.Full(t.Context(), program, w.snapshot(), noon, sink)
		if err != nil {
			t.Fatal(err)
		}
		later := noon.Add(time.Duration(rapid.IntRange(0, 24*60).Draw(t, "minutes")) * time.Minute)
		then, err := bake.Full(t.Context(), program, w.snapshot(), later, sink)
		if err != nil {
			t.Fatal(err)
		}
		// That bake knows of a later stretch when rows end.
		if got, want := withoutEnds(state.Content.At(later)), withoutEnds(then.Content.Tree); got.Root() != want.Root() {
			t.Fatalf("at %v:\n%s", later, compare(release.Content{Tree: got}, release.Content{Tree: want}))
		}
	})
}

func withoutEnds(tree *release.Tree) *release.Tree {
	var rows []release.Row
	for row := range tree.All() {
		row.Ends = 0
		rows = append(rows, row)
	}
	return release.NewTree(rows)
}

// What an edge that hears of nothing newer goes on serving after the horizon,
// until it ends, a later bake would serve as well.
func TestWhatHasNotEndedIsStillThere(t *testing.T) {
	program := program(t)
	check(t, func(t *rapid.T) {
		w, sink := newWorld(), newPantry()
		for range rapid.IntRange(0, 30).Draw(t, "edits") {
			w.edit(t)
		}
		state, err := bake.Full(t.Context(), program, w.snapshot(), noon, sink)
		if err != nil {
			t.Fatal(err)
		}
		horizon := noon.Add(program.Horizon)
		later := horizon.Add(time.Duration(rapid.IntRange(0, 60*60).Draw(t, "minutes after")) * time.Minute)
		then, err := bake.Full(t.Context(), program, w.snapshot(), later, sink)
		if err != nil {
			t.Fatal(err)
		}
		for row := range state.Content.At(horizon).All() {
			if row.Ends != 0 && row.Ends <= later.Unix() || !strings.HasPrefix(row.Path, "titles/") {
				continue
			}
			if now, _ := then.Content.Tree.Get(row.Key); !row.Countries().Minus(now.Countries()).Empty() {
				t.Fatalf("%s, which is to end at %d, is gone in %s at %v", row.Key, row.Ends, row.Countries().Minus(now.Countries()), later)
			}
		}
	})
}

// Every document is there exactly where its subject is visible, and no list
// has a slot without a card.
func TestDocumentsExistWhereTheirTitleIsVisible(t *testing.T) {
	program := program(t)
	check(t, func(t *rapid.T) {
		w, sink := newWorld(), newPantry()
		for range rapid.IntRange(0, 30).Draw(t, "edits") {
			w.edit(t)
		}
		snapshot := w.snapshot()
		state, err := bake.Full(t.Context(), program, snapshot, noon, sink)
		if err != nil {
			t.Fatal(err)
		}
		for _, application := range program.Applications {
			edition := application.Editions[0]
			view := facts.NewView(snapshot, edition, program.Rules, noon)
			for _, country := range edition.Countries.List() {
				for id, title := range snapshot.Titles {
					_, exists := sink.document(state.Content.Tree, edition.Name(), "titles/"+string(id)+".json", country)
					if want := view.Visible(title).Has(country); exists != want {
						t.Errorf("%s in %s of %s exists: %v, visible: %v", id, country, edition.Name(), exists, want)
					}
				}
				for row := range state.Content.Tree.All() {
					if row.Edition == edition.Name() && !row.IsCard() {
						sink.document(state.Content.Tree, row.Edition, row.Path, country) // panics at a slot without a card
					}
				}
			}
		}
	})
}

func TestAnUnchangedCatalogIsNotBakedAgain(t *testing.T) {
	w := newWorld()
	w.titles["m1"] = &ovenbird.Title{ID: "m1", Kind: ovenbird.Movie, Published: true, Video: true}
	w.licenses["l1"] = &ovenbird.License{ID: "l1", Title: "m1", Territories: []string{"*"}, Applications: []string{"*"}}
	snapshot, sink := w.snapshot(), newPantry()
	state, err := bake.Full(t.Context(), program(t), snapshot, noon, sink)
	if err != nil {
		t.Fatal(err)
	}
	root := state.Content.Root()
	state, err = bake.Update(t.Context(), state, snapshot, ovenbird.Touched{}, noon.Add(10*time.Minute), sink)
	if err != nil {
		t.Fatal(err)
	}
	if state.Remade != 0 || state.Content.Root() != root {
		t.Errorf("%d subjects were made again", state.Remade)
	}
	if _, err := bake.Update(t.Context(), state, snapshot, ovenbird.Touched{}, noon, sink); err == nil {
		t.Error("an update back in time is not refused")
	}
}

func TestADocumentIsRenderedOnceForAllCountriesWhereItIsTheSame(t *testing.T) {
	w := newWorld()
	w.titles["m1"] = &ovenbird.Title{ID: "m1", Kind: ovenbird.Movie, Published: true, Video: true, Texts: ovenbird.Texts{
		ovenbird.Name: {"en": "Ash", "sv": "Ask"},
	}}
	w.licenses["l1"] = &ovenbird.License{ID: "l1", Title: "m1", Territories: []string{"*"}, Applications: []string{"*"}}
	state, err := bake.Full(t.Context(), program(t), w.snapshot(), noon, newPantry())
	if err != nil {
		t.Fatal(err)
	}
	row, _ := state.Content.Tree.Get(release.Key{Edition: "web/en", Path: "titles/m1.json"})
	var got []string
	for _, class := range row.Classes {
		got = append(got, class.Countries.String())
	}
	if want := []string{"DE US", "FI SE"}; !slices.Equal(got, want) {
		t.Errorf("classes %q, want %q", got, want)
	}
}
