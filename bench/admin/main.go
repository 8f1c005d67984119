// Command admin measures the admin API over real connections: reading one title,
// a page of titles, and edits with If-Match, on SQLite and, where it is
// installed, on PostgreSQL.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ovenbird/internal/admin"
	"ovenbird/internal/bucket"
	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/draft"
	"ovenbird/internal/facts"
	"ovenbird/internal/ledger"
	"ovenbird/internal/release"
	"ovenbird/internal/webhook"
)

// figures are what was measured on one database.
type figures struct {
	Database string `json:"database"`
	Titles   int    `json:"titles"`
	Clients  int    `json:"clients"`
	Get      rate   `json:"get"`
	List     rate   `json:"list"`  // pages of 100
	Patch    rate   `json:"patch"` // each client edits titles of its own
}

// rate is how fast requests were answered.
type rate struct {
	PerSecond float64 `json:"per_second"`
	CPU       float64 `json:"cpu_ms"` // of client and server, for each; not PostgreSQL's
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
}

func main() {
	titles := flag.Int("titles", 10_000, "titles in the catalog")
	clients := flag.Int("clients", 8, "requests at once")
	each := flag.Duration("time", 3*time.Second, "how long each is measured")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	flag.Parse()
	if err := run(context.Background(), *titles, *clients, *each, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, titles, clients int, each time.Duration, asJSON bool) (err error) {
	dir, err := os.MkdirTemp("", "admin")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	places := []struct {
		name string
		at   database.Config
	}{{"SQLite", database.Config{Path: filepath.Join(dir, "catalog.db")}}}
	cluster, err := databasetest.Start(ctx, databasetest.Config{Durable: true})
	switch {
	case errors.Is(err, databasetest.ErrNotInstalled):
		fmt.Fprintln(os.Stderr, "PostgreSQL is left out:", err)
	case err != nil:
		return err
	default:
		defer func() { err = errors.Join(err, cluster.Stop()) }()
		url, err := cluster.Create(ctx)
		if err != nil {
			return err
		}
		places = append(places, struct {
			name string
			at   database.Config
		}{"PostgreSQL", database.Config{URL: url}})
	}
	for _, place := range places {
		f, err := measure(ctx, place.at, titles, clients, each)
		if err != nil {
			return fmt.Errorf("on %s: %w", place.name, err)
		}
		f.Database = place.name
		if err := show(f, asJSON); err != nil {
			return err
		}
	}
	return nil
}

func show(f figures, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(f)
	}
	fmt.Printf("%s, %d titles, %d clients\n", f.Database, f.Titles, f.Clients)
	for _, line := range []struct {
		name string
		rate
	}{{"get", f.Get}, {"list", f.List}, {"patch", f.Patch}} {
		fmt.Printf("  %-6s %8.0f/s  cpu %6.2f ms  p50 %6.2f ms  p99 %6.2f ms\n", line.name, line.PerSecond, line.CPU, line.P50, line.P99)
	}
	return nil
}

// measure fills a catalog and asks an API on it.
func measure(ctx context.Context, at database.Config, titles, clients int, each time.Duration) (f figures, err error) {
	db, err := database.Open(ctx, at)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	store, err := catalog.New(ctx, catalog.Config{}, catalog.Deps{DB: db})
	if err != nil {
		return f, err
	}
	if err := fill(ctx, store, titles); err != nil {
		return f, err
	}
	objects := bucket.OpenMemory()
	defer func() { err = errors.Join(err, objects.Close()) }()
	releases, err := release.Open(objects, release.Config{})
	if err != nil {
		return f, err
	}
	drafts, err := draft.New(ctx, draft.Deps{DB: db, Catalog: store})
	if err != nil {
		return f, err
	}
	hooks, err := webhook.New(ctx, webhook.Config{}, db, nil)
	if err != nil {
		return f, err
	}
	records, err := ledger.New(ctx, ledger.Deps{DB: db})
	if err != nil {
		return f, err
	}
	api, err := admin.New(ctx, admin.Config{Rules: &facts.Rules{}}, admin.Deps{
		DB: db, Catalog: store, Releases: releases, Bakes: noOven{}, Drafts: drafts, Webhooks: hooks, Ledger: records,
	})
	if err != nil {
		return f, err
	}
	secret, _, err := api.Tokens.Create(ctx, "bench", admin.Editor, time.Time{})
	if err != nil {
		return f, err
	}
	server := httptest.NewServer(api)
	defer server.Close()
	c := client{http: server.Client(), url: server.URL + admin.Prefix, token: secret, titles: titles}
	c.http.Transport = &http.Transport{MaxIdleConnsPerHost: clients}
	f.Titles, f.Clients = titles, clients
	for _, kind := range []struct {
		rate *rate
		ask  func(ctx context.Context, n, client int) error
	}{{&f.Get, c.get}, {&f.List, c.list}, {&f.Patch, c.patch}} {
		if *kind.rate, err = load(ctx, clients, each, kind.ask); err != nil {
			return f, err
		}
	}
	return f, nil
}

// noOven bakes nothing.
type noOven struct{}

func (noOven) Submit(context.Context, admin.BakeRequest) (string, error) { return "", nil }

func (noOven) Find(context.Context, string) (admin.Bake, error) { return admin.Bake{}, nil }

// fill writes titles as a provider has them: with texts in some languages.
func fill(ctx context.Context, store *catalog.Store, titles int) error {
	text := func(words string) catalog.Translations {
		return catalog.Translations{"en": words, "fi": words, "sv": words, "de": words}
	}
	var records []catalog.Record
	for i := range titles {
		records = append(records, catalog.Record{Type: catalog.TypeTitle, ID: title(i), Title: &catalog.TitleRecord{
			Kind: "movie", Year: 1950 + i%75, RuntimeSeconds: 5400, Genres: []string{"comedy", "family"}, Origins: []string{"NL"},
			Cast: []string{"Ann Example", "Bob Example"},
			Texts: &catalog.TitleTexts{
				Name:     text(fmt.Sprintf("Title %d", i)),
				Synopsis: text(strings.Repeat("What happens in it is told here. ", 8)),
			},
			Images: []catalog.ImageRecord{{Role: "poster", URL: "https://images.example/" + title(i) + ".jpg", Width: 600, Height: 900}},
		}})
	}
	for chunk := range slices.Chunk(records, 1000) {
		if _, err := store.Apply(ctx, catalog.Batch{Actor: "bench", Records: chunk, Atomic: true}); err != nil {
			return err
		}
	}
	return nil
}

func title(n int) string { return fmt.Sprintf("title-%06d", n) }

// client asks the API.
type client struct {
	http   *http.Client
	url    string
	token  string
	titles int
}

// ask sends a request and returns the tag of what came back.
func (c *client) ask(ctx context.Context, method, path, body, ifMatch string) (tag string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if ifMatch != "" {
		r.Header.Set("If-Match", ifMatch)
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := c.http.Do(r)
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return response.Header.Get("ETag"), nil
}

func (c *client) get(ctx context.Context, n, _ int) error {
	_, err := c.ask(ctx, http.MethodGet, "/titles/"+title(n*7919%c.titles), "", "")
	return err
}

func (c *client) list(ctx context.Context, _, _ int) error {
	_, err := c.ask(ctx, http.MethodGet, "/titles?kind=movie&limit=100", "", "")
	return err
}

// patch reads a title and changes what it has read: two requests, one edit.
func (c *client) patch(ctx context.Context, n, client int) error {
	own := max(1, c.titles/64) // titles of this client alone
	path := "/titles/" + title((client*own+n%own)%c.titles)
	tag, err := c.ask(ctx, http.MethodGet, path, "", "")
	if err != nil {
		return err
	}
	_, err = c.ask(ctx, http.MethodPatch, path, fmt.Sprintf(`{"sort_key":"%d"}`, n), tag)
	return err
}

// load asks from several clients, each after the answer to its last request.
func load(ctx context.Context, clients int, each time.Duration, ask func(ctx context.Context, n, client int) error) (rate, error) {
	var wg sync.WaitGroup
	var asked atomic.Int64
	took := make([][]time.Duration, clients)
	failed := make([]error, clients)
	began, before := time.Now(), cpu()
	for i := range clients {
		wg.Go(func() {
			for time.Since(began) < each && failed[i] == nil {
				sent := time.Now()
				failed[i] = ask(ctx, int(asked.Add(1)), i)
				took[i] = append(took[i], time.Since(sent))
			}
		})
	}
	wg.Wait()
	whole, used := time.Since(began), cpu()-before
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	if err := errors.Join(failed...); err != nil {
		return rate{}, err
	}
	at := func(share float64) float64 { return all[int(share*float64(len(all)-1))].Seconds() * 1000 }
	n := float64(len(all))
	return rate{PerSecond: n / whole.Seconds(), CPU: used.Seconds() * 1000 / n, P50: at(0.5), P99: at(0.99)}, nil
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
