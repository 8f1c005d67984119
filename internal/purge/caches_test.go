package purge_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"ovenbird/internal/edge"
)

// cache is a real cache in front of an edge, configured as docs/cdn says.
type cache struct {
	*origin

	finn, stranger viewer // in Finland; nowhere that is known
	// codings are those that the cache keeps apart.
	codings     []string
	revalidates bool // whether it asks the edge if what it has is the same
}

// what the edges of these tests serve.
var (
	long  = strings.Repeat("long enough to be compressed ", 20)
	plain = rows{
		"home.json":       {"FI SE": `{"rail":[{{a}}]}`},
		"other.json":      {"FI": `{"other":"` + long + `"}`, "SE": `{"other":"SE"}`},
		"cold.json":       {"FI SE": `{"cold":1}`},
		"titles/a.json":   {"FI": `{"title":"a in FI"}`, "SE": `{"title":"a in SE"}`},
		"titles/b,1.json": {"FI SE": `{"title":"b"}`},
		card("a"):         {"FI SE": `{"card":"a"}`},
	}
	// closing is gone, or another, within seconds.
	closing  = rows{"closing.json": {"FI SE": `{"shown":1}`}, "lonely.json": {"FI SE": `{"shown":1}`}, "changing.json": {"FI SE": `{"n":1}`}}
	closed   = rows{"closing.json": nil, "lonely.json": nil, "changing.json": {"FI SE": `{"n":2}`}}
	closesIn = 3500 * time.Millisecond
)

func TestNginx(t *testing.T) {
	t.Parallel()
	program, address, purges := installed(t, "nginx"), freeAddress(t), freeAddress(t)
	o := newOrigin(t, edge.Config{Country: "fixed:FI", SharedMaxAge: 10 * time.Minute}, "nginx:http://"+purges)
	folder := t.TempDir()
	config := configure(t, "nginx.conf", "127.0.0.1:8080", o.url, "listen 127.0.0.1:8000", "listen "+address, "listen 127.0.0.1:8001", "listen "+purges,
		"/var/cache/nginx/ovenbird", folder, "/run/nginx.pid", filepath.Join(folder, "pid"),
		"/var/log/nginx/error.log", "stderr", "events {}", "daemon off; events {}")
	run(t, address, program, "-c", config, "-e", "stderr", "-g", "user root;")
	(&cache{
		origin: o, finn: newViewer(t, address, "127.0.0.1"), stranger: newViewer(t, address, "127.0.0.9"), codings: []string{"gzip"},
	}).check(t)
}

func TestVarnish(t *testing.T) {
	t.Parallel()
	program, address := installed(t, "varnishd"), freeAddress(t)
	o := newOrigin(t, edge.Config{
		Country: "header:X-Viewer-Country", TrustedProxies: []string{"127.0.0.1"}, SharedMaxAge: 10 * time.Minute,
	}, "varnish:http://"+address)
	host, port, _ := strings.Cut(o.url, ":")
	config := configure(t, "varnish.vcl", `"127.0.0.1";
    .port = "8080"`, `"`+host+`"; .port = "`+port+`"`)
	run(t, address, program, "-F", "-j", "none", "-n", t.TempDir(), "-a", address, "-f", config, "-s", "malloc,32m",
		"-p", "http_gzip_support=off")
	c := &cache{
		origin: o, finn: newViewer(t, address, "127.0.0.2"), stranger: newViewer(t, address, "127.0.0.9"),
		codings: []string{"zstd", "br", "gzip", "identity"}, revalidates: true,
	}
	c.check(t)
	t.Run("countries", func(t *testing.T) { c.countriesStayApart(t, newViewer(t, address, "127.0.0.3")) })
}

// check holds a cache against what docs/cdn.md promises.
func (c *cache) check(t *testing.T) {
	t.Helper()
	at := time.Now().Add(closesIn)
	all := merged(plain, closing)
	c.publish(all, at, closed)
	t.Run("transitions", func(t *testing.T) { // as long as this takes
		var others sync.WaitGroup
		defer others.Wait()
		others.Go(func() { c.nothingOutlivesATransition(t, at) })
		c.hits(t)
		c.conditions(t)
		c.codingsApart(t)
		c.oneAsksForMany(t)
		c.problemsAreNotKept(t)
		c.previewsPass(t)
		c.operatorsStayAmongThemselves(t)
	})
	t.Run("purging", func(t *testing.T) { c.purges(t, all, at) })
}

func merged(all ...rows) rows {
	one := make(rows)
	for _, some := range all {
		maps.Copy(one, some)
	}
	return one
}

// hits: the edge is asked once, whatever stands behind the question mark.
func (c *cache) hits(t *testing.T) {
	t.Helper()
	const path = "/FI/tv/titles/b,1.json"
	for _, target := range []string{path, path, path + "?utm=1", path + "?utm=2"} {
		c.finn.get(target).want(t, http.StatusOK, `{"title":"b"}`)
	}
	a := c.finn.get(path)
	if n := c.count(path); n != 1 || a.header.Get("X-Cache") != "HIT" {
		t.Errorf("the edge was asked %d times, and X-Cache is %q", n, a.header.Get("X-Cache"))
	}
	for _, name := range []string{"Surrogate-Key", "Cache-Tag", "CDN-Cache-Control", "Xkey"} {
		if value := a.header.Get(name); value != "" {
			t.Errorf("viewers get %s: %s", name, value)
		}
	}
}

// conditions: a cache answers 304 by itself.
func (c *cache) conditions(t *testing.T) {
	t.Helper()
	const path = "/FI/tv/titles/b,1.json"
	before := c.count(path)
	tag := c.finn.get(path).header.Get("ETag")
	c.finn.get(path, "If-None-Match: "+tag).want(t, http.StatusNotModified, "")
	c.finn.get(path, `If-None-Match: "another"`).want(t, http.StatusOK, `{"title":"b"}`)
	if n := c.count(path); n != before || tag == "" {
		t.Errorf("the edge was asked %d times more; the tag is %q", n-before, tag)
	}
}

// codingsApart: everybody gets a coding that they take, and the edge is asked once
// for each.
func (c *cache) codingsApart(t *testing.T) {
	t.Helper()
	const path = "/FI/tv/other.json"
	for range 2 {
		for _, accepted := range []string{"zstd", "br", "gzip", "identity", "gzip, deflate, br, zstd", ""} {
			a := c.finn.get(path, "Accept-Encoding: "+accepted)
			coding := a.header.Get("Content-Encoding")
			if coding != "" && !strings.Contains(accepted, coding) {
				t.Errorf("who takes %q got %q", accepted, coding)
			}
			if body := unpack(t, coding, a.body); body != plain["other.json"]["FI"] {
				t.Errorf("who takes %q got %q in %q", accepted, body, coding)
			}
			if !strings.Contains(a.header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("Vary is %q", a.header.Get("Vary"))
			}
		}
	}
	if n := c.count(path); n != len(c.codings) {
		t.Errorf("the edge was asked %d times for %q", n, c.codings)
	}
}

func unpack(t *testing.T, coding, body string) string {
	t.Helper()
	var r io.Reader
	var err error
	switch packed := strings.NewReader(body); coding {
	case "":
		return body
	case "zstd":
		r, err = zstd.NewReader(packed)
	case "br":
		r = brotli.NewReader(packed)
	case "gzip":
		r, err = gzip.NewReader(packed)
	default:
		t.Fatalf("coding %q", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return plain.String()
}

// oneAsksForMany: of those who ask at once for what is not there yet, one gets through.
func (c *cache) oneAsksForMany(t *testing.T) {
	t.Helper()
	const path, many = "/FI/tv/cold.json", 20
	var sent, done sync.WaitGroup
	sent.Add(many)
	c.before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == path {
			sent.Wait()
		}
		return false
	})
	defer c.ahead.Store(nil)
	for range many {
		done.Go(func() {
			var once sync.Once
			trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { once.Do(sent.Done) }}
			r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, "http://"+c.finn.cache+path, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := c.finn.client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_ = response.Body.Close()
		})
	}
	done.Wait()
	if n := c.count(path); n != 1 {
		t.Errorf("the edge was asked %d times", n)
	}
}

func (c *cache) before(f func(w http.ResponseWriter, r *http.Request) bool) { c.ahead.Store(&f) }

// problemsAreNotKept: each who meets one has asked the edge, and when it is over
// it is over.
func (c *cache) problemsAreNotKept(t *testing.T) {
	t.Helper()
	for path, status := range map[string]int{
		"/FI/tv/titles/none.json": http.StatusNotFound, "/SE/tv/other.json": http.StatusForbidden, "/XX/tv/other.json": http.StatusNotFound,
	} {
		for range 3 {
			a := c.finn.get(path).want(t, status, "")
			if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: got %v", path, a.header)
			}
		}
		if n := c.count(path); n != 3 {
			t.Errorf("%s: the edge was asked %d times", path, n)
		}
	}
	const path = "/FI/tv/home.json"
	c.before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == path {
			c.blank.ServeHTTP(w, r)
		}
		return r.URL.Path == path
	})
	c.finn.get(path).want(t, http.StatusServiceUnavailable, "")
	c.ahead.Store(nil)
	c.finn.get(path).want(t, http.StatusOK, `{"rail":[{"card":"a"}]}`)
}

// previewsPass: who asks for one is answered by the edge, and nobody else with that.
func (c *cache) previewsPass(t *testing.T) {
	t.Helper()
	const path = "/FI/tv/titles/b,1.json"
	c.finn.get(path).want(t, http.StatusOK, `{"title":"b"}`)
	before := c.count(path)
	c.finn.get(path, "Ovenbird-Preview: x")
	c.finn.get(path).want(t, http.StatusOK, `{"title":"b"}`)
	if n := c.count(path); n != before+1 {
		t.Errorf("the edge was asked %d times more, want once", n-before)
	}
}

// operatorsStayAmongThemselves: however it is written.
func (c *cache) operatorsStayAmongThemselves(t *testing.T) {
	t.Helper()
	operatorsStayAmongThemselves(t, c.finn)
}

func operatorsStayAmongThemselves(t *testing.T, v viewer) {
	t.Helper()
	for _, path := range []string{
		"/_ovenbird/status", "/_ovenbird/status?x", "/%5Fovenbird/status", "/_%6fvenbird/status", "/_ovenbird%2Fstatus",
		"//_ovenbird/status", "/./_ovenbird/status", "/tv/../_ovenbird/status",
	} {
		if a := v.get(path); a.status == http.StatusOK || strings.Contains(a.body, "taken_over") {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
	}
}

// nothingOutlivesATransition: neither in the cache nor in a browser behind it,
// also where the edge does not answer any more. Up to there, caches are of use.
func (c *cache) nothingOutlivesATransition(t *testing.T, at time.Time) {
	t.Helper()
	const closes, lonely, changes = "/FI/tv/closing.json", "/FI/tv/lonely.json", "/FI/tv/changing.json"
	hits := 0
	look := func(path, old string) answer {
		asked := time.Now()
		a := c.finn.get(path)
		if a.body != old {
			return a
		}
		if !asked.Before(at) {
			t.Errorf("%s is there %s after it ended", path, asked.Sub(at))
		}
		if keeps := browserKeeps(t, a); keeps > 0 && time.Now().Add(keeps).After(at) {
			t.Errorf("%s: browsers keep it for %s, %s before it ends", path, keeps, time.Until(at))
		}
		if a.header.Get("X-Cache") == "HIT" {
			hits++
		}
		return a
	}
	look(lonely, `{"shown":1}`).want(t, http.StatusOK, "")
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	var last answer
	for over := at.Add(300 * time.Millisecond); time.Now().Before(over); <-ticks.C {
		look(closes, `{"shown":1}`)
		last = look(changes, `{"n":1}`)
		if c.ahead.Load() == nil && time.Until(at) < 0 {
			c.before(func(_ http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == lonely {
					panic(http.ErrAbortHandler)
				}
				return false
			})
		}
		if time.Until(at) < 0 {
			look(lonely, `{"shown":1}`)
		}
	}
	c.ahead.Store(nil)
	c.finn.get(closes).want(t, http.StatusNotFound, "")
	last.want(t, http.StatusOK, `{"n":2}`)
	if hits == 0 || c.revalidates && c.revalidated(closes) == 0 {
		t.Errorf("%d hits, and the edge was asked %d times whether it is the same", hits, c.revalidated(closes))
	}
}

// browserKeeps returns for how long a browser does not ask again (RFC 9111,
// section 4.2).
func browserKeeps(t *testing.T, a answer) time.Duration {
	t.Helper()
	control := a.header.Get("Cache-Control")
	if strings.Contains(control, "no-cache") {
		return 0
	}
	_, after, ok := strings.Cut(control, "max-age=")
	seconds, _, _ := strings.Cut(after, ",")
	most, err := strconv.Atoi(seconds)
	if !ok || err != nil {
		t.Errorf("Cache-Control is %q", control)
	}
	age, _ := strconv.Atoi(a.header.Get("Age"))
	return time.Duration(max(0, most-age)) * time.Second
}

// purges: what an edit changed is there at once, with the lists that show it, and
// everything else stays in the cache.
func (c *cache) purges(t *testing.T, all rows, at time.Time) {
	t.Helper()
	const home, title, short, other = "/FI/tv/home.json", "/FI/tv/titles/a.json", "/tv/titles/a.json", "/FI/tv/other.json"
	for _, path := range []string{home, title, short, other} {
		c.finn.get(path).want(t, http.StatusOK, "")
	}
	before := c.count(other)
	edited := merged(all, rows{
		"titles/a.json": {"FI": `{"title":"edited in FI"}`, "SE": `{"title":"edited in SE"}`}, card("a"): {"FI SE": `{"card":"edited"}`},
	})
	c.publish(edited, at, closed)
	eventually(t, "the edit is seen", func() bool {
		return c.finn.get(title).body == `{"title":"edited in FI"}` && c.finn.get(home).body == `{"rail":[{"card":"edited"}]}` &&
			c.finn.get(short).body == `{"title":"edited in FI"}`
	})
	if hit := c.finn.get(title).header.Get("X-Cache"); hit != "HIT" {
		t.Errorf("what was purged is not kept again: %q", hit)
	}
	c.finn.get(other)
	if n := c.count(other); n != before {
		t.Errorf("the edge was asked %d times more for what nobody edited", n-before)
	}

	// Back to what was, as after a rollback.
	c.publish(all, at, closed)
	eventually(t, "the edit is gone", func() bool { return c.finn.get(title).body == `{"title":"a in FI"}` })
}

// countriesStayApart: whatever the viewer says, however often.
func (c *cache) countriesStayApart(t *testing.T, swede viewer) {
	t.Helper()
	const path = "/tv/titles/a.json"
	for range 3 {
		c.finn.get(path, "X-Viewer-Country: SE").want(t, http.StatusOK, `{"title":"a in FI"}`)
		swede.get(path, "X-Viewer-Country: FI").want(t, http.StatusOK, `{"title":"a in SE"}`)
		c.stranger.get(path, "X-Viewer-Country: FI").want(t, http.StatusForbidden, "")
		swede.get("/SE"+path).want(t, http.StatusOK, `{"title":"a in SE"}`)
		c.finn.get("/SE"+path).want(t, http.StatusForbidden, "")
		c.stranger.get("/SE"+path).want(t, http.StatusForbidden, "")
	}
	if n := c.count("/SE" + path); n != 1+6 {
		t.Errorf("the edge was asked %d times: once for the Swede, and for each of those who get nothing", n)
	}
	edited := merged(plain, rows{"titles/a.json": {"FI": `{"title":"edited in FI"}`, "SE": `{"title":"edited in SE"}`}})
	c.publish(edited, time.Time{}, nil)
	eventually(t, "the edit is seen in both countries", func() bool {
		return c.finn.get(path).body == `{"title":"edited in FI"}` && swede.get(path).body == `{"title":"edited in SE"}`
	})
}

// Caddy keeps nothing: it brings the country, and hides what is for operators.
func TestCaddy(t *testing.T) {
	t.Parallel()
	program, address := installed(t, "../../bin/caddy-v2.11.9"), freeAddress(t)
	o := newOrigin(t, edge.Config{Country: "header:X-Viewer-Country", TrustedProxies: []string{"127.0.0.1"}}, "")
	o.publish(plain, time.Time{}, nil)
	config := configure(t, "Caddyfile", "cdn.example.org {", "{\n\tadmin off\n\tpersist_config off\n}\nhttp://"+address+" {", "127.0.0.1:8080", o.url)
	run(t, address, program, "run", "--adapter", "caddyfile", "--config", config)
	finn, swede, stranger := newViewer(t, address, "127.0.0.2"), newViewer(t, address, "127.0.0.3"), newViewer(t, address, "127.0.0.9")
	const path = "/tv/titles/a.json"
	eventually(t, "Caddy has seen that the edge is ready", func() bool { return finn.get(path).status == http.StatusOK })

	tag := finn.get(path, "X-Viewer-Country: SE").want(t, http.StatusOK, `{"title":"a in FI"}`).header.Get("ETag")
	finn.get(path, "If-None-Match: "+tag).want(t, http.StatusNotModified, "")
	swede.get(path).want(t, http.StatusOK, `{"title":"a in SE"}`)
	stranger.get(path, "X-Viewer-Country: FI").want(t, http.StatusForbidden, "")
	finn.get("/SE"+path).want(t, http.StatusForbidden, "")
	a := finn.get("/FI/tv/other.json", "Accept-Encoding: br")
	if unpack(t, a.header.Get("Content-Encoding"), a.body) != plain["other.json"]["FI"] || a.header.Get("Content-Encoding") != "br" {
		t.Errorf("got %v %s", a.header, a.body)
	}
	if a.header.Get("Surrogate-Key") != "" || a.header.Get("Cache-Control") != "public, max-age=60, must-revalidate" {
		t.Errorf("got %v", a.header)
	}
	operatorsStayAmongThemselves(t, finn)
}
