package purge_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/purge"
	"ovenbird/internal/release"
)

// rows are bodies by path and countries (codes with spaces between). A body may
// have one slot, {{name}}, for a card.
type rows map[string]map[string]string

func card(name string) string { return release.CardPath("card", ovenbird.TitleID(name)) }

// origin is an edge over a store of its own, as caches reach it.
type origin struct {
	t     *testing.T
	store *release.Store
	last  *release.Release
	edge  *edge.Edge
	blank *edge.Edge // without a release
	url   string     // host:port

	mu    sync.Mutex
	asked map[string]int // requests for a path, and those of them that were answered with 304
	same  map[string]int
	// ahead is called with each request; it may answer it.
	ahead atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

// newOrigin returns an edge that tells target, if there is one.
func newOrigin(t *testing.T, c edge.Config, target string) *origin {
	t.Helper()
	o := &origin{t: t, asked: make(map[string]int), same: make(map[string]int)}
	memory := bucket.OpenMemory()
	t.Cleanup(func() { _ = memory.Close() })
	var err error
	if o.store, err = release.Open(memory, release.Config{}); err != nil {
		t.Fatal(err)
	}
	deps := edge.Deps{Releases: o.store}
	if target != "" {
		service := newService(t, target, o.store)
		deps.Prepare = service.Prepare
		deps.Progress = func(p edge.Progress) { service.Serving(p.Release) }
	}
	if o.edge, err = edge.New(c, deps); err != nil {
		t.Fatal(err)
	}
	if o.blank, err = edge.New(c, edge.Deps{Releases: o.store}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.url = server.Listener.Addr().String()
	return o
}

// newService returns a running service of whose target it is known that there is
// nothing to tell.
func newService(t *testing.T, target string, store *release.Store) *purge.Service {
	t.Helper()
	journal := filepath.Join(t.TempDir(), "purges.json")
	if err := os.WriteFile(journal, fmt.Appendf(nil, `{"owed":{%q:{}}}`, target), 0o600); err != nil {
		t.Fatal(err)
	}
	service, err := purge.New(purge.Config{Targets: []string{target}, Journal: journal}, purge.Deps{Releases: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return service
}

// ServeHTTP counts what is asked and answered.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/readyz" {
		o.edge.ServeHTTP(w, r)
		return
	}
	o.mu.Lock()
	o.asked[r.URL.Path]++
	o.mu.Unlock()
	if ahead := o.ahead.Load(); ahead != nil && (*ahead)(w, r) {
		return
	}
	recorded := &status{ResponseWriter: w}
	o.edge.ServeHTTP(recorded, r)
	if recorded.code == http.StatusNotModified {
		o.mu.Lock()
		o.same[r.URL.Path]++
		o.mu.Unlock()
	}
}

type status struct {
	http.ResponseWriter

	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// count returns how often a path was asked for.
func (o *origin) count(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[path]
}

func (o *origin) revalidated(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.same[path]
}

// publish publishes a release, with other rows from an instant on, and makes the
// edge serve it.
func (o *origin) publish(all rows, from time.Time, then rows) {
	o.t.Helper()
	ctx := o.t.Context()
	w, err := o.store.Begin(ctx, o.last)
	if err != nil {
		o.t.Fatal(err)
	}
	content := release.Content{Tree: release.NewTree(o.rows(w, all))}
	if then != nil {
		content.Patches = []release.Patch{release.NewPatch(from, o.rows(w, then))}
	}
	now := time.Now()
	o.last, err = w.Commit(ctx, content, release.Meta{
		AsOf: now, HorizonEnd: now.Add(24 * time.Hour), CreatedAt: now,
		Editions: []release.Edition{{Name: "tv", Application: "tv", Countries: []ovenbird.Country{"FI", "SE"}}},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.store.Publish(ctx, o.last.Ref()); err != nil {
		o.t.Fatal(err)
	}
	if err := o.edge.Follow(ctx); err != nil {
		o.t.Fatal(err)
	}
}

func (o *origin) rows(w *release.Writer, all rows) []release.Row {
	o.t.Helper()
	var made []release.Row
	for path, bodies := range all {
		var classes []release.Class
		for codes, body := range bodies {
			if before, rest, ok := strings.Cut(body, "{{"); ok {
				slot, after, _ := strings.Cut(rest, "}}")
				body = string(release.Template{Literals: []string{before, after}, Slots: []string{card(slot)}}.Encode())
			}
			h, err := w.Add(o.t.Context(), []byte(body))
			if err != nil {
				o.t.Fatal(err)
			}
			var countries ovenbird.CountrySet
			for code := range strings.FieldsSeq(codes) {
				countries = countries.With(ovenbird.Country(code))
			}
			classes = append(classes, release.Class{Countries: countries, Object: h})
		}
		made = append(made, release.NewRow(release.Key{Edition: "tv", Path: path}, classes))
	}
	return made
}

// installed finds a program that `make setup` puts there. In CI it has to be.
func installed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("make setup installs ", program)
	}
	return ""
}

// freeAddress returns host:port where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nobody connected
	return l.Addr().String()
}

// configure writes a configuration of docs/cdn into a folder, with other values in
// place of those that it has, and returns its path.
func configure(t *testing.T, name string, values ...string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "docs", "cdn", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for i := 0; i < len(values); i += 2 {
		if !strings.Contains(text, values[i]) {
			t.Fatalf("docs/cdn/%s has no %q", name, values[i])
		}
		text = strings.ReplaceAll(text, values[i], values[i+1])
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a server until the test ends, and returns when it listens.
func run(t *testing.T, address, program string, arguments ...string) {
	t.Helper()
	var output strings.Builder
	command := exec.Command(program, arguments...) //nolint:noctx // it is stopped below
	command.Stdout, command.Stderr = &output, &output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		<-ended //nolint:errcheck // it was told to end
		if t.Failed() {
			said := output.String()
			t.Logf("%s: … %s", program, said[max(0, len(said)-2000):])
		}
	})
	eventually(t, program+" listens", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s: %v", program, err)
		default:
		}
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
}

// eventually waits for something that takes an unknown, short time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	tooLong := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-tooLong:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// viewer asks a cache from an address of its own. It keeps nothing and unpacks nothing.
type viewer struct {
	t      *testing.T
	cache  string // host:port
	client *http.Client
}

func newViewer(t *testing.T, cache, address string) viewer {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return viewer{t, cache, &http.Client{Transport: transport}}
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   string
}

func (v viewer) get(path string, headers ...string) answer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, "http://"+v.cache+path, http.NoBody)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	response, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func (a answer) want(t *testing.T, status int, body string) answer {
	t.Helper()
	if a.status != status || body != "" && a.body != body {
		t.Errorf("got %d %q, want %d %q", a.status, a.body, status, body)
	}
	return a
}
