package bake_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
)

// trap is a small catalog, and what has to be seen of it: written by hand, and
// held against the independent model as well as against the bake.
type trap struct {
	name        string
	titles      titles
	licenses    licenses
	collections collections
	asks        []ask
}

// ask is a document, and where it has to be.
type ask struct {
	at      time.Time // zero means noon
	edition string    // "" means tv
	path    string    // "m" is short for titles/m.json
	in      string    // exactly the countries in which the document exists, in order
	body    string    // what it is in each of them; "" for whatever it is
}

// trapSite is the site of all traps. tv shows everything, in every country's own
// language; web offers English and German; kids is for viewers up to 7 years and
// requires video. Britain holds German back, and tv holds back Finnish.
func trapSite() model.Site {
	all := []ovenbird.Country{"DE", "FI", "GB", "GR", "US", "XK"}
	documents := func(title string) []model.Document {
		return []model.Document{
			{Path: "titles/{title}.json", Shape: "query ($title: ID!) { title(id: $title) { " + title + " } }"},
			{Path: "home.json", Shape: "{ collections { id titles { id } } }"},
			{
				Path: "collections/{collection}/{page}.json", PageSize: 2,
				Shape: "query ($collection: ID!, $page: Int!) { collection(id: $collection) { pages titles(page: $page) { id } } }",
			},
			{Path: "upcoming.json", Shape: "{ upcoming(days: 1) { opens title { name } } }"},
			{Path: "leaving.json", Shape: "{ leaving(days: 1) { leaves title { id } } }"},
			{Path: "search/{prefix}.json", Shape: "query ($prefix: String!) { search(prefix: $prefix) { id } }", LongestPrefix: 2},
		}
	}
	const family = "id number parent { id } seasons { id } episodes { id number } specials { id } clips { id }"
	const words = "name synopsis poster: image(role: POSTER, width: 1) { url }"
	return model.Site{
		DefaultLocale: "en",
		Countries: []model.Country{
			{Code: "DE", Locales: []ovenbird.Locale{"de"}, Ratings: []string{"FSK"}},
			{Code: "FI", Locales: []ovenbird.Locale{"fi", "sv"}, Ratings: []string{"KAVI", "FSK"}},
			{Code: "GB", Holdback: []ovenbird.Locale{"de"}, Ratings: []string{"BBFC"}},
			{Code: "GR"},
			{Code: "US", Ratings: []string{"MPA"}},
			{Code: "XK", Locales: []ovenbird.Locale{"de-AT", "de"}, Ratings: []string{"FSK"}},
		},
		Groups: map[string][]model.Membership{
			"EU":     groupEU,
			"MARKET": {{Countries: []ovenbird.Country{"FI", "GB"}}, {From: noon, Countries: []ovenbird.Country{"DE", "FI"}}},
		},
		Ages: map[ovenbird.Rating]int{
			{System: "FSK", Value: "0"}: 0, {System: "FSK", Value: "12"}: 12, {System: "KAVI", Value: "S"}: 0, {System: "KAVI", Value: "7"}: 7, {System: "MPA", Value: "G"}: 0,
			{System: "BBFC", Value: "U"}: 4,
		},
		Applications: []model.Application{
			{Name: "tv", Countries: all, MaxAge: model.NoMaxAge, Documents: documents(family)},
			{Name: "web", Countries: all, MaxAge: model.NoMaxAge, Languages: []ovenbird.Locale{"en", "de"}, Documents: documents(words)},
			{Name: "mobile", Countries: all[:2], MaxAge: model.NoMaxAge, Holdback: []ovenbird.Locale{"fi"}, Documents: documents(words)},
			{Name: "kids", Countries: all, MaxAge: 7, RequiresVideo: true, Documents: documents("id")},
		},
	}
}

// Parts of which traps are made.

func title(kind ovenbird.Kind, id, parent ovenbird.TitleID, changes ...func(*ovenbird.Title)) *ovenbird.Title {
	t := &ovenbird.Title{ID: id, Kind: kind, Parent: parent, SortKey: string(id), Published: true, Video: true}
	for _, change := range changes {
		change(t)
	}
	return t
}

func film(id ovenbird.TitleID, changes ...func(*ovenbird.Title)) *ovenbird.Title {
	return title(ovenbird.Movie, id, "", changes...)
}

func named(locale ovenbird.Locale, name string) func(*ovenbird.Title) {
	return texted(ovenbird.Name, locale, name)
}

func texted(field ovenbird.TextField, locale ovenbird.Locale, text string) func(*ovenbird.Title) {
	return func(t *ovenbird.Title) {
		if t.Texts == nil {
			t.Texts = ovenbird.Texts{}
		}
		if t.Texts[field] == nil {
			t.Texts[field] = map[ovenbird.Locale]string{}
		}
		t.Texts[field][locale] = text
	}
}

func rated(system, value string) func(*ovenbird.Title) {
	return func(t *ovenbird.Title) { t.Ratings = append(t.Ratings, ovenbird.Rating{System: system, Value: value}) }
}

func numbered(number, sortKey string) func(*ovenbird.Title) {
	return func(t *ovenbird.Title) { t.Number, t.SortKey = number, sortKey }
}

func pictured(locale ovenbird.Locale, url string) func(*ovenbird.Title) {
	return func(t *ovenbird.Title) {
		t.Images = append(t.Images, ovenbird.Image{Role: ovenbird.Poster, URL: url, Width: 10, Height: 10, Locale: locale})
	}
}

func special(t *ovenbird.Title)      { t.Special = true }
func unpublished(t *ovenbird.Title)  { t.Published = false }
func withoutVideo(t *ovenbird.Title) { t.Video = false }

// right is a license without end for every application.
func right(title ovenbird.TitleID, territories string, changes ...func(*ovenbird.License)) *ovenbird.License {
	l := &ovenbird.License{Title: title, Territories: strings.Fields(territories), Applications: []string{"*"}, Model: ovenbird.SVOD}
	for _, change := range changes {
		change(l)
	}
	return l
}

func except(territories string) func(*ovenbird.License) {
	return func(l *ovenbird.License) { l.Exclude = strings.Fields(territories) }
}

func starting(at time.Time) func(*ovenbird.License) {
	return func(l *ovenbird.License) { l.Window.Start = at }
}

func ending(at time.Time) func(*ovenbird.License) {
	return func(l *ovenbird.License) { l.Window.End = at }
}

func forApplications(names ...string) func(*ovenbird.License) {
	return func(l *ovenbird.License) { l.Applications = names }
}

func rail(id ovenbird.CollectionID, items ...ovenbird.TitleID) *ovenbird.Collection {
	return &ovenbird.Collection{ID: id, Published: true, Items: items}
}

type (
	titles      = []*ovenbird.Title
	licenses    = []*ovenbird.License
	collections = []*ovenbird.Collection
)

const (
	everywhere = "DE FI GB GR US XK"
	nowhere    = ""
)

func hours(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

// TestTraps holds every trap against the model and against the bake: as of the
// instant that it asks about, and where that lies ahead, as a release made at noon
// foretells it.
func TestTraps(t *testing.T) {
	s := trapSite()
	program := load(t, t.TempDir(), s)
	for _, trap := range traps() {
		t.Run(trap.name, func(t *testing.T) {
			for i, l := range trap.licenses {
				l.ID = ovenbird.LicenseID(fmt.Sprintf("l%d", i))
			}
			snapshot := ovenbird.NewSnapshot(1, trap.titles, trap.licenses, trap.collections)
			for _, question := range trap.asks {
				if question.at.IsZero() {
					question.at = noon
				}
				t.Run("model", func(t *testing.T) {
					m := newModel(t, s, snapshot)
					question.judge(t, &s, func(v model.Variation) map[string][]byte { return m.At(v, question.at).Documents() })
				})
				t.Run("bake", func(t *testing.T) { question.judgeBake(t, &s, program, snapshot, question.at) })
				if question.at.After(noon) && question.at.Before(noon.Add(program.Horizon)) {
					t.Run("foretold", func(t *testing.T) { question.judgeBake(t, &s, program, snapshot, noon) })
				}
			}
		})
	}
}

// judgeBake asks a bake as of an instant.
func (q *ask) judgeBake(t *testing.T, s *model.Site, program *bake.Program, snapshot *ovenbird.Snapshot, asOf time.Time) {
	t.Helper()
	sink := newPantry()
	state, err := bake.Full(t.Context(), program, snapshot, asOf, sink)
	if err != nil {
		t.Fatal(err)
	}
	tree := state.Content.At(q.at)
	q.judge(t, s, func(v model.Variation) map[string][]byte { return sink.served(tree, v) })
}

// judge asks for the document in every country of its edition.
func (q *ask) judge(t *testing.T, s *model.Site, documents func(model.Variation) map[string][]byte) {
	t.Helper()
	edition, path := q.edition, q.path
	if edition == "" {
		edition = "tv"
	}
	if !strings.Contains(path, ".json") {
		path = "titles/" + path + ".json"
	}
	var found []string
	for _, v := range s.Variations() {
		if v.Edition() != edition {
			continue
		}
		body, ok := documents(v)[path]
		if !ok {
			continue
		}
		found = append(found, string(v.Country))
		if q.body != "" && string(body) != q.body {
			t.Errorf("%s %s/%s at %s:\n got %s\nwant %s", v.Country, edition, path, q.at.Format(time.RFC3339Nano), body, q.body)
		}
	}
	if got := strings.Join(found, " "); got != q.in {
		t.Errorf("%s/%s at %s is in %q, want %q", edition, path, q.at.Format(time.RFC3339Nano), got, q.in)
	}
}

// TestTheDocsNameEveryTrap keeps the table in docs/rights.md complete.
func TestTheDocsNameEveryTrap(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "rights.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, trap := range traps() {
		if !strings.Contains(string(page), "| "+trap.name+" |") {
			t.Errorf("docs/rights.md does not name the trap %q", trap.name)
		}
	}
}
