package edge_test

import (
	"maps"
	"testing"
	"time"

	"ovenbird/internal/edge"
)

// wantIn asks for a document in some countries.
func (s *site) wantIn(path string, status map[string]int) {
	s.tb.Helper()
	for country, want := range status {
		if a := s.get("/" + country + path); a.status != want {
			s.tb.Errorf("%s in %s: got %d %s, want %d", path, country, a.status, a.body, want)
		}
	}
}

// The title of the fixture opens in SE at one and ends in FI at two. Whichever of
// the times before and after the clock was set is right, nobody sees it too early
// or too late, and what is the same at both goes on.
func TestClockThatJumpsShowsNoMoreThanItMay(t *testing.T) {
	const title, list = "/tv/titles/a.json", "/tv/collections.json"
	for name, test := range map[string]struct {
		at   time.Time
		jump time.Duration
		want map[string]int
	}{
		"a second ahead over an opening":  {one.Add(-500 * time.Millisecond), time.Second, map[string]int{"FI": 200, "SE": 503, "US": 404}},
		"a second back over an opening":   {one.Add(500 * time.Millisecond), -time.Second, map[string]int{"FI": 200, "SE": 503, "US": 404}},
		"an hour ahead over an opening":   {one.Add(-time.Minute), time.Hour, map[string]int{"FI": 200, "SE": 503, "US": 404}},
		"an hour back over an end":        {two.Add(time.Minute), -time.Hour, map[string]int{"FI": 503, "SE": 200, "US": 404}},
		"a second ahead over an end":      {two.Add(-500 * time.Millisecond), time.Second, map[string]int{"FI": 503, "SE": 200, "US": 404}},
		"far back, before the release":    {two.Add(time.Minute), -100 * time.Hour, map[string]int{"FI": 503, "SE": 503, "US": 404}},
		"an hour ahead, where nothing is": {noon.Add(4 * time.Hour), time.Hour, map[string]int{"FI": 404, "SE": 200, "US": 404}},
		"ahead past the horizon":          {noon.Add(4 * time.Hour), 24 * time.Hour, map[string]int{"FI": 503, "SE": 503, "US": 503}},
		"less than clocks are corrected":  {one.Add(-10 * time.Millisecond), 20 * time.Millisecond, map[string]int{"FI": 200, "SE": 200, "US": 404}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, edge.Config{})
			s.serve(changing)
			s.clock.set(test.at)
			s.get("/FI"+list).want(t, 200, "")
			s.clock.jump(test.jump)
			s.wantIn(title, test.want)
		})
	}
}

func TestReleaseEndsTheDoubtAboutTheTime(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(changing)
	s.clock.set(one.Add(-time.Minute))
	s.get("/readyz").want(t, 200, "")
	s.clock.jump(time.Hour) // it had been an hour behind
	s.get("/SE/tv/titles/a.json").want(t, 503, "")
	next := content{asOf: two.Add(-62 * time.Second), rows: maps.Clone(changing.rows), patches: changing.patches[1:]}
	maps.Copy(next.rows, changing.patches[0].rows)
	s.serve(next)
	s.wantIn("/tv/titles/a.json", map[string]int{"FI": 200, "SE": 200, "US": 404})
}

func TestEdgeWithItsClockBehindGoesByTheRelease(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.clock.set(noon.Add(-48 * time.Hour))
	s.edge = s.newEdge(edge.Config{})
	s.serve(changing)
	s.wantIn("/tv/titles/a.json", map[string]int{"FI": 200, "SE": 404})
	s.clock.set(noon.Add(-48*time.Hour + 2*time.Hour)) // two hours pass
	s.wantIn("/tv/titles/a.json", map[string]int{"FI": 404, "SE": 200})
}

var (
	horizon = noon.Add(24 * time.Hour)
	ending  = content{
		rows: rows{
			"tv home.json":     {"FI SE": list(`{"rail":[{{a}},{{b}}]}`)},
			"tv " + card("a"):  {"FI SE": `{"a":1}`},
			"tv " + card("b"):  {"FI SE": `{"b":1}`},
			"tv titles/a.json": {"FI SE": `{"title":"a"}`},
			"tv titles/b.json": {"FI SE": `{"title":"b"}`},
			"tv about.json":    {"FI SE": `{"about":1}`},
		},
		ends: map[string]time.Time{
			"tv " + card("a"): horizon.Add(time.Hour), "tv titles/a.json": horizon.Add(time.Hour),
			"tv " + card("b"): horizon.Add(9 * time.Hour), "tv titles/b.json": horizon.Add(9 * time.Hour),
		},
	}
)

func TestAfterTheHorizonWhatCannotHaveEndedIsKept(t *testing.T) {
	s := newSite(t, edge.Config{KeepAfterHorizon: true, MaxAge: 2 * time.Hour})
	s.serve(ending)
	for _, tt := range []struct {
		at                  time.Time
		a, b, home, missing int
		maxAgeOfHome        string
	}{
		{horizon.Add(-time.Minute), 200, 200, 200, 404, "58"},
		{horizon, 200, 200, 200, 404, "3598"},
		{horizon.Add(time.Hour - 3*time.Second), 200, 200, 200, 404, "1"},
		{horizon.Add(time.Hour), 503, 200, 503, 404, ""},
		{horizon.Add(9 * time.Hour), 503, 503, 503, 404, ""},
		{horizon.Add(1000 * time.Hour), 503, 503, 503, 404, ""},
	} {
		s.clock.set(tt.at)
		s.get("/FI/tv/titles/a.json").want(t, tt.a, "")
		s.get("/FI/tv/titles/b.json").want(t, tt.b, "")
		s.get("/FI/tv/titles/c.json").want(t, tt.missing, "")
		s.get("/FI/tv/about.json").want(t, 200, "")
		home := s.get("/FI/tv/home.json")
		home.want(t, tt.home, "")
		if want := "public, max-age=" + tt.maxAgeOfHome + ", must-revalidate"; tt.maxAgeOfHome != "" && home.header.Get("Cache-Control") != want {
			t.Errorf("at %s: Cache-Control is %q, want %q", tt.at, home.header.Get("Cache-Control"), want)
		}
	}
	s.get("/readyz").want(t, 200, "")
}

// When all that changes is when a row ends, an edge takes that over too.
func TestEndsAloneAreTakenOver(t *testing.T) {
	s := newSite(t, edge.Config{KeepAfterHorizon: true})
	s.serve(ending)
	next := ending
	next.ends = map[string]time.Time{"tv " + card("a"): horizon.Add(5 * time.Minute)}
	s.serve(next)
	s.clock.set(horizon.Add(6 * time.Minute))
	s.get("/FI/tv/home.json").want(t, 503, "")
	s.get("/FI/tv/titles/a.json").want(t, 200, "")
}
