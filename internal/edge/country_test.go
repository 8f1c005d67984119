package edge_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
)

const geoFile = "geoipdata/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"

// geoData returns the GeoIP data set, which `make test` installs.
func geoData(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(geoFile); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("the GeoIP data is not installed: run npm ci in internal/edge/geoipdata")
	}
	return geoFile
}

// from asks as a peer, with headers.
func (s *site) from(peer, target string, headers ...string) answer {
	s.tb.Helper()
	return ask(s.tb, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = peer
		s.edge.ServeHTTP(w, r)
	}), http.MethodGet, target, headers...)
}

const (
	finnish = `{"t":1}`
	us      = `{"t":2}`
)

func TestFixedCountry(t *testing.T) {
	s := serveWorld(t, edge.Config{Country: "fixed:FI"})
	s.get("/tv/titles/t1.json").want(t, 200, finnish)
	s.get("/FI/tv/titles/t1.json").want(t, 200, finnish)
	s.get("/web/home.json").want(t, 200, `{"l":"fi"}`)
	s.get("/web/sv/home.json").want(t, 200, `{"l":"sv"}`)
	s.get("/variations.json").want(t, 200, `{"site":1}`)
	for _, target := range []string{"/US/tv/titles/t1.json", "/US/tv/nothing.json"} {
		a := s.get(target)
		a.want(t, 403, "")
		checkProblem(t, a, "wrong-country")
	}
	if got := s.get("/tv/titles/t1.json").header.Get("Cache-Control"); !strings.HasPrefix(got, "public,") {
		t.Errorf("Cache-Control is %q", got)
	}
}

func TestCountryByHeader(t *testing.T) {
	s := serveWorld(t, edge.Config{Country: "header:cloudfront-viewer-country", TrustedProxies: []string{"10.0.0.0/8", "2001:db8::1", "::ffff:192.0.2.7"}})
	const name = "CloudFront-Viewer-Country: "
	for _, tt := range []struct {
		peer, target string
		headers      []string
		status       int
		body         string
	}{
		{"10.1.2.3:4", "/tv/titles/t1.json", []string{name + "FI"}, 200, finnish},
		{"10.1.2.3:4", "/tv/titles/t1.json", []string{name + "us"}, 200, us},
		{"10.1.2.3:4", "/US/tv/titles/t1.json", []string{name + "US"}, 200, us},
		{"[::ffff:10.1.2.3]:4", "/tv/titles/t1.json", []string{name + "US"}, 200, us},
		{"[2001:db8::1%eth0]:4", "/tv/titles/t1.json", []string{name + "US"}, 200, us},
		{"192.0.2.7:4", "/tv/titles/t1.json", []string{name + "US"}, 200, us},
		{"10.1.2.3:4", "/US/tv/titles/t1.json", []string{name + "FI"}, 403, ""},
		{"10.1.2.3:4", "/tv/titles/t1.json", nil, 403, ""},
		{"10.1.2.3:4", "/FI/tv/titles/t1.json", nil, 403, ""},
		{"10.1.2.3:4", "/FI/tv/titles/t1.json", []string{name + "XX"}, 403, ""},
		{"10.1.2.3:4", "/FI/tv/titles/t1.json", []string{name + "T1"}, 403, ""},
		{"10.1.2.3:4", "/FI/tv/titles/t1.json", []string{name + "FI", name + "FI"}, 403, ""},
		{"10.1.2.3:4", "/FI/tv/titles/t1.json", []string{name + "FI, US"}, 403, ""},
		{"11.1.2.3:4", "/FI/tv/titles/t1.json", []string{name + "FI"}, 403, ""},
		{"192.0.2.8:4", "/FI/tv/titles/t1.json", []string{name + "FI"}, 403, ""},
		{"@", "/FI/tv/titles/t1.json", []string{name + "FI"}, 403, ""},
		{"10.1.2.3:4", "/GB/tv/titles/t1.json", []string{name + "UK"}, 404, ""},
		{"11.1.2.3:4", "/variations.json", nil, 200, `{"site":1}`},
	} {
		a := s.from(tt.peer, tt.target, tt.headers...)
		a.want(t, tt.status, tt.body)
		if t.Failed() {
			t.Fatalf("from %s with %q", tt.peer, tt.headers)
		}
	}
	// What is refused depends on the country too.
	for _, address := range []string{"/tv/titles/t1.json", "/US/tv/titles/t1.json", "/FI/tv/titles/none.json"} {
		a := s.from("10.1.2.3:4", address, name+"FI")
		if got := a.header.Get("Vary"); got != "Accept-Encoding, Cloudfront-Viewer-Country" {
			t.Errorf("%s: %d has Vary %q", address, a.status, got)
		}
	}
}

func TestCountryByAddress(t *testing.T) {
	s := serveWorld(t, edge.Config{Country: "geoip:" + geoData(t), TrustedProxies: []string{"10.0.0.0/8"}})
	const (
		inFinland   = "193.166.3.2"    // FUNET
		inFinland6  = "2001:708:10::1" // FUNET
		inUS        = "8.8.8.8"        //
		inUS6       = "2600::1"        //
		nowhere     = "192.0.2.1"      // documentation
		forwarded   = "X-Forwarded-For: "
		finlandPort = inFinland + ":1234"
	)
	for _, tt := range []struct {
		peer    string
		headers []string
		status  int
		body    string
	}{
		{finlandPort, nil, 200, finnish},
		{"[" + inFinland6 + "]:1", nil, 200, finnish},
		{"[::ffff:" + inFinland + "]:1", nil, 200, finnish},
		{inUS + ":1", nil, 200, us},
		{"[" + inUS6 + "]:1", nil, 200, us},
		{nowhere + ":1", nil, 403, ""},
		{"127.0.0.1:1", nil, 403, ""},
		{"nonsense", nil, 403, ""},
		// Who is no proxy of ours may claim what he likes.
		{finlandPort, []string{forwarded + inUS}, 200, finnish},
		{"10.0.0.1:1", []string{forwarded + inUS}, 200, us},
		{"10.0.0.1:1", []string{forwarded + inUS + ":99"}, 200, us},
		{"10.0.0.1:1", []string{forwarded + "[" + inUS6 + "]:99"}, 200, us},
		{"10.0.0.1:1", []string{forwarded + "[" + inUS6 + "]"}, 200, us},
		{"10.0.0.1:1", []string{forwarded + inUS + ", " + inFinland}, 200, finnish},
		{"10.0.0.1:1", []string{forwarded + inUS + ", " + inFinland + ", 10.9.9.9"}, 200, finnish},
		{"10.0.0.1:1", []string{forwarded + inUS, forwarded + inFinland, forwarded + "10.9.9.9"}, 200, finnish},
		{"10.0.0.1:1", []string{forwarded + inFinland + ", unknown"}, 403, ""},
		{"10.0.0.1:1", []string{forwarded + inFinland + ","}, 403, ""},
		{"10.0.0.1:1", nil, 403, ""},
	} {
		a := s.from(tt.peer, "/tv/titles/t1.json", tt.headers...)
		a.want(t, tt.status, tt.body)
		if t.Failed() {
			t.Fatalf("from %s with %q", tt.peer, tt.headers)
		}
	}
	s.from(finlandPort, "/US/tv/titles/t1.json").want(t, 403, "")
	if got := s.from(finlandPort, "/tv/titles/t1.json").header.Get("Cache-Control"); !strings.HasPrefix(got, "private,") {
		t.Errorf("Cache-Control is %q, so a shared cache would hand it to another country", got)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.mmdb")
	if err := os.WriteFile(broken, []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	configs := []edge.Config{
		{Country: "anything"},
		{Country: "fixed:"},
		{Country: "fixed:ZZ"},
		{Country: "header:"},
		{Country: "header:a b", TrustedProxies: []string{"10.0.0.1"}},
		{Country: "header:CF-IPCountry"},
		{Country: "header:CF-IPCountry", TrustedProxies: []string{"10.0.0.0/33"}},
		{Country: "geoip:"},
		{Country: "geoip:" + filepath.Join(t.TempDir(), "missing.mmdb")},
		{Country: "geoip:" + broken},
	}
	if whole, err := os.ReadFile(geoFile); err == nil {
		cut := filepath.Join(t.TempDir(), "cut.mmdb")
		if err := os.WriteFile(cut, whole[len(whole)/2:], 0o600); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, edge.Config{Country: "geoip:" + cut})
	}
	for _, c := range configs {
		if _, err := edge.New(c, edge.Deps{}); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%+v: got %v, want an Invalid error", c, err)
		}
	}
}

// A real server reports IPv6 peers with zones and such; it must not be asked twice.
func TestCountryOfARealConnection(t *testing.T) {
	s := serveWorld(t, edge.Config{Country: "header:CF-IPCountry", TrustedProxies: []string{"127.0.0.0/8", "::1"}})
	server := httptest.NewServer(s.edge)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/tv/titles/t1.json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("CF-IPCountry", "FI")
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %s", response.Status)
	}
}

func TestLookingAnAddressUpAllocatesNothing(t *testing.T) {
	s := serveWorld(t, edge.Config{Country: "geoip:" + geoData(t), TrustedProxies: []string{"10.0.0.0/8"}})
	for peer, header := range map[string]http.Header{
		"193.166.3.2:1":        {},
		"[2001:708:10::1]:443": {},
		"10.0.0.1:1":           {"X-Forwarded-For": {"8.8.8.8, 193.166.3.2, 10.1.1.1"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/FI/tv/titles/t1.json", http.NoBody)
		r.RemoteAddr, r.Header = peer, header
		w := &silent{header: make(http.Header)}
		if n := testing.AllocsPerRun(100, func() { s.edge.ServeHTTP(w, r) }); n != 0 || w.status != http.StatusOK {
			t.Errorf("%s: %v allocations, status %d", peer, n, w.status)
		}
	}
}

// silent is a response nobody reads.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) WriteHeader(status int)      { s.status = status }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
