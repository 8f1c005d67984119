package shape

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// TestClassesAreWhatEachCountryAloneGets: rendering for many countries at once
// gives every country what it would get if it were the only one.
func TestClassesAreWhatEachCountryAloneGets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "dice") }
		w := newWorld(d)
		key := pickOne(d, allKeys()...)
		text, keys := newShape(d, w, key), w.keys(d)
		plan, err := compiled(key, text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		countries := ovenbird.NewCountrySet(pickSome(d, w.edition.Countries.List()...)...)
		// JP is none of the edition's: there are no documents for it.
		together, err := compose(NewRenderer(w.view()), plan, keys, countries.With("JP"))
		if err != nil {
			t.Fatal(err)
		}
		apart := map[ovenbird.Country]string{}
		for _, country := range countries.List() {
			alone, err := compose(NewRenderer(w.view()), plan, keys, ovenbird.NewCountrySet(country))
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(apart, alone)
		}
		if !maps.Equal(together, apart) {
			t.Fatalf("shape %s\nkeys %+v\ntogether %v\napart %v", text, keys, together, apart)
		}
	})
}

// TestCardsAreWhatEachCountryAloneGets is the same for cards, which many lists share.
func TestCardsAreWhatEachCountryAloneGets(t *testing.T) {
	plan := mustCompile(t, "home.json", `{
		collections { titles { name image(role: POSTER, width: 400) { url } rating { age } availability { end } specials { name } series { name } } }
		upcoming { title { name tagline rating { value } } }
	}`)
	rapid.Check(t, func(t *rapid.T) {
		d := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "dice") }
		w := newWorld(d)
		together, apart := NewRenderer(w.view()), NewRenderer(w.view())
		for _, card := range plan.Cards() {
			for _, title := range w.titles {
				got := map[ovenbird.Country]string{}
				for class, body := range together.Card(card, title.ID, w.edition.Countries) {
					for _, country := range class.List() {
						got[country] = string(body)
					}
				}
				for _, country := range w.edition.Countries.List() {
					want, exists := "", card.Preview() || w.view().Visible(title).Has(country)
					for _, body := range apart.Card(card, title.ID, ovenbird.NewCountrySet(country)) {
						want = string(body)
					}
					if _, found := got[country]; found != exists || got[country] != want {
						t.Fatalf("%s in %s: %q, want %q (exists: %v)", title.ID, country, got[country], want, exists)
					}
				}
			}
		}
	})
}

// small is a world of a series in all countries and a movie in Finland alone.
func small() *world {
	set := ovenbird.NewCountrySet
	w := &world{
		rules: newRules(),
		edition: &facts.Edition{
			Application: "tv", Countries: set("DE", "FI", "SE"), MaxAge: facts.NoMaxAge,
			Chains: []facts.Chain{
				{Countries: set("FI"), Locales: []ovenbird.Locale{"fi", "en"}},
				{Countries: set("DE", "SE"), Locales: []ovenbird.Locale{"sv", "en"}},
			},
		},
		titles: []*ovenbird.Title{
			{ID: "s", Kind: ovenbird.Series, SortKey: "1", Published: true, Texts: ovenbird.Texts{ovenbird.Name: {"en": "Bear", "fi": "Karhu"}}},
			{ID: "e", Kind: ovenbird.Episode, Parent: "s", Published: true, Texts: ovenbird.Texts{ovenbird.Name: {"en": "Pilot"}}},
			{ID: "m", Kind: ovenbird.Movie, SortKey: "2", Published: true, Texts: ovenbird.Texts{ovenbird.Name: {"en": "Big"}}},
			{ID: "x", Kind: ovenbird.Movie, SortKey: "3", Published: true, Texts: ovenbird.Texts{ovenbird.Name: {"en": "Next"}}},
		},
		collections: []*ovenbird.Collection{{ID: "c", Published: true, Items: []ovenbird.TitleID{"s", "m", "x"}}},
	}
	license := func(title ovenbird.TitleID, start time.Time, territories ...string) {
		w.licenses = append(w.licenses, &ovenbird.License{
			ID: ovenbird.LicenseID("l-" + title), Title: title, Territories: territories, Applications: []string{"*"},
			Window: ovenbird.Window{Start: start},
		})
	}
	license("s", time.Time{}, "*")
	license("m", time.Time{}, "FI")
	license("x", noon.Add(time.Hour), "DE", "FI")
	return w
}

// classes renders a document and lists its classes as "countries: body".
func classes(w *world, plan *Plan, keys Keys) []string {
	var list []string
	for class, output := range NewRenderer(w.view()).Document(plan, keys, w.edition.Countries) {
		list = append(list, fmt.Sprintf("%s: %s %d", class, output.Body, len(output.Slots)))
	}
	slices.Sort(list)
	return list
}

func TestOnlyWhatIsReadDividesCountries(t *testing.T) {
	for _, test := range []struct {
		path, text string
		keys       Keys
		want       []string
	}{
		{
			"titles/{title}.json", `query ($title: ID!) { title(id: $title) { id } }`,
			Keys{Title: "s"},
			[]string{`DE FI SE: {"title":{"id":"s"}} 0`},
		},
		{
			"titles/{title}.json", `query ($title: ID!) { title(id: $title) { name } }`,
			Keys{Title: "s"},
			[]string{`DE SE: {"title":{"name":"Bear"}} 0`, `FI: {"title":{"name":"Karhu"}} 0`},
		},
		{
			"titles/{title}.json", `query ($title: ID!) { title(id: $title) { name } country }`,
			Keys{Title: "m"},
			[]string{`FI: {"title":{"name":"Big"},"country":"FI"} 0`},
		},
		{"titles/{title}.json", `query ($title: ID!) { title(id: $title) { name } }`, Keys{Title: "nobody"}, nil},
		{
			"home.json", `{ country }`,
			Keys{},
			[]string{`DE: {"country":"DE"} 0`, `FI: {"country":"FI"} 0`, `SE: {"country":"SE"} 0`},
		},
		{
			"home.json", `{ collections { titles(first: 1) { name } } }`,
			Keys{},
			[]string{`DE FI SE: {"collections":[{"titles":[]}]} 1`},
		},
		{
			"home.json", `{ collections { titles(first: 2) { name } } }`,
			Keys{},
			[]string{`DE SE: {"collections":[{"titles":[]}]} 1`, `FI: {"collections":[{"titles":[,]}]} 2`},
		},
		{
			"home.json", `{ upcoming { opens title { name } } }`,
			Keys{},
			[]string{`DE FI: {"upcoming":[{"opens":"2026-03-10T13:00:00Z","title":}]} 1`, `SE: {"upcoming":[]} 0`},
		},
		{
			"collections/{collection}/{page}.json", `query ($collection: ID!, $page: Int!) {
			collection(id: $collection) { titles(page: $page, first: 1) { name } } }`,
			Keys{Collection: "c", Page: 1},
			[]string{`DE FI SE: {"collection":{"titles":[]}} 1`},
		},
		{"collections/{collection}/{page}.json", `query ($collection: ID!, $page: Int!) {
			collection(id: $collection) { pages titles(page: $page) { name } } }`, Keys{Collection: "c", Page: 2}, nil},
		{"collections/{collection}/{page}.json", `query ($collection: ID!, $page: Int!) {
			collection(id: $collection) { titles(page: $page) { name } } }`, Keys{Collection: "c", Page: 0}, nil},
		{
			"search/{prefix}.json", `query ($prefix: String!) { search(prefix: $prefix) { name } country }`,
			Keys{Prefix: "k"},
			[]string{`FI: {"search":[],"country":"FI"} 1`},
		},
	} {
		if got := classes(small(), mustCompile(t, test.path, test.text), test.keys); !slices.Equal(got, test.want) {
			t.Errorf("%s\n got %q\nwant %q", test.text, got, test.want)
		}
	}
}

func TestSlotsSayWhichCardGoesWhere(t *testing.T) {
	w := small()
	plan := mustCompile(t, "home.json", `{ collections { titles { name } } }`)
	r := NewRenderer(w.view())
	for class, output := range r.Document(plan, Keys{}, ovenbird.NewCountrySet("FI")) {
		if got := string(output.Body); got != `{"collections":[{"titles":[,]}]}` || class != ovenbird.NewCountrySet("FI") {
			t.Fatalf("%s: %s", class, got)
		}
		want := []Slot{{27, plan.Cards()[0], "s"}, {28, plan.Cards()[0], "m"}}
		if !slices.Equal(output.Slots, want) {
			t.Errorf("slots %v, want %v", output.Slots, want)
		}
	}
}

func TestCardsMayBeRenderedWhileADocumentIsLookedAt(t *testing.T) {
	w := small()
	plan := mustCompile(t, "home.json", `{ collections { titles { name } } }`)
	r := NewRenderer(w.view())
	var seen ovenbird.CountrySet
	for class, output := range r.Document(plan, Keys{}, w.edition.Countries) {
		before := string(output.Body)
		for _, slot := range output.Slots {
			for range r.Card(slot.Card, slot.Title, class) {
				continue
			}
		}
		if string(output.Body) != before {
			t.Error("a card overwrote a document")
		}
		seen = seen.Union(class)
	}
	if seen != w.edition.Countries {
		t.Errorf("rendered for %s", seen)
	}
}

func TestRenderingStopsWhenNobodyWantsMore(t *testing.T) {
	w := small()
	plan := mustCompile(t, "home.json", `{ country collections { titles { name } } }`)
	r := NewRenderer(w.view())
	steps := 0
	for range r.Document(plan, Keys{}, w.edition.Countries) {
		steps++
		break
	}
	for range r.Card(plan.Cards()[0], "s", w.edition.Countries) {
		steps++
		break
	}
	for range r.Card(plan.Cards()[0], "nobody", w.edition.Countries) {
		steps++
	}
	if steps != 2 {
		t.Errorf("%d steps, want 2", steps)
	}
}

// big is a catalog of n titles for all countries, seen by an edition with many
// locale chains.
func big(n int) *world {
	random := rand.New(rand.NewPCG(1, 2))
	w := newWorld(random.IntN)
	w.titles, w.licenses, w.collections = nil, nil, nil
	w.edition = &facts.Edition{Application: "tv", Countries: ovenbird.Worldwide(), MaxAge: facts.NoMaxAge}
	all := ovenbird.AllCountries()
	for i, locale := range []ovenbird.Locale{"fi", "sv", "de", "en"} {
		chain := facts.Chain{Locales: []ovenbird.Locale{locale, "en"}}
		for j := i; j < len(all); j += 4 {
			chain.Countries = chain.Countries.With(all[j])
		}
		w.edition.Chains = append(w.edition.Chains, chain)
	}
	home := &ovenbird.Collection{ID: "c", Published: true}
	for i := range n {
		w.addTitle(random.IntN, fmt.Sprintf("t%d", i), ovenbird.Movie, "", 100)
		home.Items = append(home.Items, w.titles[i].ID)
	}
	w.collections = append(w.collections, home)
	return w
}

const titleShape = `query ($title: ID!) { title(id: $title) { id name synopsis year genres image(role: HERO, width: 1920) { url } } }`

// BenchmarkTitle renders title documents that exist, for one country.
func BenchmarkTitle(b *testing.B) {
	w := big(1000)
	plan, view, finland := mustCompile(b, "titles/{title}.json", titleShape), w.view(), ovenbird.NewCountrySet("FI")
	var visible []*ovenbird.Title
	for _, title := range w.titles {
		if view.Visible(title).Has("FI") {
			visible = append(visible, title)
		}
	}
	r := NewRenderer(view)
	size := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for _, output := range r.Document(plan, Keys{Title: visible[i%len(visible)].ID}, finland) {
			size += len(output.Body)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
	b.ReportMetric(float64(size)/float64(b.N), "bytes/document")
}

// BenchmarkTitleWorldwide renders title documents for all countries at once, and
// counts those of every country.
func BenchmarkTitleWorldwide(b *testing.B) {
	w := big(1000)
	plan, r := mustCompile(b, "titles/{title}.json", titleShape), NewRenderer(w.view())
	documents, rendered := 0, 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for class := range r.Document(plan, Keys{Title: w.titles[i%len(w.titles)].ID}, ovenbird.Worldwide()) {
			documents += class.Len()
			rendered++
		}
	}
	b.ReportMetric(float64(documents)/b.Elapsed().Seconds(), "documents/s")
	b.ReportMetric(float64(rendered)/b.Elapsed().Seconds(), "rendered/s")
}

// BenchmarkUpcoming renders, from a new view each time, what opens soon among
// 10,000 movies in all countries.
func BenchmarkUpcoming(b *testing.B) {
	w := big(10_000)
	plan, view := mustCompile(b, "upcoming.json", `{ upcoming(first: 50) { opens title { name } } }`), w.view()
	everything := make(map[ovenbird.TitleID]bool)
	for _, t := range w.titles {
		everything[t.ID] = true
	}
	b.ReportAllocs()
	for b.Loop() {
		r := NewRenderer(view.Later(noon, everything))
		for range r.Document(plan, Keys{}, ovenbird.Worldwide()) {
			continue
		}
	}
}

// BenchmarkHome renders a rail of 10,000 movies in all countries.
func BenchmarkHome(b *testing.B) {
	w := big(10_000)
	plan, r := mustCompile(b, "home.json", `{ collections { id name titleCount titles(first: 100) { name } } }`), NewRenderer(w.view())
	b.ReportAllocs()
	for b.Loop() {
		for range r.Document(plan, Keys{}, ovenbird.Worldwide()) {
			continue
		}
	}
}
