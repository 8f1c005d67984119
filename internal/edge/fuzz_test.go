package edge

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// codingMember is a member of Accept-Encoding by its grammar.
var codingMember = regexp.MustCompile(`^[ \t]*([^;]*[^; \t])[ \t]*(?:;[ \t]*[qQ]=(0|0\.[0-9]{0,3}|1|1\.0{0,3})[ \t]*)?$`)

// referenceChoice chooses a coding the plain way.
func referenceChoice(lines []string, incompressible bool) (string, bool) {
	weights := make(map[string]float64)
	for member := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		m := codingMember.FindStringSubmatch(member)
		if m == nil {
			continue
		}
		name, weight := asciiLower(m[1]), 1.0
		if name == "x-gzip" {
			name = "gzip"
		}
		if m[2] != "" {
			weight, _ = strconv.ParseFloat(m[2], 64)
		}
		if _, ok := weights[name]; !ok {
			weights[name] = weight
		}
	}
	order := []string{"zstd", "br", "gzip", "identity"}
	if incompressible {
		order = []string{"identity", "zstd", "br", "gzip"}
	}
	weight := func(name string) float64 {
		if w, ok := weights[name]; ok {
			return w
		}
		if w, ok := weights["*"]; ok {
			return w
		}
		if name == "identity" && incompressible {
			return 2
		}
		if name == "identity" {
			return 0.0001
		}
		return 0
	}
	best := slices.MaxFunc(order, func(a, b string) int { return cmp.Compare(weight(a), weight(b)) })
	return best, weight(best) > 0
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func FuzzChoiceOfCoding(f *testing.F) {
	for _, line := range []string{
		"", "gzip", "br;q=0.5, gzip;q=0.6", "*", "*;q=0", "identity;q=0", "gzip ; q=0.123\t,zstd;Q=1.000", "gzip;q=", ";q=1", "gzip;q=1.1",
		"x-gzip", "*;q=0.3,*;q=0.9", "identity;q=0.1,br;q=0.1",
	} {
		f.Add(line, "", false)
		f.Add(line, "deflate", true)
	}
	f.Fuzz(func(t *testing.T, a, b string, incompressible bool) {
		lines := []string{a, b}
		c, ok := acceptable(lines).choose(incompressible)
		want, wantOK := referenceChoice(lines, incompressible)
		if ok != wantOK || ok && codingNames[c] != want {
			t.Errorf("%q: got %s %t, want %s %t", lines, codingNames[c], ok, want, wantOK)
		}
	})
}

// serving is an edge that serves a document in Finland, and nothing else.
func serving(tb testing.TB, body string) *Edge {
	tb.Helper()
	b := bucket.OpenMemory()
	tb.Cleanup(func() { _ = b.Close() })
	store, err := release.Open(b, release.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	began := time.Unix(0, 0)
	w, err := store.Begin(context.Background(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	object, err := w.Add(context.Background(), []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	finland := []ovenbird.Country{"FI"}
	row := release.NewRow(release.Key{Edition: "tv", Path: "titles/t1.json"},
		[]release.Class{{Countries: ovenbird.NewCountrySet(finland...), Object: object}})
	made, err := w.Commit(context.Background(), release.Content{Tree: release.NewTree([]release.Row{row})}, release.Meta{
		AsOf: began, HorizonEnd: began.Add(1000 * time.Second),
		Editions: []release.Edition{{Name: "tv", Application: "tv", Countries: finland}},
	})
	if err == nil {
		_, err = store.Publish(context.Background(), made.Ref())
	}
	if err != nil {
		tb.Fatal(err)
	}
	e, err := New(Config{}, Deps{Releases: store, Now: func() time.Time { return time.Unix(1, 0) }})
	if err == nil {
		err = e.Follow(context.Background())
	}
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// Whatever the path, the edge answers, and with the document only if the path
// is its address.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/FI/tv/titles/t1.json", "/FI/tv/titles%2Ft1.json", "/FI/tv/./titles/t1.json", "//", "/FI", "/%00", "/%", "/FI/tv/%74itles/t1.json", "*", "",
		"/fi/tv/titles/t1.json", "/FI/tv/titles/t1.json?a=b", "/FI/tv/titles/t1.json#x", "/FI\\tv", "/_ovenbird/status",
	} {
		f.Add(path)
	}
	e := serving(f, `{"t":1}`)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		segments := strings.Split(u.EscapedPath(), "/")
		for i, s := range segments {
			if segments[i], err = url.PathUnescape(s); err != nil {
				t.Fatal(err)
			}
		}
		is := slices.Equal(segments, []string{"", "FI", "tv", "titles", "t1.json"})
		if got := w.Code == http.StatusOK && w.Body.String() == `{"t":1}`; got != is {
			t.Errorf("%q got %d %q", target, w.Code, w.Body)
		}
	})
}

// A range never reaches outside the body.
func FuzzRange(f *testing.F) {
	for _, line := range []string{"bytes=0-0", "bytes=-1", "bytes=5-", "bytes=9223372036854775807-9223372036854775808", "bytes=", "b=0-1", "bytes= 1 - 2 "} {
		f.Add(line, 10)
	}
	f.Fuzz(func(t *testing.T, line string, size int) {
		size = size&0xffff + 1
		s, answer := parseRange([]string{line}, size)
		if answer == partial && (s.start < 0 || s.start >= s.end || s.end > size) {
			t.Errorf("%q of %d bytes is %+v", line, size, s)
		}
	})
}

// A list of tags holds a tag exactly if it stands there.
func FuzzEntityTags(f *testing.F) {
	for _, line := range []string{`"a"`, `W/"a"`, `"b", "a"`, `*`, `"b" "a"`, `"a`, `,,"a",`, `a`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if matches([]string{line}, `"a"`, true) && trimSpace(line) != "*" && !strings.Contains(line, `"a"`) {
			t.Errorf("%q matches", line)
		}
		if matches([]string{line}, `"a"`, false) && !matches([]string{line}, `"a"`, true) {
			t.Errorf("%q matches strongly but not weakly", line)
		}
		if !matches([]string{line, `"a"`}, `"a"`, false) {
			t.Errorf("a second line counts for nothing after %q", line)
		}
	})
}

// discard is a response nobody reads, with a header that is there already.
type discard struct {
	header http.Header
	status int
	bytes  int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { d.bytes += len(b); return len(b), nil }

func TestAnsweringAllocatesNothing(t *testing.T) {
	e := serving(t, `{"t":1}`)
	var country locator = byHeader{"Cf-Ipcountry", networks{}}
	for name, tt := range map[string]struct {
		locator locator
		path    string
		header  http.Header
		status  int
	}{
		"address":         {anywhere{}, "/FI/tv/titles/t1.json", http.Header{"Accept-Encoding": {"gzip, deflate, br, zstd"}}, 200},
		"without country": {fixed{ovenbird.Country("FI").Index()}, "/tv/titles/t1.json", nil, 200},
		"not modified":    {anywhere{}, "/FI/tv/titles/t1.json", http.Header{"If-None-Match": {"*"}}, 304},
		"by header":       {trusting(t, country), "/tv/titles/t1.json", http.Header{"Cf-Ipcountry": {"FI"}}, 200},
	} {
		e.locator = tt.locator
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: tt.path}, Header: tt.header, RemoteAddr: "10.0.0.1:80"}
		w := &discard{header: make(http.Header)}
		allocations := testing.AllocsPerRun(100, func() { e.ServeHTTP(w, r) })
		if allocations != 0 || w.status != tt.status {
			t.Errorf("%s: %v allocations, status %d", name, allocations, w.status)
		}
	}
}

func trusting(tb testing.TB, l locator) locator {
	tb.Helper()
	trusted, err := parseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		tb.Fatal(err)
	}
	header, ok := l.(byHeader)
	if !ok {
		tb.Fatal("not by header")
	}
	header.trusted = trusted
	return header
}

func BenchmarkServe(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		b.Run(strconv.Itoa(size>>10)+"KB", func(b *testing.B) {
			e := serving(b, `{"`+strings.Repeat("0123456789abcdef", size/16)+`":1}`)
			r := &http.Request{
				Method: http.MethodGet, URL: &url.URL{Path: "/FI/tv/titles/t1.json"},
				Header: http.Header{"Accept-Encoding": {"gzip, deflate, br, zstd"}},
			}
			w := &discard{header: make(http.Header)}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				e.ServeHTTP(w, r)
			}
		})
	}
}
