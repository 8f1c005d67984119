package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/spread"
)

const goodToken = "ovb_edge_secret"

// world is a bucket with releases and an origin before it.
type world struct {
	*Origin
	t      *testing.T
	bucket *bucket.Bucket
	store  *release.Store
	last   *release.Release
	server *httptest.Server
	door   *door
	desk   *desk
}

// door admits goodToken until it is closed.
type door struct {
	mu     sync.Mutex
	closed error
}

func (d *door) Admit(_ context.Context, secret string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if secret != goodToken {
		return fmt.Errorf("%w: nobody knows it", ErrRefused)
	}
	return d.closed
}

func (d *door) close(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = err
}

// desk keeps reports.
type desk struct {
	mu      sync.Mutex
	reports []spread.Report
	fail    error
}

func (d *desk) Report(_ context.Context, r spread.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail == nil {
		d.reports = append(d.reports, r)
	}
	return d.fail
}

func (d *desk) taken() []spread.Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reports
}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	w := &world{t: t, bucket: bucket.OpenMemory(), door: &door{}, desk: &desk{}}
	t.Cleanup(func() { _ = w.bucket.Close() })
	var err error
	if w.store, err = release.Open(w.bucket, release.Config{}); err != nil {
		t.Fatal(err)
	}
	w.Origin = w.origin(cfg)
	w.server = httptest.NewServer(w.Origin)
	t.Cleanup(w.server.Close)
	if err := w.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	// Before the server closes, which waits for its streams.
	t.Cleanup(func() {
		if err := w.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return w
}

// origin returns one more origin before the bucket, not started.
func (w *world) origin(cfg Config) *Origin {
	w.t.Helper()
	o, err := New(cfg, Deps{Objects: w.bucket, Tokens: w.door, Reports: w.desk})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// publish publishes a release whose document has the number n, and returns the
// version of the head that names it.
func (w *world) publish(n int) string {
	w.t.Helper()
	ctx := w.t.Context()
	writer, err := w.store.Begin(ctx, w.last)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := writer.Add(ctx, fmt.Appendf(nil, `{"n":%d}`, n))
	if err != nil {
		w.t.Fatal(err)
	}
	row := release.Row{
		Key:     release.Key{Edition: "tv", Path: "n.json"},
		Classes: []release.Class{{Countries: ovenbird.NewCountrySet("FI"), Object: body}},
	}
	now := time.Now().UTC()
	w.last, err = writer.Commit(ctx, release.Content{Tree: release.NewTree([]release.Row{row})}, release.Meta{
		AsOf: now, HorizonEnd: now.Add(24 * time.Hour), CreatedAt: now,
		Editions: []release.Edition{{Name: "tv", Application: "tv", Countries: []ovenbird.Country{"FI"}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	head, err := w.store.Publish(ctx, w.last.Ref())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Notify()
	return string(head.Version())
}

// client returns a client to the origin and to others.
func (w *world) client(others ...string) *Client {
	w.t.Helper()
	return newClient(w.t, append([]string{w.server.URL}, others...)...)
}

func newClient(t *testing.T, urls ...string) *Client {
	t.Helper()
	c, err := NewClient(ClientConfig{URLs: urls, Token: func() (string, error) { return goodToken, nil }, Stall: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// answer is what an http.Response has, with a body that the end of the test closes.
type answer struct {
	Status     string
	StatusCode int
	Header     http.Header
	Body       io.Reader
}

// do sends a request with the token and the given headers, names and values.
func (w *world) do(method, path string, headers ...[2]string) answer {
	w.t.Helper()
	return w.send(w.t.Context(), method, path, "", headers...)
}

func (w *world) send(ctx context.Context, method, path, body string, headers ...[2]string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+goodToken)
	for _, h := range headers {
		r.Header.Set(h[0], h[1])
	}
	response, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = response.Body.Close() })
	return answer{response.Status, response.StatusCode, response.Header, response.Body}
}

// until waits until ok, or until the test's time is up.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("in vain: %s", what)
		}
	}
}

var errGone = errors.New("the database is gone")
