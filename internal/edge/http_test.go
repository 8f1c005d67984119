package edge_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// long is a body that compresses well.
var long = `{"text":"` + strings.Repeat("all work and no play ", 50) + `"}`

// world is a site with two applications, one of them in two languages.
var world = content{
	rows: rows{
		" variations.json":       {"*": `{"site":1}`},
		"tv titles/t1.json":      {"FI SE": `{"t":1}`, "US": `{"t":2}`},
		"tv long.json":           {"FI SE US": long},
		"tv search/ä b.json":     {"FI": `{"s":1}`},
		"web/fi home.json":       {"FI": `{"l":"fi"}`},
		"web/sv home.json":       {"FI SE": `{"l":"sv"}`},
		"web/sv sv/deep.json":    {"SE": `{"deep":1}`},
		"web/fi titles/t1.json":  {"FI": `{"t":"fi"}`},
		"tv " + card("unlisted"): {"FI": `{"secret":1}`},
	},
	editions: []release.Edition{
		{Name: "tv", Application: "tv", Countries: []ovenbird.Country{"FI", "SE", "US"}},
		{
			Name: "web/fi", Application: "web", Language: "fi",
			Countries: []ovenbird.Country{"FI"}, DefaultCountries: []ovenbird.Country{"FI"},
		},
		{
			Name: "web/sv", Application: "web", Language: "sv",
			Countries: []ovenbird.Country{"FI", "SE"}, DefaultCountries: []ovenbird.Country{"SE"},
		},
	},
}

func serveWorld(t *testing.T, c edge.Config) *site {
	t.Helper()
	s := newSite(t, c)
	s.serve(world)
	return s
}

func TestAddresses(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	for _, tt := range []struct {
		target  string
		status  int
		body    string // of a document
		problem string // the last segment of the type
	}{
		{"/FI/tv/titles/t1.json", 200, `{"t":1}`, ""},
		{"/US/tv/titles/t1.json", 200, `{"t":2}`, ""},
		{"/FI/tv/titles/t1.json?whatever=1&more", 200, `{"t":1}`, ""},
		{"/FI/tv/titles/%741.json", 200, `{"t":1}`, ""},
		{"/FI/tv/search/%C3%A4%20b.json", 200, `{"s":1}`, ""},
		{"/variations.json", 200, `{"site":1}`, ""},
		{"/FI/web/home.json", 200, `{"l":"fi"}`, ""},
		{"/FI/web/fi/home.json", 200, `{"l":"fi"}`, ""},
		{"/FI/web/sv/home.json", 200, `{"l":"sv"}`, ""},
		{"/SE/web/home.json", 200, `{"l":"sv"}`, ""},
		{"/SE/web/sv/sv/deep.json", 200, `{"deep":1}`, ""},
		{"/SE/web/sv/deep.json", 404, "", "not-found"},
		{"/SE/web/fi/home.json", 404, "", "not-offered"},
		{"/US/web/home.json", 404, "", "not-offered"},
		{"/JP/tv/titles/t1.json", 404, "", "not-offered"},
		{"/FI/tv/titles/t2.json", 404, "", "not-found"},
		{"/FI/tv/titles/t1.json/", 404, "", "not-found"},
		{"/FI/tv", 404, "", "not-found"},
		{"/FI/tv/", 404, "", "not-found"},
		{"/FI", 404, "", "unknown-application"},
		{"/FI/radio/home.json", 404, "", "unknown-application"},
		{"/FI/variations.json", 404, "", "unknown-application"},
		{"/ZZ/tv/home.json", 404, "", "unknown-country"},
		{"/UK/tv/home.json", 404, "", "unknown-country"},
		{"/fi/tv/home.json", 404, "", "unknown-country"},
		{"/tv/titles/t1.json", 404, "", "country-needed"},
		{"/", 404, "", "not-found"},
		{"//", 404, "", "not-found"},
		{"//FI/tv/titles/t1.json", 400, "", "bad-address"},
		{"/FI//tv/titles/t1.json", 400, "", "bad-address"},
		{"/FI/tv/titles//t1.json", 400, "", "bad-address"},
		{"/FI/tv/./titles/t1.json", 400, "", "bad-address"},
		{"/FI/tv/x/../titles/t1.json", 400, "", "bad-address"},
		{"/FI/tv/titles%2Ft1.json", 400, "", "bad-address"},
		{"/FI/tv/titles%2ft1.json", 400, "", "bad-address"},
		{"/FI%2Ftv/titles/t1.json", 400, "", "bad-address"},
		{"/FI/tv/%25%2Fx", 400, "", "bad-address"},
		{"/FI/tv/%00card/unlisted", 400, "", "bad-address"},
		{"/FI/tv/%FF.json", 400, "", "bad-address"},
		{"/_ovenbird/nothing", 404, "", "not-found"},
	} {
		a := s.get(tt.target)
		a.want(t, tt.status, tt.body)
		if tt.problem != "" {
			checkProblem(t, a, tt.problem)
		}
	}
}

func checkProblem(t *testing.T, a answer, name string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Instance string
		Status                        int
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	if p.Type != "/problems/"+name || p.Status != a.status || p.Title == "" || p.Detail == "" || p.Instance == "" {
		t.Errorf("want problem %s, got %s", name, a.body)
	}
	if a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a problem came with %v", a.header)
	}
}

func TestBeforeTheFirstReleaseEverythingIsUnavailable(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.follow()
	a := s.get("/FI/tv/home.json")
	a.want(t, 503, "")
	checkProblem(t, a, "no-release")
	s.get("/readyz").want(t, 503, "")
	s.get("/healthz").want(t, 200, "")
	s.get("/_ovenbird/status").want(t, 200, "")
}

func TestMethods(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"} {
		a := s.do(method, "/FI/tv/titles/t1.json")
		a.want(t, 405, "")
		if a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: Allow is %q", method, a.header.Get("Allow"))
		}
	}
	options := s.do("OPTIONS", "/FI/tv/titles/t1.json", "Origin: https://app.example", "Access-Control-Request-Method: GET")
	options.want(t, 204, "")
	if options.header.Get("Access-Control-Allow-Origin") != "*" || options.header.Get("Allow") == "" {
		t.Errorf("OPTIONS came with %v", options.header)
	}
	head, get := s.do("HEAD", "/FI/tv/long.json"), s.get("/FI/tv/long.json")
	if head.body != "" || head.status != http.StatusOK {
		t.Errorf("HEAD came with %d %q", head.status, head.body)
	}
	get.header.Del("Server-Timing")
	for name := range get.header {
		if head.header.Get(name) != get.header.Get(name) {
			t.Errorf("%s: HEAD has %q, GET %q", name, head.header.Get(name), get.header.Get(name))
		}
	}
	if head := s.do("HEAD", "/FI/tv/nothing.json"); head.body != "" || head.status != http.StatusNotFound {
		t.Errorf("HEAD of nothing came with %d %q", head.status, head.body)
	}
}

func TestHeadersOfADocument(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	a := s.get("/FI/web/sv/home.json")
	for name, want := range map[string]string{
		"Content-Type":                "application/json",
		"Content-Length":              "10",
		"Content-Encoding":            "",
		"Cache-Control":               "public, max-age=60, must-revalidate",
		"Vary":                        "Accept-Encoding",
		"Accept-Ranges":               "bytes",
		"Surrogate-Key":               "web/sv/ web/sv/home.json",
		"Cache-Status":                "ovenbird; hit",
		"No-Vary-Search":              "params",
		"Ovenbird-Release":            s.last.Ref().ID,
		"Access-Control-Allow-Origin": "*",
		"X-Content-Type-Options":      "nosniff",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(a.header.Get("Server-Timing"), "edge;dur=") {
		t.Errorf("Server-Timing is %q", a.header.Get("Server-Timing"))
	}
	if key := s.get("/FI/tv/search/%C3%A4%20b.json").header.Get("Surrogate-Key"); key != "tv/ tv/search/%C3%A4%20b.json" {
		t.Errorf("Surrogate-Key is %q", key)
	}
}

func TestCodings(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	tags := make(map[string]string)
	for _, tt := range []struct{ accept, coding string }{
		{"", ""},
		{"gzip", "gzip"},
		{"x-gzip", "gzip"},
		{"BR", "br"},
		{"zstd", "zstd"},
		{"gzip, deflate, br, zstd", "zstd"},
		{"gzip, br", "br"},
		{"gzip;q=1, br;q=0.9, zstd;q=0.1", "gzip"},
		{"gzip;q=0.001", "gzip"},
		{"*", "zstd"},
		{"*;q=0.5, zstd;q=0", "br"},
		{"deflate", ""},
		{"gzip;q=0", ""},
		{"identity, gzip;q=0.5", ""},
		{"gzip;q=2", ""},
	} {
		a := s.get("/FI/tv/long.json", "Accept-Encoding: "+tt.accept)
		if got := a.header.Get("Content-Encoding"); a.status != http.StatusOK || got != tt.coding {
			t.Errorf("%q got %d %q, want %q", tt.accept, a.status, got, tt.coding)
			continue
		}
		if decode(t, tt.coding, a.body) != long {
			t.Errorf("%q: the body is another after decoding", tt.accept)
		}
		etag := a.header.Get("Etag")
		for coding, other := range tags {
			if (coding == tt.coding) != (other == etag) {
				t.Errorf("%q has tag %s, %q has %s", tt.coding, etag, coding, other)
			}
		}
		tags[tt.coding] = etag
	}
	for _, accept := range []string{"identity;q=0", "*;q=0", "deflate, identity;q=0.000"} {
		a := s.get("/FI/tv/long.json", "Accept-Encoding: "+accept)
		a.want(t, 406, "")
		checkProblem(t, a, "not-acceptable")
	}
	// What compression does not make smaller goes as it is, unless that is refused.
	for accept, coding := range map[string]string{"gzip, br, zstd": "", "zstd, identity;q=0": "zstd"} {
		if got := s.get("/FI/tv/titles/t1.json", "Accept-Encoding: "+accept).header.Get("Content-Encoding"); got != coding {
			t.Errorf("a short document for %q came as %q", accept, got)
		}
	}
}

func decode(t *testing.T, coding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(r)
		if err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestConditions(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	const target = "/FI/tv/long.json"
	plain := s.get(target).header.Get("Etag")
	compressed := s.get(target, "Accept-Encoding: gzip").header.Get("Etag")
	for _, tt := range []struct {
		headers string
		status  int
	}{
		{"If-None-Match: " + plain, 304},
		{"If-None-Match: W/" + plain, 304},
		{"If-None-Match: *", 304},
		{`If-None-Match: "x", "y, z" , ` + plain, 304},
		{"If-None-Match: \"x\"\nIf-None-Match: " + plain, 304},
		{`If-None-Match: "x"`, 200},
		{"If-None-Match: " + compressed, 200},
		{"If-None-Match: " + strings.Trim(plain, `"`), 200},
		{`If-None-Match: "x` + plain, 200},
		{"If-None-Match: " + compressed + "\nAccept-Encoding: gzip", 304},
		{"If-Match: " + plain, 200},
		{"If-Match: *", 200},
		{"If-Match: W/" + plain, 412},
		{`If-Match: "x"`, 412},
		{"If-Match: " + plain + "\nIf-None-Match: " + plain, 304},
		{"If-Match: \"x\"\nIf-None-Match: " + plain, 412},
		{"If-Modified-Since: Sun, 01 Mar 2099 12:00:00 GMT", 200},
		{"If-Unmodified-Since: Sun, 01 Mar 1999 12:00:00 GMT", 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := s.do(method, target, strings.Split(tt.headers, "\n")...)
			if a.status != tt.status {
				t.Errorf("%s with %q got %d, want %d", method, tt.headers, a.status, tt.status)
			}
			if a.status != http.StatusNotModified {
				continue
			}
			if a.body != "" || a.header.Get("Etag") == "" || a.header.Get("Cache-Control") == "" || a.header.Get("Vary") == "" ||
				a.header.Get("Content-Length") != "" {
				t.Errorf("a 304 came with %v %q", a.header, a.body)
			}
		}
	}
}

func TestRanges(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	const target = "/FI/tv/titles/t1.json" // {"t":1}, 7 bytes
	etag := s.get(target).header.Get("Etag")
	for _, tt := range []struct {
		headers string
		status  int
		body    string
		content string
	}{
		{"Range: bytes=0-1", 206, `{"`, "bytes 0-1/7"},
		{"Range: bytes=5-", 206, `1}`, "bytes 5-6/7"},
		{"Range: bytes=-2", 206, `1}`, "bytes 5-6/7"},
		{"Range: bytes=-99", 206, `{"t":1}`, "bytes 0-6/7"},
		{"Range: bytes=6-99999999999999999999999", 206, `}`, "bytes 6-6/7"},
		{"Range: BYTES=0-0", 206, `{`, "bytes 0-0/7"},
		{"Range: bytes=7-", 416, "", "bytes */7"},
		{"Range: bytes=-0", 416, "", "bytes */7"},
		{"Range: bytes=0-1,3-4", 200, `{"t":1}`, ""},
		{"Range: bytes=3-1", 200, `{"t":1}`, ""},
		{"Range: bytes=-", 200, `{"t":1}`, ""},
		{"Range: bytes=a-b", 200, `{"t":1}`, ""},
		{"Range: bytes=--1", 200, `{"t":1}`, ""},
		{"Range: lines=0-1", 200, `{"t":1}`, ""},
		{"Range: bytes=0-0\nRange: bytes=1-1", 200, `{"t":1}`, ""},
		{"Range: bytes=0-0\nIf-Range: " + etag, 206, `{`, "bytes 0-0/7"},
		{"Range: bytes=0-0\nIf-Range: W/" + etag, 200, `{"t":1}`, ""},
		{"Range: bytes=0-0\nIf-Range: \"x\"", 200, `{"t":1}`, ""},
		{"Range: bytes=0-0\nIf-Range: Sun, 01 Mar 2026 12:00:00 GMT", 200, `{"t":1}`, ""},
		{"Range: bytes=0-0\nIf-None-Match: " + etag, 304, "", ""},
	} {
		a := s.get(target, strings.Split(tt.headers, "\n")...)
		a.want(t, tt.status, tt.body)
		if got := a.header.Get("Content-Range"); got != tt.content {
			t.Errorf("%q: Content-Range is %q, want %q", tt.headers, got, tt.content)
		}
	}
	if a := s.do("HEAD", target, "Range: bytes=0-1"); a.status != http.StatusOK || a.header.Get("Content-Length") != "7" {
		t.Errorf("HEAD with Range got %d %v", a.status, a.header)
	}
	// A range counts in the bytes that are sent, so it is one of the coded body.
	whole := s.get("/FI/tv/long.json", "Accept-Encoding: gzip")
	if a := s.get("/FI/tv/long.json", "Accept-Encoding: gzip", "Range: bytes=2-5"); a.status != http.StatusPartialContent || a.body != whole.body[2:6] {
		t.Errorf("a range of a compressed body is %d %q", a.status, a.body)
	}
}

func TestStatusTellsWhatIsServed(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(changing)
	var status edge.Status
	if err := json.Unmarshal([]byte(s.get("/_ovenbird/status").body), &status); err != nil {
		t.Fatal(err)
	}
	if !status.Ready || status.Release != s.last.Ref().ID || !status.NextTransition.Equal(one) || status.Rows != 5 || status.TakenOver != 1 {
		t.Errorf("the status is %+v", status)
	}
	s.clock.set(two)
	if next := s.edge.Status().NextTransition; !next.Equal(noon.AddDate(0, 0, 1)) {
		t.Errorf("after the last transition the next is %s", next)
	}
}
