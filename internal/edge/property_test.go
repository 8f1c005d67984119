package edge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// model is a catalog so small that what each country gets at each instant can
// be read off it: the plain meaning of a release, against which the edge is held.
type model struct {
	// cards has, for each instant, the text of each card by country; "" is none.
	cards []map[string]map[ovenbird.Country]string
	// lists has, for each instant, the cards of each list; a country sees those
	// of them that it has.
	lists []map[string][]string
}

var (
	modelCountries = []ovenbird.Country{"FI", "SE", "US", "JP"}
	modelCards     = []string{"a", "b", "c", "d"}
	modelLists     = []string{"home.json", "c1.json", "c2.json"}
)

// instant returns the k-th instant of a model; the first is the base.
func instant(k int) time.Time { return noon.Add(time.Duration(k) * time.Hour) }

func drawModel(t *rapid.T, instants int) model {
	var m model
	for range instants {
		cards := make(map[string]map[ovenbird.Country]string)
		for _, name := range modelCards {
			cards[name] = make(map[ovenbird.Country]string)
			for _, country := range modelCountries {
				if version := rapid.IntRange(0, 2).Draw(t, "version"); version > 0 {
					cards[name][country] = fmt.Sprintf(`["%s%d"]`, name, version)
				}
			}
		}
		lists := make(map[string][]string)
		for _, name := range modelLists {
			lists[name] = rapid.SliceOfN(rapid.SampledFrom(modelCards), 0, 5).Draw(t, name)
		}
		m.cards, m.lists = append(m.cards, cards), append(m.lists, lists)
	}
	return m
}

// body returns what a country gets for a list, made the plain way; "" is nothing.
func (m model) body(k int, list string, country ovenbird.Country) string {
	var shown []string
	for _, name := range m.lists[k][list] {
		if text := m.cards[k][name][country]; text != "" {
			shown = append(shown, text)
		}
	}
	if len(shown) == 0 {
		return ""
	}
	return "[" + strings.Join(shown, ",") + "]"
}

// rows returns the rows as they are at the k-th instant, as a bake would make them.
func (m model) rows(k int) rows {
	all := make(rows)
	for _, name := range modelCards {
		r := make(row)
		for _, country := range modelCountries {
			if text := m.cards[k][name][country]; text != "" {
				r[byObject(r, text, country)] = text
			}
		}
		all["tv "+card(name)] = r
	}
	for _, path := range modelLists {
		r := make(row)
		for _, country := range modelCountries {
			var slots []string
			for _, name := range m.lists[k][path] {
				if m.cards[k][name][country] != "" {
					slots = append(slots, "{{"+name+"}}")
				}
			}
			if len(slots) > 0 {
				body := list("[" + strings.Join(slots, ",") + "]")
				r[byObject(r, body, country)] = body
			}
		}
		all["tv "+path] = r
	}
	return all
}

// byObject takes the countries that have an object already out of r, and
// returns them with one more.
func byObject(r row, body string, country ovenbird.Country) string {
	for codes, other := range r {
		if other == body {
			delete(r, codes)
			return codes + " " + string(country)
		}
	}
	return string(country)
}

func (m model) content(asOf int) content {
	c := content{asOf: instant(asOf), rows: m.rows(asOf), editions: []release.Edition{
		{Name: "tv", Application: "tv", Countries: modelCountries},
	}}
	for k := asOf + 1; k < len(m.cards); k++ {
		// Rows that are the same as before are in the patch too: it may say them again.
		c.patches = append(c.patches, patch{instant(k), m.rows(k)})
	}
	return c
}

// check holds the edge to the model at all instants from asOf on.
func (m model) check(t *rapid.T, s *site, asOf int) {
	for k := asOf; k < len(m.cards); k++ {
		for _, now := range []time.Time{instant(k), instant(k + 1).Add(-1)} {
			s.clock.set(now)
			for _, path := range modelLists {
				for _, country := range modelCountries {
					a := s.get("/" + string(country) + "/tv/" + path)
					want := m.body(k, path, country)
					got := a.body
					if a.status == http.StatusNotFound {
						got = ""
					}
					if got != want {
						t.Fatalf("at %d, %s in %s is %q, want %q", k, path, country, got, want)
					}
				}
			}
		}
	}
}

// Whatever the classes, the cards in lists are those of the viewer's country at
// that instant; and an edge that follows from release to release serves the same
// as the plain model, whatever it took over before.
func TestListsAreWhatThePlainModelSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := newSite(t, edge.Config{})
		for range rapid.IntRange(1, 3).Draw(r, "releases") {
			m := drawModel(r, rapid.IntRange(1, 3).Draw(r, "instants"))
			asOf := rapid.IntRange(0, len(m.cards)-1).Draw(r, "as of")
			s.clock.set(instant(asOf))
			s.serve(m.content(asOf))
			m.check(r, s, asOf)
		}
	})
}

// An edit changes one card; what does not hold it stays the very same, and what
// does is as in an edge that starts afresh.
func TestADeltaServesWhatAFreshEdgeServes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := newSite(t, edge.Config{})
		m := drawModel(r, 2)
		s.serve(m.content(0))
		for range rapid.IntRange(1, 4).Draw(r, "edits") {
			k := rapid.IntRange(0, 1).Draw(r, "instant")
			name := rapid.SampledFrom(modelCards).Draw(r, "card")
			for _, country := range modelCountries {
				m.cards[k][name][country] = rapid.SampledFrom([]string{"", `["x"]`, `["y"]`}).Draw(r, "text")
			}
			path := rapid.SampledFrom(modelLists).Draw(r, "list")
			m.lists[k][path] = slices.Concat(m.lists[k][path], []string{name})
			s.serve(m.content(0))
		}
		m.check(r, s, 0)
		s.edge = s.newEdge(edge.Config{})
		s.follow()
		m.check(r, s, 0)
	})
}
