package release_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
	"ovenbird/internal/release"
)

// counting passes requests on to a gateway and counts them by method.
func counting(tb testing.TB, gateway *buckettest.Gateway) (endpoint string, counts func() map[string]int) {
	tb.Helper()
	target, err := url.Parse(gateway.Endpoint)
	if err != nil {
		tb.Fatal(err)
	}
	var mu sync.Mutex
	seen := make(map[string]int)
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Method]++
		mu.Unlock()
		next.ServeHTTP(w, r)
	}))
	tb.Cleanup(proxy.Close)
	return proxy.URL, func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		before := seen
		seen = make(map[string]int)
		return before
	}
}

// BenchmarkRequestsOnS3 counts what a small edit costs in requests: to write and
// publish the release, to collect garbage after it, to poll, and to take it over.
func BenchmarkRequestsOnS3(b *testing.B) {
	gateway := buckettest.StartGateway(b)
	endpoint, counts := counting(b, gateway)
	opened, err := bucket.Open(b.Context(), bucket.Config{URL: buckettest.S3URL(gateway.NewBucket(b), endpoint)})
	if err != nil {
		b.Fatal(err)
	}
	s, err := release.Open(opened, release.Config{})
	if err != nil {
		b.Fatal(err)
	}
	total := make(map[string]map[string]int)
	measure := func(what string, do func()) {
		counts()
		do()
		if total[what] == nil {
			total[what] = make(map[string]int)
		}
		for method, n := range counts() {
			total[what][method] += n
		}
	}
	var current, served *release.Release
	n := 0
	for b.Loop() {
		n++
		bodies := map[string]string{"home.json": strconv.Itoa(n), "a.json": "a", "b.json": "b"}
		measure("publish", func() {
			current = commit(b, s, current, noon.Add(time.Duration(n)*time.Second), bodies)
			publish(b, s, current)
		})
		measure("collect", func() {
			if _, err := s.Collect(b.Context(), time.Now(), time.Hour); err != nil {
				b.Fatal(err)
			}
		})
		measure("poll", func() {
			if _, err := s.Version(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
		measure("takeover", func() { served = takeOver(b, s, served) })
	}
	for what, methods := range total {
		for method, count := range methods {
			b.ReportMetric(float64(count)/float64(b.N), what+"-"+method+"/op")
		}
	}
}

// takeOver does what an edge does once it knows of a new release.
func takeOver(b *testing.B, s *release.Store, before *release.Release) *release.Release {
	b.Helper()
	head, err := s.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	kept, _ := head.CurrentRelease()
	next, err := s.Load(b.Context(), kept.Ref)
	if err != nil {
		b.Fatal(err)
	}
	if before != nil {
		next.Share(before)
	}
	if _, err := bodyOf(b.Context(), next, "home.json", "FI"); err != nil {
		b.Fatal(err)
	}
	return next
}
