package audit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ovenbird/internal/audit"
	"ovenbird/internal/bake"
	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/site"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is the demo site with a catalog of three titles, baked.
type world struct {
	rules   model.Site
	model   *model.Model
	store   *release.Store
	content release.Content
	writer  *release.Writer
	meta    release.Meta
}

type sink struct {
	ctx    context.Context //nolint:containedctx // lives as long as its test
	writer *release.Writer
}

func (s sink) Add(body []byte) (release.Hash, error) { return s.writer.Add(s.ctx, body) }

func newWorld(t *testing.T, edits ...func(*ovenbird.License)) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("reads the demo site")
	}
	demo, err := site.Load("../../examples/toons")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{rules: audit.Rules(&demo.Content)}
	catalog := snapshot(edits...)
	if w.model, err = model.New(w.rules, catalog); err != nil {
		t.Fatal(err)
	}
	objects := bucket.OpenMemory()
	t.Cleanup(func() { _ = objects.Close() })
	if w.store, err = release.Open(objects, release.Config{}); err != nil {
		t.Fatal(err)
	}
	if w.writer, err = w.store.Begin(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	program := &bake.Program{Rules: demo.Content.Rules, Horizon: 24 * time.Hour}
	w.meta = release.Meta{AsOf: noon, HorizonEnd: noon.Add(24 * time.Hour), CreatedAt: noon, Site: demo.Content.Hash}
	for _, a := range demo.Content.Applications {
		program.Applications = append(program.Applications, bake.Application{Name: a.Name, Editions: a.Editions, Plans: a.Documents})
		for _, e := range a.Editions {
			w.meta.Editions = append(w.meta.Editions, release.Edition{
				Name: e.Name(), Application: a.Name, Language: string(e.Language), Countries: e.Countries.List(),
			})
		}
	}
	state, err := bake.Full(t.Context(), program, catalog, noon, sink{t.Context(), w.writer})
	if err != nil {
		t.Fatal(err)
	}
	w.content = state.Content
	return w
}

// snapshot has a movie for everywhere, one for Finland until one o'clock, and a
// rail with both.
func snapshot(edits ...func(*ovenbird.License)) *ovenbird.Snapshot {
	movie := func(id ovenbird.TitleID) *ovenbird.Title {
		return &ovenbird.Title{
			ID: id, Kind: ovenbird.Movie, SortKey: string(id), Published: true, Video: true,
			Texts: ovenbird.Texts{ovenbird.Name: {"en": "The " + string(id)}},
		}
	}
	all := &ovenbird.License{ID: "l1", Title: "everywhere", Territories: []string{"*"}, Applications: []string{"*"}}
	one := &ovenbird.License{
		ID: "l2", Title: "finnish", Territories: []string{"FI"}, Applications: []string{"*"},
		Window: ovenbird.Window{End: noon.Add(time.Hour)},
	}
	for _, edit := range edits {
		edit(all)
		edit(one)
	}
	rail := &ovenbird.Collection{ID: "rail", Published: true, Items: []ovenbird.TitleID{"everywhere", "finnish"}}
	return ovenbird.NewSnapshot(1, []*ovenbird.Title{movie("everywhere"), movie("finnish")},
		[]*ovenbird.License{all, one}, []*ovenbird.Collection{rail})
}

// run commits what the world contains and audits it.
func (w *world) run(t *testing.T, config audit.Config) *audit.Report {
	t.Helper()
	committed, err := w.writer.Commit(t.Context(), w.content, w.meta)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Publish(t.Context(), committed.Ref()); err != nil {
		t.Fatal(err)
	}
	report, err := audit.Run(t.Context(), config, audit.Deps{
		Model: w.model, Site: &w.rules, Release: committed, Now: func() time.Time { return noon.Add(time.Minute) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestAReleaseThatIsRightPasses(t *testing.T) {
	w := newWorld(t)
	report := w.run(t, audit.Config{Instants: -1})
	if !report.Good() || report.Variations != report.Of || report.Documents < 1000 || report.Sights < 3*report.Variations {
		t.Errorf("%+v", report)
	}
	again := newWorld(t).run(t, audit.Config{Variations: 3, Seed: 7})
	if again.Variations != 3 || again.Sights != 3 {
		t.Errorf("a sample of three variations is %+v", again)
	}
}

// tamper changes one row of the release.
func (w *world) tamper(t *testing.T, path string, change func(release.Row) release.Row) {
	t.Helper()
	row, ok := w.content.Tree.Get(release.Key{Edition: "tv", Path: path})
	if !ok {
		t.Fatalf("there is no %s", path)
	}
	w.content.Tree = w.content.Tree.Edit([]release.Row{change(row)})
}

func TestWhatIsWrongIsFound(t *testing.T) {
	finland := ovenbird.NewCountrySet("FI")
	for name, test := range map[string]struct {
		path   string
		change func(t *testing.T, w *world, row release.Row) release.Row
		want   audit.Violation
	}{
		"shown in another country": {"titles/finnish.json", func(_ *testing.T, _ *world, row release.Row) release.Row {
			row.Classes = []release.Class{{Countries: finland.With("SE"), Object: row.Classes[0].Object}}
			return row
		}, audit.Violation{Kind: audit.Forbidden, Country: "SE", Path: "titles/finnish.json"}},
		"missing": {"titles/finnish.json", func(_ *testing.T, _ *world, row release.Row) release.Row {
			return release.Row{Key: row.Key}
		}, audit.Violation{Kind: audit.Missing, Country: "FI", Path: "titles/finnish.json"}},
		"another text": {"titles/finnish.json", func(t *testing.T, w *world, row release.Row) release.Row {
			t.Helper()
			h, err := w.writer.Add(t.Context(), []byte(`{"title":{"id":"finnish","kind":"SERIES"}}`))
			if err != nil {
				t.Fatal(err)
			}
			row.Classes = []release.Class{{Countries: finland, Object: h}}
			return row
		}, audit.Violation{Kind: audit.Different, Country: "FI", Path: "titles/finnish.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.tamper(t, test.path, func(row release.Row) release.Row { return test.change(t, w, row) })
			report := w.run(t, audit.Config{})
			for _, v := range report.Violations {
				if v.Kind == test.want.Kind && v.Country == test.want.Country && v.Path == test.want.Path && v.Edition == "tv" {
					return
				}
			}
			t.Errorf("got %+v", report.Violations)
		})
	}
}

// What a release says of after its horizon is held against the model too.
func TestAnEndAfterTheHorizonThatIsForgottenIsFound(t *testing.T) {
	for name, path := range map[string]string{
		"of a document": "titles/everywhere.json",
		"of a card":     "",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, endingAt(noon.Add(24*time.Hour+5*time.Minute)))
			for row := range w.content.Tree.All() {
				if path == row.Path || path == "" && row.IsCard() {
					row.Ends = 0
					w.content.Tree = w.content.Tree.Edit([]release.Row{row})
				}
			}
			report := w.run(t, audit.Config{Variations: 20, Instants: -1})
			if report.Good() {
				t.Fatal("nothing was found")
			}
			for _, v := range report.Violations {
				if v.Kind != audit.Forbidden || v.At.Before(w.meta.HorizonEnd) {
					t.Errorf("got %+v", v)
				}
			}
		})
	}
	if report := newWorld(t, endingAt(noon.Add(24*time.Hour+5*time.Minute))).run(t, audit.Config{Variations: 20, Instants: -1}); !report.Good() {
		t.Errorf("what is right is %+v", report.Violations)
	}
}

// endingAt makes the license for everywhere end.
func endingAt(end time.Time) func(*ovenbird.License) {
	return func(l *ovenbird.License) {
		if l.ID == "l1" {
			l.Window.End = end
		}
	}
}

// A release that forgets that a license ends is right now and wrong later.
func TestATransitionThatIsForgottenIsFound(t *testing.T) {
	w := newWorld(t)
	w.content.Patches = nil
	report := w.run(t, audit.Config{Instants: -1})
	if report.Good() {
		t.Fatal("nothing was found")
	}
	for _, v := range report.Violations {
		if v.At.Before(noon.Add(time.Hour)) {
			t.Errorf("it was right at %s: %+v", v.At, v)
		}
	}
}

func TestAnEdgeIsAsked(t *testing.T) {
	w := newWorld(t)
	leaking := false
	serving, err := edge.New(edge.Config{}, edge.Deps{Releases: w.store, Now: func() time.Time { return noon.Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if leaking {
			// A cache that forgets the country gives everybody Finland's.
			r.URL.Path = "/FI" + r.URL.Path[len("/SE"):]
		}
		serving.ServeHTTP(out, r)
	}))
	defer server.Close()
	ask := func() (*audit.Report, error) {
		committed, err := w.writer.Commit(t.Context(), w.content, w.meta)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.Publish(t.Context(), committed.Ref()); err != nil {
			t.Fatal(err)
		}
		if err := serving.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		return audit.Run(t.Context(), audit.Config{Edge: server.URL}, audit.Deps{
			Model: w.model, Site: &w.rules, Release: committed, Now: func() time.Time { return noon.Add(time.Minute) },
		})
	}
	report, err := ask()
	if err != nil || !report.Good() || report.Asked < 1000 {
		t.Fatalf("%+v, %v", report, err)
	}
	leaking = true
	w = newWorld(t)
	serving, err = edge.New(edge.Config{}, edge.Deps{Releases: w.store, Now: func() time.Time { return noon.Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	report, err = ask()
	if err != nil || report.Good() {
		t.Fatalf("a leak was not found: %+v, %v", report, err)
	}
	kinds := make(map[audit.Kind]bool)
	for _, v := range report.Violations {
		kinds[v.Kind] = true
		if v.Where != "edge" || v.Country == "FI" {
			t.Errorf("found %+v", v)
		}
	}
	if !kinds[audit.Forbidden] || !kinds[audit.Different] {
		t.Errorf("found %v", kinds)
	}
}
