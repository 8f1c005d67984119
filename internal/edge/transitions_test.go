package edge_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/edge"
)

// changing is a title that opens in SE at one, ends in FI at two, and stands in a list.
var (
	one, two = noon.Add(time.Hour), noon.Add(2 * time.Hour)
	changing = content{
		rows: rows{
			"tv home.json":        {"FI": list(`{"rail":[{{a}},{{b}}]}`), "SE US": list(`{"rail":[{{b}}]}`)},
			"tv " + card("a"):     {"FI": `{"a":1}`},
			"tv " + card("b"):     {"FI SE US": `{"b":1}`},
			"tv titles/a.json":    {"FI": `{"title":"a"}`},
			"tv collections.json": {"FI SE US": `[]`},
		},
		patches: []patch{
			{one, rows{
				"tv home.json":     {"FI SE": list(`{"rail":[{{a}},{{b}}]}`), "US": list(`{"rail":[{{b}}]}`)},
				"tv " + card("a"):  {"FI SE": `{"a":1}`},
				"tv titles/a.json": {"FI SE": `{"title":"a"}`},
			}},
			{two, rows{
				"tv home.json":     {"SE": list(`{"rail":[{{a}},{{b}}]}`), "FI US": list(`{"rail":[{{b}}]}`)},
				"tv " + card("a"):  {"SE": `{"a":1}`},
				"tv titles/a.json": {"SE": `{"title":"a"}`},
			}},
		},
	}
)

func TestDocumentsOpenAndCloseAtTheInstant(t *testing.T) {
	s := newSite(t, edge.Config{MaxAge: 2 * time.Hour})
	s.serve(changing)
	const both, onlyB = `{"rail":[{"a":1},{"b":1}]}`, `{"rail":[{"b":1}]}`
	for _, tt := range []struct {
		at     time.Time
		target string
		status int
		body   string
		maxAge string
	}{
		{noon, "/FI/tv/titles/a.json", 200, `{"title":"a"}`, "3600"},
		{noon, "/SE/tv/titles/a.json", 404, "", ""},
		{noon, "/FI/tv/home.json", 200, both, "3600"},
		{noon, "/SE/tv/home.json", 200, onlyB, "3598"},
		{noon, "/US/tv/home.json", 200, onlyB, "3600"},
		{one.Add(-time.Nanosecond), "/SE/tv/titles/a.json", 404, "", ""},
		{one.Add(-time.Nanosecond), "/SE/tv/home.json", 200, onlyB, "0"},
		{one.Add(-90 * time.Second), "/SE/tv/home.json", 200, onlyB, "88"},
		// At one nothing changes for FI and US, whose documents stay fresh past it.
		{one.Add(-90 * time.Second), "/FI/tv/home.json", 200, both, "3600"},
		{one.Add(-90 * time.Second), "/US/tv/home.json", 200, onlyB, "3600"},
		{one, "/SE/tv/titles/a.json", 200, `{"title":"a"}`, "3600"},
		{one, "/SE/tv/home.json", 200, both, "3600"},
		{two.Add(-time.Nanosecond), "/FI/tv/titles/a.json", 200, `{"title":"a"}`, "0"},
		{two.Add(-3500 * time.Millisecond), "/FI/tv/home.json", 200, both, "1"},
		{two.Add(-1500 * time.Millisecond), "/SE/tv/home.json", 200, both, "3600"},
		{two, "/FI/tv/titles/a.json", 404, "", ""},
		{two, "/FI/tv/home.json", 200, onlyB, "3600"},
		{two, "/US/tv/home.json", 200, onlyB, "3600"},
		{noon.Add(24*time.Hour - 4*time.Second), "/FI/tv/collections.json", 200, `[]`, "2"},
		{noon.Add(24 * time.Hour), "/FI/tv/collections.json", 503, "", ""},
		{noon.Add(24 * time.Hour), "/FI/tv/titles/a.json", 503, "", ""},
	} {
		s.clock.set(tt.at)
		a := s.get(tt.target)
		a.want(t, tt.status, tt.body)
		if want := "public, max-age=" + tt.maxAge + ", must-revalidate"; tt.maxAge != "" && a.header.Get("Cache-Control") != want {
			t.Errorf("at %s, %s: Cache-Control is %q, want %q", tt.at, tt.target, a.header.Get("Cache-Control"), want)
		}
	}
}

func TestAfterTheHorizonTheEdgeRefusesAndSaysWhenToRetry(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(changing)
	s.clock.set(noon.Add(25 * time.Hour))
	a := s.get("/FI/tv/home.json")
	a.want(t, 503, "")
	if a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "release-expired") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v %s", a.header, a.body)
	}
	s.get("/readyz").want(t, 503, "")
	s.get("/healthz").want(t, 200, "ok\n")

	next := changing
	next.asOf, next.patches = noon.Add(25*time.Hour), nil
	s.serve(next)
	s.get("/FI/tv/home.json").want(t, 200, "")
	s.get("/readyz").want(t, 200, "ready\n")
}

func TestAReleaseThatTakesAPatchIntoItsBaseServesTheSame(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(changing)
	next := content{asOf: one, rows: rows{}, patches: changing.patches[1:]}
	maps.Copy(next.rows, changing.rows)
	maps.Copy(next.rows, changing.patches[0].rows)
	s.clock.set(one)
	before := s.get("/SE/tv/home.json")
	s.serve(next)
	s.get("/SE/tv/home.json").want(t, 200, before.body)
	s.clock.set(two)
	s.get("/FI/tv/titles/a.json").want(t, 404, "")
	s.get("/SE/tv/titles/a.json").want(t, 200, `{"title":"a"}`)
}

// A hidden document and one that never was must look the same.
func TestHiddenAndMissingCannotBeToldApart(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(changing)
	hidden, missing := s.get("/SE/tv/titles/a.json"), s.get("/SE/tv/titles/z.json")
	hidden.want(t, 404, strings.ReplaceAll(missing.body, "z.json", "a.json"))
	for name, values := range hidden.header {
		if strings.Join(values, ",") != strings.Join(missing.header[name], ",") {
			t.Errorf("%s differs: %q and %q", name, values, missing.header[name])
		}
	}
	if len(hidden.header) != len(missing.header) {
		t.Errorf("headers differ: %v and %v", hidden.header, missing.header)
	}
}
