package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/admin"
	"ovenbird/internal/bucket"
	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/draft"
	"ovenbird/internal/facts"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/webhook"
)

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t) }

// world is an API on real stores, with a token for each role.
type world struct {
	t        testing.TB
	db       *database.DB
	api      *admin.API
	catalog  *catalog.Store
	releases *release.Store
	bakes    *oven
	drafts   *draft.Store
	webhooks *webhook.Store
	tokens   map[admin.Role]string
	clock    *clock
}

// clock is the time, as the test wants it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// oven stands for the bake service.
type oven struct{ asked []admin.BakeRequest }

func (o *oven) Submit(_ context.Context, r admin.BakeRequest) (string, error) {
	o.asked = append(o.asked, r)
	return fmt.Sprintf("bake-%d", len(o.asked)), nil
}

func (o *oven) Find(_ context.Context, id string) (admin.Bake, error) {
	if id != "bake-1" || len(o.asked) == 0 {
		return admin.Bake{}, ovenbird.Errorf(ovenbird.NotFound, "there is no bake %q", id)
	}
	return admin.Bake{ID: id, Status: admin.BakePublished, Release: "r1"}, nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldIn(t, databasetest.Empty(t), admin.Config{})
}

func worldIn(t testing.TB, at database.Config, cfg admin.Config) *world {
	t.Helper()
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{t: t, db: db, bakes: &oven{}, tokens: make(map[admin.Role]string), clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	if w.catalog, err = catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	objects := bucket.OpenMemory()
	t.Cleanup(func() { _ = objects.Close() })
	if w.releases, err = release.Open(objects, release.Config{}); err != nil {
		t.Fatal(err)
	}
	cfg.Rules, cfg.Editions = &facts.Rules{}, []*facts.Edition{{Application: "tv", Countries: ovenbird.NewCountrySet("FI", "SE"), MaxAge: facts.NoMaxAge}}
	cfg.Poll = time.Millisecond
	records, err := ledger.New(t.Context(), ledger.Deps{DB: db, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if w.drafts, err = draft.New(t.Context(), draft.Deps{DB: db, Catalog: w.catalog, Ledger: records, Now: w.clock.Now}); err != nil {
		t.Fatal(err)
	}
	if w.webhooks, err = webhook.New(t.Context(), webhook.Config{Ledger: records}, db, w.clock.Now); err != nil {
		t.Fatal(err)
	}
	w.api, err = admin.New(t.Context(), cfg, admin.Deps{DB: db, Catalog: w.catalog, Releases: w.releases, Bakes: w.bakes, Drafts: w.drafts, Webhooks: w.webhooks, Ledger: records, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.api.Stop(context.Background()) })
	for _, role := range admin.Roles() {
		if w.tokens[role], _, err = w.api.Tokens.Create(t.Context(), string(role)+" token", role, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// problem reads a problem document.
func (r reply) problem(t testing.TB) admin.Problem {
	t.Helper()
	var p admin.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("no problem document: %v: %s", err, r)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" || p.Status != r.status || p.Type == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("a bad problem document (%s): %s", got, r)
	}
	return p
}

// ask sends a request with a role's token. Headers are given as name, value….
func (w *world) ask(role admin.Role, method, path, body string, headers ...string) reply {
	w.t.Helper()
	return w.askContext(w.t.Context(), role, method, path, body, headers...)
}

func (w *world) askContext(ctx context.Context, role admin.Role, method, path, body string, headers ...string) reply {
	w.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, admin.Prefix+path, strings.NewReader(body))
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+w.tokens[role])
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) reply {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r)
	result := recorder.Result()
	defer result.Body.Close() //nolint:errcheck // a recorder's
	body, err := io.ReadAll(result.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{result.StatusCode, result.Header, string(bytes.TrimSpace(body))}
}

// want fails the test where a reply has another status.
func (w *world) want(status int, r reply) reply {
	w.t.Helper()
	if r.status != status {
		w.t.Fatalf("got %s\nwant %d", r, status)
	}
	return r
}

// create puts a new record.
func (w *world) create(path, body string) reply {
	w.t.Helper()
	return w.want(http.StatusCreated, w.ask(admin.Editor, "PUT", path, body, "If-None-Match", "*"))
}

func (w *world) get(path string) reply {
	w.t.Helper()
	return w.want(http.StatusOK, w.ask(admin.Viewer, "GET", path, ""))
}

// fields lists the locations of a problem's errors.
func fields(p admin.Problem) string {
	var list []string
	for _, e := range p.Errors {
		list = append(list, e.Location)
	}
	return strings.Join(list, " ")
}

// publish publishes a release with one document, and returns its id.
func (w *world) publish(n int) string {
	w.t.Helper()
	head, err := w.releases.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var parent *release.Release
	if kept, ok := head.CurrentRelease(); ok {
		if parent, err = w.releases.Load(w.t.Context(), kept.Ref); err != nil {
			w.t.Fatal(err)
		}
	}
	writer, err := w.releases.Begin(w.t.Context(), parent)
	if err != nil {
		w.t.Fatal(err)
	}
	object, err := writer.Add(w.t.Context(), fmt.Appendf(nil, `{"n":%d}`, n))
	if err != nil {
		w.t.Fatal(err)
	}
	everywhere := []release.Class{{Countries: ovenbird.Worldwide(), Object: object}}
	row := release.NewRow(release.Key{Edition: "tv", Path: "home.json"}, everywhere)
	asOf := w.clock.Now().Add(time.Duration(n) * time.Second)
	made, err := writer.Commit(w.t.Context(), release.Content{Tree: release.NewTree([]release.Row{row})}, release.Meta{
		AsOf: asOf, HorizonEnd: asOf.Add(24 * time.Hour), CreatedAt: asOf, CatalogSequence: int64(n), Site: "site",
		Editions: []release.Edition{{Name: "tv", Application: "tv", Countries: ovenbird.Worldwide().List()}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.releases.Publish(w.t.Context(), made.Ref()); err != nil {
		w.t.Fatal(err)
	}
	return made.Ref().ID
}
