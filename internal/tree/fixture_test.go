package tree_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/tree"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The world of the tests has one application without languages, and one with two.
var (
	countries = []ovenbird.Country{"FI", "SE", "US"}
	editions  = []release.Edition{
		{Name: "tv", Application: "tv", Countries: countries},
		{Name: "web/fi", Application: "web", Language: "fi", Countries: countries[:2], DefaultCountries: countries[:1]},
		{Name: "web/en", Application: "web", Language: "en", Countries: countries, DefaultCountries: countries[1:]},
	}
	titles = []string{"a", "b", "c", "d"}
	lists  = []string{"home.json", "collections/c1/1.json", "search/x.json"}
)

// moment is what there is at an instant, so small that what each country gets
// can be read off it.
type moment struct {
	// versions of each title, by edition, title and country; 0 is none.
	versions map[string]map[string]map[ovenbird.Country]int
	// members are the titles of each list, by edition and list; a country sees those
	// of them that it has, and no list without any.
	members map[string]map[string][]string
	site    int                  // the version of the document of the whole site
	ends    map[string]time.Time // of titles, after the horizon
}

func drawMoment(t *rapid.T) moment {
	m := moment{
		versions: make(map[string]map[string]map[ovenbird.Country]int), members: make(map[string]map[string][]string),
		site: rapid.IntRange(0, 1).Draw(t, "site"),
	}
	for _, e := range editions {
		m.versions[e.Name], m.members[e.Name] = make(map[string]map[ovenbird.Country]int), make(map[string][]string)
		for _, title := range titles {
			m.versions[e.Name][title] = make(map[ovenbird.Country]int)
			for _, country := range e.Countries {
				m.versions[e.Name][title][country] = rapid.IntRange(0, 2).Draw(t, e.Name+title+string(country))
			}
		}
		for _, list := range lists {
			m.members[e.Name][list] = rapid.SliceOfNDistinct(rapid.SampledFrom(titles), 0, 4, rapid.ID[string]).Draw(t, e.Name+list)
		}
	}
	return m
}

// documents returns what a country gets in an edition, by path, in plain loops.
func (m moment) documents(edition string, country ovenbird.Country) map[string]string {
	documents := make(map[string]string)
	for _, title := range titles {
		if v := m.versions[edition][title][country]; v > 0 {
			documents["titles/"+title+".json"] = titleBody(title, v)
		}
	}
	for _, list := range lists {
		var cards []string
		for _, title := range m.members[edition][list] {
			if v := m.versions[edition][title][country]; v > 0 {
				cards = append(cards, cardBody(title, v))
			}
		}
		if len(cards) > 0 {
			documents[list] = "[" + strings.Join(cards, ",") + "]"
		}
	}
	return documents
}

func titleBody(title string, version int) string {
	return fmt.Sprintf(`{"id":%q,"text":%d}`, title, version)
}

func cardBody(title string, version int) string {
	return fmt.Sprintf(`{"id":%q,"card":%d}`, title, version)
}
func siteBody(version int) string { return fmt.Sprintf(`{"site":%d}`, version) }

// files returns the names of all files, without copies, and what they hold.
func (m moment) files(scope tree.Scope) map[string]string {
	files := map[string]string{"variations.json": siteBody(m.site)}
	for _, e := range editions {
		for _, country := range e.Countries {
			if len(scope.Countries) > 0 && !slices.Contains(scope.Countries, country) ||
				len(scope.Applications) > 0 && !slices.Contains(scope.Applications, e.Application) {
				continue
			}
			for path, body := range m.documents(e.Name, country) {
				files[string(country)+"/"+e.Name+"/"+path] = body
				if slices.Contains(e.DefaultCountries, country) {
					files[string(country)+"/"+e.Application+"/"+path] = body
				}
			}
		}
	}
	return files
}

// writer makes releases.
type writer struct {
	tb    rapid.TB
	store *release.Store
	last  *release.Release
}

func newWriter(tb rapid.TB) *writer {
	tb.Helper()
	b := bucket.OpenMemory()
	// Nothing is left of a bucket in memory that is not closed.
	store, err := release.Open(b, release.Config{Keep: 3})
	if err != nil {
		tb.Fatal(err)
	}
	return &writer{tb: tb, store: store}
}

// publish publishes a release of the moments: the first at noon, one every hour.
func (w *writer) publish(moments ...moment) *release.Release {
	w.tb.Helper()
	ctx := context.Background()
	to, err := w.store.Begin(ctx, w.last)
	if err != nil {
		w.tb.Fatal(err)
	}
	content := release.Content{Tree: release.NewTree(w.rows(to, moments[0]))}
	rows := content.Tree
	for i, m := range moments[1:] {
		next := release.NewTree(w.rows(to, m))
		var changed []release.Row
		for c := range rows.Diff(next) {
			changed = append(changed, c.New)
		}
		content.Patches = append(content.Patches, release.NewPatch(hour(i+1), changed))
		rows = next
	}
	w.last, err = to.Commit(ctx, content, release.Meta{
		AsOf: noon, HorizonEnd: noon.Add(24 * time.Hour), CreatedAt: noon, Site: "site", Editions: editions,
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	if _, err := w.store.Publish(ctx, w.last.Ref()); err != nil {
		w.tb.Fatal(err)
	}
	return w.last
}

func hour(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

// rows are the rows of a moment as a bake makes them: lists are templates for the
// countries that see the same titles.
func (w *writer) rows(to *release.Writer, m moment) []release.Row {
	w.tb.Helper()
	add := func(body []byte) release.Hash {
		h, err := to.Add(context.Background(), body)
		if err != nil {
			w.tb.Fatal(err)
		}
		return h
	}
	rows := []release.Row{release.NewRow(release.Key{Path: "variations.json"}, []release.Class{
		{Countries: ovenbird.Worldwide(), Object: add([]byte(siteBody(m.site)))},
	})}
	for _, e := range editions {
		for _, title := range titles {
			var documents, cards []release.Class
			for _, country := range e.Countries {
				if v := m.versions[e.Name][title][country]; v > 0 {
					here := ovenbird.NewCountrySet(country)
					documents = append(documents, release.Class{Countries: here, Object: add([]byte(titleBody(title, v)))})
					cards = append(cards, release.Class{Countries: here, Object: add([]byte(cardBody(title, v)))})
				}
			}
			for path, classes := range map[string][]release.Class{"titles/" + title + ".json": documents, card(title): cards} {
				row := release.NewRow(release.Key{Edition: e.Name, Path: path}, classes)
				if end, ok := m.ends[title]; ok {
					row.Ends = end.Unix()
				}
				rows = append(rows, row)
			}
		}
		for _, list := range lists {
			var classes []release.Class
			for _, country := range e.Countries {
				if t, ok := m.template(e.Name, list, country); ok {
					classes = append(classes, release.Class{Countries: ovenbird.NewCountrySet(country), Object: add(t.Encode())})
				}
			}
			rows = append(rows, release.NewRow(release.Key{Edition: e.Name, Path: list}, classes))
		}
	}
	return slices.DeleteFunc(rows, func(r release.Row) bool { return len(r.Classes) == 0 })
}

func card(title string) string { return release.CardPath("card", ovenbird.TitleID(title)) }

func (m moment) template(edition, list string, country ovenbird.Country) (release.Template, bool) {
	t := release.Template{Literals: []string{"["}}
	for _, title := range m.members[edition][list] {
		if m.versions[edition][title][country] > 0 {
			t.Slots = append(t.Slots, card(title))
			t.Literals = append(t.Literals, ",")
		}
	}
	t.Literals[len(t.Slots)] = "]"
	return t, len(t.Slots) > 0
}

// world is a tree with what it is made from.
type world struct {
	*writer
	shelf *shelf
	scope tree.Scope
	now   time.Time
	// config is changed by tests; its scope is the world's.
	config tree.Config
}

func newWorld(tb rapid.TB) *world {
	tb.Helper()
	return &world{writer: newWriter(tb), shelf: newShelf(), now: noon, scope: tree.Scope{Codings: []string{"gzip"}, MaxAge: 60}}
}

func (w *world) publisher() *tree.Publisher {
	w.tb.Helper()
	config := w.config
	config.Scope, config.Exclusive, config.Workers = w.scope, true, 2
	p, err := tree.New(config, tree.Deps{Releases: w.store, Store: w.shelf, Now: func() time.Time { return w.now }})
	if err != nil {
		w.tb.Fatal(err)
	}
	return p
}

// update brings the tree up to date by a publisher that knows nothing yet.
func (w *world) update() *tree.Report {
	w.tb.Helper()
	report, err := w.publisher().Publish(context.Background())
	if err != nil {
		w.tb.Fatal(err)
	}
	return report
}

// wantFiles checks that the tree holds exactly these files, with a copy each.
func (w *world) wantFiles(want map[string]string) {
	w.tb.Helper()
	w.shelf.mu.Lock()
	defer w.shelf.mu.Unlock()
	if len(w.shelf.dangling) > 0 {
		w.tb.Fatalf("there were links to nothing: %q", w.shelf.dangling)
	}
	found := make(map[string]string)
	for name, f := range w.shelf.files {
		if name == tree.StateKey {
			continue
		}
		document, body, err := tree.Decode(name, []byte(f.body))
		if err != nil {
			w.tb.Errorf("%s: %v", name, err)
		}
		if document != name {
			name = document + " as a copy"
		}
		found[name] = string(body)
	}
	all := maps.Clone(want)
	if len(w.scope.Codings) > 0 {
		for name, body := range want {
			all[name+" as a copy"] = body
		}
	}
	for name := range all {
		if found[name] != all[name] {
			w.tb.Errorf("%s is %q, want %q", name, found[name], all[name])
		}
	}
	for name := range found {
		if _, ok := all[name]; !ok {
			w.tb.Errorf("%s is there: %q", name, found[name])
		}
	}
}

// newShelved returns a file, with what it links to.
func newShelved(name, body string, headers bucket.Headers) shelved {
	f := shelved{body: body, headers: headers}
	document, decoded, err := tree.Decode(name, []byte(body))
	if err != nil {
		return f
	}
	for _, list := range lists {
		if variation, is := strings.CutSuffix(document, list); is {
			f.variation = variation
			var cards []struct{ ID string }
			_ = json.Unmarshal(decoded, &cards) // what is no list is found by comparing
			for _, c := range cards {
				f.links = append(f.links, c.ID)
			}
		}
	}
	return f
}

// dangling returns the links of lists to titles that are not there, in any coding.
func dangling(files map[string]shelved) []string {
	var links []string
	for name, f := range files {
		for _, id := range f.links {
			for _, suffix := range []string{"", ".gz"} {
				if _, there := files[f.variation+"titles/"+id+".json"+suffix]; !there {
					links = append(links, name+" to "+id+suffix)
				}
			}
		}
	}
	return links
}
