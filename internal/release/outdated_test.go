package release_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// schedule is a site so small that what each country gets in each hour can be
// read off it. A release is what a baker knew of one: from an hour on, up to a horizon.
type schedule struct {
	cards []map[string]map[ovenbird.Country]string // by hour, card and country; "" is none
	lists []map[string][]string                    // by hour and path: cards, of which a country sees those that it has
}

const hours = 6

var (
	shownIn    = []ovenbird.Country{"FI", "SE", "US"}
	cardNames  = []string{"a", "b", "c"}
	listPaths  = []string{"home.json", "c,1.json"}
	titlePaths = map[string]string{"titles/a.json": "a", "titles/b.json": "b", "titles/c.json": "c"}
	tvEdition  = release.Edition{Name: "tv", Application: "tv", Countries: shownIn}
)

func newSchedule() *schedule {
	var s schedule
	for range hours {
		cards := make(map[string]map[ovenbird.Country]string)
		for _, name := range cardNames {
			cards[name] = make(map[ovenbird.Country]string)
		}
		s.cards = append(s.cards, cards)
		s.lists = append(s.lists, make(map[string][]string))
	}
	return &s
}

// edit changes something from an hour on, up to another.
func (s *schedule) edit(t *rapid.T) {
	from := rapid.IntRange(0, hours-1).Draw(t, "from")
	to := rapid.IntRange(from+1, hours).Draw(t, "to")
	if rapid.Bool().Draw(t, "list") {
		path := rapid.SampledFrom(listPaths).Draw(t, "path")
		cards := rapid.SliceOfN(rapid.SampledFrom(cardNames), 0, 3).Draw(t, "cards")
		for k := from; k < to; k++ {
			s.lists[k][path] = cards
		}
		return
	}
	name := rapid.SampledFrom(cardNames).Draw(t, "card")
	text := rapid.SampledFrom([]string{"", `"x"`, `"y"`}).Draw(t, "text")
	for _, country := range rapid.SliceOfN(rapid.SampledFrom(shownIn), 1, 3).Draw(t, "countries") {
		for k := from; k < to; k++ {
			s.cards[k][name][country] = text
		}
	}
}

func (s *schedule) clone() *schedule {
	next := newSchedule()
	for k := range hours {
		for name, texts := range s.cards[k] {
			maps.Copy(next.cards[k][name], texts)
		}
		maps.Copy(next.lists[k], s.lists[k])
	}
	return next
}

// document returns what a country gets in an hour, made the plain way; "" is nothing.
func (s *schedule) document(k int, path string, country ovenbird.Country) string {
	if name, ok := titlePaths[path]; ok {
		return s.cards[k][name][country]
	}
	var shown []string
	for _, name := range s.lists[k][path] {
		if text := s.cards[k][name][country]; text != "" {
			shown = append(shown, text)
		}
	}
	return "[" + strings.Join(shown, ",") + "]"
}

// objects returns every row's bodies by country, as a bake makes them.
func (s *schedule) objects(k int) map[string]map[ovenbird.Country][]byte {
	all := make(map[string]map[ovenbird.Country][]byte)
	put := func(path string, country ovenbird.Country, body []byte) {
		if all[path] == nil {
			all[path] = make(map[ovenbird.Country][]byte)
		}
		all[path][country] = body
	}
	for _, country := range shownIn {
		for path, name := range titlePaths {
			if text := s.cards[k][name][country]; text != "" {
				put(path, country, []byte(text))
				put(release.CardPath("card", ovenbird.TitleID(name)), country, []byte(text))
			}
		}
		for _, path := range listPaths {
			t := release.Template{Literals: []string{"["}}
			for _, name := range s.lists[k][path] {
				if s.cards[k][name][country] != "" {
					t.Slots = append(t.Slots, release.CardPath("card", ovenbird.TitleID(name)))
					t.Literals = append(t.Literals, ",")
				}
			}
			t.Literals[len(t.Literals)-1] = "]"
			if len(t.Slots) == 0 {
				put(path, country, []byte("[]"))
				continue
			}
			put(path, country, t.Encode())
		}
	}
	return all
}

// known is a release with what its baker knew.
type known struct {
	*schedule
	asOf, end int // hours
	release   *release.Release
}

// document is what an edge says in an hour, also past the horizon, where what it
// knew last stays.
func (r known) document(k int, path string, country ovenbird.Country) string {
	return r.schedule.document(min(k, r.end-1), path, country)
}

// writer writes releases to one store.
type writer struct {
	store *release.Store
	last  *release.Release
	count int
}

func newWriter(t fatal) *writer {
	store, err := release.Open(bucket.OpenMemory(), release.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &writer{store: store}
}

type fatal interface {
	Fatal(args ...any)
	Context() context.Context
}

// write writes the release of a baker that knows the hours [asOf, end) of s.
func (w *writer) write(t fatal, s *schedule, asOf, end int, editions ...release.Edition) known {
	into, err := w.store.Begin(t.Context(), w.last)
	if err != nil {
		t.Fatal(err)
	}
	content := release.Content{Tree: release.NewTree(rowsOf(t, into, s.objects(asOf)))}
	for k := asOf + 1; k < end; k++ {
		rows := rowsOf(t, into, s.objects(k))
		for path := range s.objects(k - 1) {
			if s.objects(k)[path] == nil {
				rows = append(rows, release.Row{Key: release.Key{Edition: "tv", Path: path}})
			}
		}
		content.Patches = append(content.Patches, release.NewPatch(hour(k), rows))
	}
	w.count++
	w.last, err = into.Commit(t.Context(), content, release.Meta{
		AsOf: hour(asOf), HorizonEnd: hour(end), CreatedAt: hour(asOf).Add(time.Duration(w.count)), Editions: editions,
	})
	if err != nil {
		t.Fatal(err)
	}
	read, err := w.store.Load(t.Context(), w.last.Ref()) // as an edge has it
	if err != nil {
		t.Fatal(err)
	}
	return known{s.clone(), asOf, end, read}
}

func hour(k int) time.Time { return noon.Add(time.Duration(k) * time.Hour) }

func rowsOf(t fatal, w *release.Writer, objects map[string]map[ovenbird.Country][]byte) []release.Row {
	var rows []release.Row
	for path, bodies := range objects {
		var classes []release.Class
		for country, body := range bodies {
			h, err := w.Add(t.Context(), body)
			if err != nil {
				t.Fatal(err)
			}
			classes = append(classes, release.Class{Countries: ovenbird.NewCountrySet(country), Object: h})
		}
		rows = append(rows, release.NewRow(release.Key{Edition: "tv", Path: path}, classes))
	}
	return rows
}

// stale returns the purge keys of documents of which a copy made while before was
// served may be wrong once after is, at the hour now or later.
func stale(before, after known, now int) map[string]string {
	keys := make(map[string]string)
	for k := now; k < after.end; k++ {
		for _, country := range shownIn {
			for _, path := range slices.Concat(slices.Collect(maps.Keys(titlePaths)), listPaths) {
				if old, right := before.document(k, path, country), after.document(k, path, country); old != right {
					keys[release.Key{Edition: "tv", Path: path}.PurgeKey()] = fmt.Sprintf("%s at %d in %s: %s, not %s", path, k, country, old, right)
				}
			}
		}
	}
	return keys
}

func covers(o release.Outdated, key string) bool {
	return slices.Contains(o.PurgeKeys(), key) || slices.Contains(o.PurgeKeys(), "tv/")
}

// Whatever is edited, whenever it takes effect, in whatever order releases are
// served, of however many was heard: no copy that is wrong is left.
func TestEverythingOutdatedIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, s, lists := newWriter(t), newSchedule(), &release.Lists{}
		for range 5 {
			s.edit(t)
		}
		var served []known
		var steps release.Outdated
		now := 0
		for i := range rapid.IntRange(2, 4).Draw(t, "releases") {
			for range rapid.IntRange(0, 2).Draw(t, "edits") {
				s.edit(t)
			}
			asOf := rapid.IntRange(0, hours-1).Draw(t, "as of")
			next := w.write(t, s, asOf, rapid.IntRange(asOf+1, hours).Draw(t, "end"), tvEdition)
			if i > 0 && rapid.IntRange(0, 3).Draw(t, "back") == 0 {
				next = rapid.SampledFrom(served).Draw(t, "to")
			}
			now = max(now, next.asOf)
			if i > 0 {
				step, err := release.FindOutdated(t.Context(), served[i-1].release, next.release, lists)
				if err != nil {
					t.Fatal(err)
				}
				steps = steps.Merge(step)
			}
			served = append(served, next)
		}
		last := served[len(served)-1]
		for _, before := range served[:len(served)-1] {
			atOnce, err := release.FindOutdated(t.Context(), before.release, last.release, &release.Lists{})
			if err != nil {
				t.Fatal(err)
			}
			most := rapid.IntRange(0, 5).Draw(t, "most")
			for key, why := range stale(before, last, now) {
				if !covers(steps, key) || !covers(atOnce, key) || !covers(atOnce.AtMost(most), key) {
					t.Fatalf("%s is outdated, but neither in %v nor in %v", why, steps, atOnce)
				}
			}
		}
	})
}

// What both releases know to come, and what came, is nobody's to purge.
func TestTransitionsAreNotOutdated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, s := newWriter(t), newSchedule()
		for range 8 {
			s.edit(t)
		}
		a := w.write(t, s, rapid.IntRange(0, 2).Draw(t, "as of"), hours, tvEdition)
		b := w.write(t, s, rapid.IntRange(0, 5).Draw(t, "then as of"), hours, tvEdition)
		found, err := release.FindOutdated(t.Context(), a.release, b.release, &release.Lists{})
		if err != nil {
			t.Fatal(err)
		}
		if keys := found.PurgeKeys(); len(keys) > 0 {
			t.Fatalf("nothing was edited, but %q are outdated", keys)
		}
	})
}

func TestOnlyWhatAnEditTouchesIsOutdated(t *testing.T) {
	everywhere := func(s *schedule, from int, name, text string) {
		for k := from; k < hours; k++ {
			for _, country := range shownIn {
				s.cards[k][name][country] = text
			}
		}
	}
	before := newSchedule()
	for _, name := range cardNames {
		everywhere(before, 0, name, `"x"`)
	}
	for k := range hours {
		before.lists[k]["home.json"], before.lists[k]["c,1.json"] = []string{"a", "b"}, []string{"b", "c"}
	}
	for name, tt := range map[string]struct {
		edit func(*schedule)
		end  int
		also release.Edition
		want []string
	}{
		"nothing":                       {edit: func(*schedule) {}, end: hours},
		"a title, with its lists":       {edit: func(s *schedule) { everywhere(s, 0, "a", `"y"`) }, end: hours, want: []string{"tv/home.json", "tv/titles/a.json"}},
		"a title's later end":           {edit: func(s *schedule) { everywhere(s, 4, "c", "") }, end: hours, want: []string{"tv/c%2C1.json", "tv/titles/c.json"}},
		"the order of a list":           {edit: func(s *schedule) { s.lists[3]["home.json"] = []string{"b", "a"} }, end: hours, want: []string{"tv/home.json"}},
		"a horizon that ends sooner":    {edit: func(*schedule) {}, end: hours - 1, want: []string{"/", "tv/"}},
		"editions that are not as were": {edit: func(*schedule) {}, end: hours, also: release.Edition{Name: "web/fi"}, want: []string{"/", "tv/", "web/fi/"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, after := newWriter(t), before.clone()
			tt.edit(after)
			editions := []release.Edition{tvEdition}
			if tt.also.Name != "" {
				editions = append(editions, tt.also)
			}
			a, b := w.write(t, before, 0, hours, tvEdition), w.write(t, after, 1, tt.end, editions...)
			found, err := release.FindOutdated(t.Context(), a.release, b.release, &release.Lists{})
			if err != nil {
				t.Fatal(err)
			}
			if got := found.PurgeKeys(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
