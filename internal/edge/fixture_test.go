package edge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// row is a row by the countries (codes with spaces between) that have an object.
type row map[string]string

// rows are rows by edition and path, with a space between.
type rows map[string]row

// patch is rows from an instant on.
type patch struct {
	at   time.Time
	rows rows
}

// content is a release in writing.
type content struct {
	asOf    time.Time
	rows    rows
	patches []patch
	ends    map[string]time.Time // of rows, by their names
	// editions is editions; nil means tv in FI, SE and US.
	editions []release.Edition
}

// list is a template in writing: slots stand in double braces.
func list(s string) string {
	var t release.Template
	for {
		before, after, found := strings.Cut(s, "{{")
		t.Literals = append(t.Literals, before)
		if !found {
			return string(t.Encode())
		}
		slot, rest, _ := strings.Cut(after, "}}")
		t.Slots = append(t.Slots, card(slot))
		s = rest
	}
}

func card(name string) string { return release.CardPath("card", ovenbird.TitleID(name)) }

var tvOnly = []release.Edition{{Name: "tv", Application: "tv", Countries: []ovenbird.Country{"FI", "SE", "US"}}}

// clock is a clock that runs when a test says so, and that somebody can set.
type clock struct{ now, jumped atomic.Int64 }

func (c *clock) set(t time.Time)        { c.now.Store(t.UnixNano()) }
func (c *clock) jump(by time.Duration)  { c.now.Add(int64(by)); c.jumped.Add(int64(by)) }
func (c *clock) Now() time.Time         { return time.Unix(0, c.now.Load()).UTC() }
func (c *clock) Elapsed() time.Duration { return time.Duration(c.now.Load() - c.jumped.Load()) }

// site is a store with an edge in front of it.
type site struct {
	tb     testing.TB
	bucket *bucket.Bucket
	store  *release.Store
	edge   *edge.Edge
	clock  *clock
	last   *release.Release
	// forgetful is an edge like first, which is edge until a test has another one; it
	// keeps nothing of what was asked for. Both must always say the same.
	first, forgetful *edge.Edge
}

// newSite returns an edge at noon, over an empty store.
func newSite(tb testing.TB, c edge.Config) *site {
	tb.Helper()
	s := &site{tb: tb, bucket: bucket.OpenMemory(), clock: &clock{}}
	tb.Cleanup(func() { _ = s.bucket.Close() })
	s.clock.set(noon)
	var err error
	if s.store, err = release.Open(s.bucket, release.Config{}); err != nil {
		tb.Fatal(err)
	}
	s.edge = s.newEdge(c)
	c.Memory = -1
	s.first, s.forgetful = s.edge, s.newEdge(c)
	return s
}

func (s *site) newEdge(c edge.Config) *edge.Edge {
	s.tb.Helper()
	e, err := edge.New(c, edge.Deps{Releases: s.store, Now: s.clock.Now, Elapsed: s.clock.Elapsed})
	if err != nil {
		s.tb.Fatal(err)
	}
	return e
}

// publish publishes a release with the given content.
func (s *site) publish(c content) *release.Release {
	s.tb.Helper()
	ctx := s.tb.Context()
	w, err := s.store.Begin(ctx, s.last)
	if err != nil {
		s.tb.Fatal(err)
	}
	made := release.Content{Tree: release.NewTree(s.write(w, c.rows, c.ends))}
	for _, p := range c.patches {
		made.Patches = append(made.Patches, release.NewPatch(p.at, s.write(w, p.rows, c.ends)))
	}
	if c.asOf.IsZero() {
		c.asOf = noon
	}
	if c.editions == nil {
		c.editions = tvOnly
	}
	s.last, err = w.Commit(ctx, made, release.Meta{
		AsOf: c.asOf, HorizonEnd: c.asOf.Add(24 * time.Hour), CreatedAt: c.asOf, Site: "site", Editions: c.editions,
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	if _, err := s.store.Publish(ctx, s.last.Ref()); err != nil {
		s.tb.Fatal(err)
	}
	return s.last
}

func (s *site) write(w *release.Writer, all rows, ends map[string]time.Time) []release.Row {
	s.tb.Helper()
	var made []release.Row
	for name, r := range all {
		edition, path, _ := strings.Cut(name, " ")
		var classes []release.Class
		for codes, body := range r {
			h, err := w.Add(s.tb.Context(), []byte(body))
			if err != nil {
				s.tb.Fatal(err)
			}
			classes = append(classes, release.Class{Countries: countriesOf(codes), Object: h})
		}
		written := release.NewRow(release.Key{Edition: edition, Path: path}, classes)
		if end, ok := ends[name]; ok {
			written.Ends = end.Unix()
		}
		made = append(made, written)
	}
	return made
}

func countriesOf(codes string) ovenbird.CountrySet {
	if codes == "*" {
		return ovenbird.Worldwide()
	}
	var set ovenbird.CountrySet
	for code := range strings.FieldsSeq(codes) {
		set = set.With(ovenbird.Country(code))
	}
	return set
}

// serve publishes a release and makes the edge take it over.
func (s *site) serve(c content) {
	s.tb.Helper()
	s.publish(c)
	s.follow()
}

func (s *site) follow() {
	s.tb.Helper()
	for _, e := range []*edge.Edge{s.edge, s.forgetful} {
		if err := e.Follow(s.tb.Context()); err != nil {
			s.tb.Fatal(err)
		}
	}
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   string
}

// do asks the edge over a connection, with headers given as "Name: value".
func (s *site) do(method, target string, headers ...string) answer {
	s.tb.Helper()
	a := ask(s.tb, s.edge, method, target, headers...)
	if s.edge == s.first && strings.Contains(target, ".json") {
		b := ask(s.tb, s.forgetful, method, target, headers...)
		if b.status != a.status || b.body != a.body || b.header.Get("Etag") != a.header.Get("Etag") {
			s.tb.Errorf("%s %s: %d %q from an edge that keeps nothing, not %d %q", method, target, b.status, b.body, a.status, a.body)
		}
	}
	return a
}

func (s *site) get(target string, headers ...string) answer {
	s.tb.Helper()
	return s.do(http.MethodGet, target, headers...)
}

// ask asks a handler directly; the peer is 192.0.2.1.
func ask(tb testing.TB, h http.Handler, method, target string, headers ...string) answer {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, http.NoBody)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

// want checks status and body.
func (a answer) want(tb testing.TB, status int, body string) {
	tb.Helper()
	if a.status != status || body != "" && a.body != body {
		tb.Errorf("got %d %q, want %d %q", a.status, a.body, status, body)
	}
}
