package edge_test

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/accesslog"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/preview"
)

// editors is a site whose edge knows a key for previews.
type editors struct {
	*site
	key  ed25519.PrivateKey
	deps edge.Deps
}

// withEditors returns a site like newSite, whose edge is one of "prod".
func withEditors(t *testing.T, c edge.Config) *editors {
	t.Helper()
	s := &editors{site: newSite(t, c)}
	dir := t.TempDir()
	var err error
	if s.key, err = preview.CreateKey(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	public, err := preview.PublicKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys"), public, 0o600); err != nil {
		t.Fatal(err)
	}
	verifier, err := preview.NewVerifier(preview.Config{File: filepath.Join(dir, "keys"), Environment: "prod", Now: s.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.deps = edge.Deps{Releases: s.store, Now: s.clock.Now, Previews: verifier}
	if s.edge, err = edge.New(c, s.deps); err != nil {
		t.Fatal(err)
	}
	return s
}

// token makes a token for a grant, good from an hour before noon to an hour after.
func (s *editors) token(g preview.Grant) string {
	s.tb.Helper()
	token, err := preview.Sign(preview.Token{
		Grant: g, Environment: "prod", From: noon.Add(-time.Hour), Until: noon.Add(time.Hour),
	}, s.key)
	if err != nil {
		s.tb.Fatal(err)
	}
	return token
}

const asPreview = "Ovenbird-Preview: "

func TestAPreviewShowsAnotherCountry(t *testing.T) {
	for _, policy := range []string{"fixed:FI", "header:CF-IPCountry", "address"} {
		s := withEditors(t, edge.Config{
			Country: policy, TrustedProxies: []string{"10.0.0.0/8"}, Countries: ovenbird.AllCountries(), SharedMaxAge: time.Hour,
		})
		s.serve(world)
		token := s.token(preview.Grant{Country: "US"})
		for _, a := range []answer{
			s.get("/tv/titles/t1.json", asPreview+token),
			s.get("/US/tv/titles/t1.json", asPreview+token),
			s.get("/_preview/" + token + "/tv/titles/t1.json"),
			s.get("/_preview/" + token + "/US/tv/titles/%741.json?x=1"),
		} {
			a.want(t, 200, us)
			for name, want := range map[string]string{
				"Cache-Control": "private, no-store", "Cdn-Cache-Control": "", "Ovenbird-Preview": "US", "Access-Control-Allow-Origin": "*",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", policy, name, got, want)
				}
			}
		}
		s.get("/variations.json", asPreview+token).want(t, 200, `{"site":1}`)
		s.get("/_preview/"+token+"/variations.json").want(t, 200, `{"site":1}`)
		etag := s.get("/tv/titles/t1.json", asPreview+token).header.Get("Etag")
		again := s.get("/tv/titles/t1.json", asPreview+token, "If-None-Match: "+etag)
		again.want(t, 304, "")
		if got := again.header.Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("a 304 has Cache-Control %q", got)
		}
	}
}

// A cache that has an ordinary answer must not give it to an editor, nor the
// other way round.
func TestAnswersOfAnEdgeWithPreviewsVaryOnThem(t *testing.T) {
	s := withEditors(t, edge.Config{Country: "header:CF-IPCountry", TrustedProxies: []string{"192.0.2.1"}})
	s.serve(world)
	for _, header := range []string{"X: y", asPreview + s.token(preview.Grant{Country: "FI"})} {
		a := s.get("/tv/titles/t1.json", "CF-IPCountry: FI", header)
		a.want(t, 200, finnish)
		if got := a.header.Get("Vary"); got != "Accept-Encoding, Cf-Ipcountry, Ovenbird-Preview" {
			t.Errorf("Vary is %q", got)
		}
	}
	if got := s.get("/tv/titles/t1.json", "CF-IPCountry: FI").header.Get("Cache-Control"); !strings.HasPrefix(got, "public, max-age=60") {
		t.Errorf("an ordinary answer has Cache-Control %q", got)
	}
	preflight := s.do(http.MethodOptions, "/tv/titles/t1.json", "Origin: https://app.example", "Access-Control-Request-Headers: ovenbird-preview")
	preflight.want(t, 204, "")
	if got := preflight.header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, "Ovenbird-Preview") {
		t.Errorf("scripts of others may send %q", got)
	}
}

func TestPreviewsThatAreRefused(t *testing.T) {
	s := withEditors(t, edge.Config{Country: "fixed:FI", Countries: []ovenbird.Country{"FI", "US"}})
	s.serve(world)
	america := s.token(preview.Grant{Country: "US"})
	television := s.token(preview.Grant{Country: "US", Application: "tv"})
	s.get("/tv/titles/t1.json", asPreview+television).want(t, 200, us)
	for name, tt := range map[string]struct {
		target  string
		headers []string
		detail  string
	}{
		"another country":           {"/FI/tv/titles/t1.json", []string{asPreview + america}, "another country"},
		"another country, prefix":   {"/_preview/" + america + "/FI/tv/titles/t1.json", nil, "another country"},
		"another application":       {"/web/home.json", []string{asPreview + television}, "another application"},
		"two headers":               {"/tv/titles/t1.json", []string{asPreview + america, asPreview + america}, "one token"},
		"two in a header":           {"/tv/titles/t1.json", []string{asPreview + america + ", " + america}, "no token"},
		"header and prefix":         {"/_preview/" + america + "/tv/titles/t1.json", []string{asPreview + america}, "one token"},
		"an empty header":           {"/tv/titles/t1.json", []string{asPreview}, "no token"},
		"nonsense":                  {"/tv/titles/t1.json", []string{asPreview + "nonsense"}, "no token"},
		"nonsense after the prefix": {"/_preview/nonsense/tv/titles/t1.json", nil, "no token"},
		"nothing after the prefix":  {"/_preview/", nil, "no token"},
		"an encoded token":          {"/_preview/%65" + america[1:] + "/tv/titles/t1.json", nil, "no token"},
		"an encoded slash after it": {"/_preview/" + america + "%2Ftv/titles/t1.json", nil, ""},
		"the whole site, nonsense":  {"/variations.json", []string{asPreview + "nonsense"}, "no token"},
	} {
		a := s.get(tt.target, tt.headers...)
		if name == "an encoded slash after it" {
			checkProblem(t, a, "bad-address")
			continue
		}
		a.want(t, 403, "")
		checkProblem(t, a, "preview-invalid")
		if !strings.Contains(a.body, tt.detail) {
			t.Errorf("%s: %s", name, a.body)
		}
		if strings.Contains(a.body, america) {
			t.Errorf("%s: the problem tells the token: %s", name, a.body)
		}
	}
	// What is behind the prefix is documents, and nothing that a proxy may have closed.
	for _, closed := range []string{"/_ovenbird/status", "/healthz", "/_preview/" + america + "/tv/titles/t1.json"} {
		s.get("/_preview/"+america+closed).want(t, 404, "")
	}
	s.do(http.MethodPost, "/tv/titles/t1.json", asPreview+america).want(t, 405, "")
	s.clock.set(noon.Add(2 * time.Hour))
	a := s.get("/tv/titles/t1.json", asPreview+america)
	checkProblem(t, a, "preview-invalid")
	if !strings.Contains(a.body, "expired") {
		t.Errorf("an old one: %s", a.body)
	}
}

// Without keys there are no previews: the header means nothing.
func TestAnEdgeWithoutKeysTakesNoTokens(t *testing.T) {
	token := withEditors(t, edge.Config{}).token(preview.Grant{Country: "US"})
	s := serveWorld(t, edge.Config{Country: "fixed:FI"})
	a := s.get("/tv/titles/t1.json", asPreview+token)
	a.want(t, 200, finnish)
	if a.header.Get("Ovenbird-Preview") != "" || a.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("it came with %v", a.header)
	}
	s.get("/US/tv/titles/t1.json", asPreview+token).want(t, 403, "")
	s.get("/_preview/"+token+"/tv/titles/t1.json").want(t, 404, "")
}

// An edge for some countries has no others to show.
func TestAPreviewOfACountryThatIsNotServed(t *testing.T) {
	s := withEditors(t, edge.Config{Country: "fixed:FI"})
	s.serve(world)
	checkProblem(t, s.get("/tv/titles/t1.json", asPreview+s.token(preview.Grant{Country: "US"})), "not-served-here")
}

// A preview keeps to windows: it is of another country, or, by name, of another
// instant that the release knows of; never of what is in no window then.
func TestAPreviewKeepsToWindows(t *testing.T) {
	s := withEditors(t, edge.Config{Country: "fixed:US", Countries: []ovenbird.Country{"FI", "US"}})
	s.serve(content{
		rows: rows{"tv a.json": {"FI": `{"n":1}`}},
		patches: []patch{
			{noon.Add(30 * time.Minute), rows{"tv a.json": {}}},
			{noon.Add(40 * time.Minute), rows{"tv a.json": {"FI": `{"n":2}`}}},
		},
	})
	present := s.token(preview.Grant{Country: "FI"})
	for _, tt := range []struct {
		after  time.Duration
		status int
		body   string
	}{{0, 200, `{"n":1}`}, {30 * time.Minute, 404, ""}, {40 * time.Minute, 200, `{"n":2}`}} {
		s.clock.set(noon.Add(tt.after))
		s.get("/tv/a.json", asPreview+present).want(t, tt.status, tt.body)
	}
	s.clock.set(noon)
	at := func(after time.Duration) answer {
		return s.get("/tv/a.json", asPreview+s.token(preview.Grant{Country: "FI", At: noon.Add(after)}))
	}
	at(35*time.Minute).want(t, 404, "")
	later := at(time.Hour)
	later.want(t, 200, `{"n":2}`)
	if got := later.header.Get("Ovenbird-Preview"); got != "FI;at=@1772370000" {
		t.Errorf("Ovenbird-Preview is %q", got)
	}
	for _, outside := range []time.Duration{-time.Second, 24 * time.Hour, 1000 * time.Hour} {
		checkProblem(t, at(outside), "preview-invalid")
	}
	// A release that has run out shows nobody anything, whatever instant they name.
	s.clock.set(noon.Add(-time.Minute)) // the token is good
	at(time.Hour).want(t, 200, `{"n":2}`)
	s.clock.set(noon.Add(24 * time.Hour))
	at(time.Hour).want(t, 403, "")
}

func TestLogsDoNotHaveTokens(t *testing.T) {
	s := withEditors(t, edge.Config{Country: "fixed:FI", Countries: []ovenbird.Country{"FI", "US"}})
	s.serve(world)
	token := s.token(preview.Grant{Country: "US"})
	for _, known := range []bool{true, false} {
		var out bytes.Buffer
		log, err := accesslog.New(accesslog.Config{Format: accesslog.Combined, Out: &out})
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if !known { // an edge that knows no keys
			s.deps.Previews = nil
		}
		e, err := edge.New(edge.Config{Country: "fixed:FI", Countries: []ovenbird.Country{"FI", "US"}}, s.deps)
		if err != nil {
			t.Fatal(err)
		}
		for _, prefix := range []string{"/_preview/", "/%5Fpreview/"} {
			ask(t, log.Handler(e), http.MethodGet, prefix+token+"/tv/titles/t1.json", "Referer: https://edge.example/_preview/"+token+"/")
		}
		if err := log.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if log := out.String(); strings.Contains(log, token) || strings.Count(log, "/_preview/-/tv/titles/t1.json") != 2 {
			t.Errorf("logged %s", log)
		}
	}
}

// Ordinary requests do not pay for previews.
func TestAnsweringAllocatesNothingWhereThereArePreviews(t *testing.T) {
	s := withEditors(t, edge.Config{Country: "fixed:FI"})
	s.serve(world)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/tv/titles/t1.json", http.NoBody)
	w := &silent{header: make(http.Header)}
	if n := testing.AllocsPerRun(100, func() { s.edge.ServeHTTP(w, r) }); n != 0 || w.status != http.StatusOK {
		t.Errorf("%v allocations, status %d", n, w.status)
	}
}
