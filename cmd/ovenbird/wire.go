package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/bucket"
	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/draft"
	"ovenbird/internal/engine"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/site"
	"ovenbird/internal/spread"
	"ovenbird/internal/trace"
	"ovenbird/internal/webhook"
)

// environment is an opened environment: its site and catalog, and its releases
// for the commands that need them.
type environment struct {
	site     *site.Site
	settings *site.Environment
	dir      string
	url      string // of the PostgreSQL database; "" is SQLite in dir
	database *database.DB
	catalog  *catalog.Store
	bucket   *bucket.Bucket // nil where a command needs no releases
	releases *release.Store
	drafts   *draft.Store   // nil but in a process that is up
	webhooks *webhook.Store // nil but in a process that is up
	tracer   *trace.Tracer  // nil where nobody traces
	changes  chan struct{}  // has something in it after this process has changed the catalog
	spread   *spread.Store  // nil where nobody asks how far releases have spread
	ledger   *ledger.Store  // nil where a command records nothing
}

// open opens the environment that the flags name, and makes it where it is new.
func (c *cli) open(ctx context.Context) (*environment, error) {
	loaded, err := c.loadSite(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := loaded.Environment(c.env)
	if err != nil {
		return nil, err
	}
	e := &environment{site: loaded, settings: settings, dir: filepath.Join(c.data, c.env), changes: make(chan struct{}, 1)}
	if e.url, err = c.databaseURL(settings); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(e.dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the environment's folder: %w", err)
	}
	if e.database, err = database.Open(ctx, database.Config{URL: e.url, Path: filepath.Join(e.dir, "catalog.db")}); err != nil {
		return nil, err
	}
	if err := e.openCatalog(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *environment) openCatalog(ctx context.Context) (err error) {
	groups := e.site.Content.Rules.Groups
	known := func(name string) bool { return groups[name] != nil }
	e.catalog, err = catalog.New(ctx, catalog.Config{KnownGroups: known}, catalog.Deps{DB: e.database, Changed: e.changed})
	return err
}

// changed notes that this process has changed the catalog.
func (e *environment) changed() {
	select {
	case e.changes <- struct{}{}:
	default: // what was not noticed yet does for this one
	}
}

func (e *environment) close() error {
	var failed error
	if e.bucket != nil {
		failed = e.bucket.Close()
	}
	return errors.Join(failed, e.database.Close())
}

// databaseURL is where the environment's database is: the flag goes before the
// environment's variable.
func (c *cli) databaseURL(settings *site.Environment) (string, error) {
	if c.database == "" {
		return settings.Database, nil
	}
	if err := site.CheckDatabase(c.database); err != nil {
		return "", ovenbird.Errorf(ovenbird.Invalid, "--database: %w", err)
	}
	return c.database, nil
}

// engine is where the engine's state is: in PostgreSQL with the catalog, or in a
// file beside it.
func (e *environment) engine() engine.Config {
	if e.url != "" {
		return engine.Config{URL: e.url}
	}
	return engine.Config{Path: filepath.Join(e.dir, "engine.db")}
}

// lock makes this process the one that runs the environment's engine. On
// PostgreSQL any number of processes may, and there is nothing to lock.
func (e *environment) lock() (unlock func() error, err error) {
	if e.url != "" {
		return func() error { return nil }, nil
	}
	return engine.Lock(filepath.Join(e.dir, "engine.lock"))
}

// baker returns the engine and the bake service on it, neither started.
func (e *environment) baker(
	ctx context.Context, log *slog.Logger, now func() time.Time, published func(),
) (*engine.Engine, *bake.Service, error) {
	if err := e.openSpread(ctx); err != nil {
		return nil, nil, err
	}
	state := e.engine()
	state.Log = log
	runs, err := engine.New(ctx, state)
	if err != nil {
		return nil, nil, err
	}
	content := &e.site.Content
	service, err := bake.New(bake.Config{
		Program: program(e.site), Editions: editions(content), Every: content.Schedule.Every, Debounce: content.Schedule.Debounce,
		Shrink: content.Releases.Shrink, Now: now, Log: log,
	}, bake.Deps{
		Catalog: e.catalog, Releases: e.releases, Engine: runs, Changes: e.changes, Published: published,
		Origin: e.catalog.Origin, Tracer: e.tracer,
		Steps: e.noteSteps(log),
	})
	if err != nil {
		return nil, nil, errors.Join(err, runs.Stop(ctx))
	}
	return runs, service, nil
}

// program is what a site asks to be baked.
func program(s *site.Site) *bake.Program {
	p := &bake.Program{
		Rules: s.Content.Rules, Horizon: s.Content.Schedule.Horizon, Site: s.Content.Hash,
		Everywhere: []bake.Fixed{{Path: site.VariationsPath, Body: s.Variations()}},
	}
	for _, a := range s.Content.Applications {
		p.Applications = append(p.Applications, bake.Application{Name: a.Name, Editions: a.Editions, Plans: a.Documents})
	}
	return p
}

// editions is what edges are told of a site's editions. A viewer who asks for no
// language gets the one that comes first in the country's locale chain, else the
// application's first.
func editions(content *site.Content) []release.Edition {
	var list []release.Edition
	for _, a := range content.Applications {
		first := len(list)
		for _, e := range a.Editions {
			list = append(list, release.Edition{
				Name: e.Name(), Application: a.Name, Language: string(e.Language), Countries: e.Countries.List(),
			})
		}
		if len(a.Languages) > 0 {
			chooseDefaults(content, a, list[first:])
		}
	}
	return list
}

func chooseDefaults(content *site.Content, a site.Application, list []release.Edition) {
	for _, code := range a.Countries.List() {
		country, _ := content.Country(code)
		chosen := -1
		for _, locale := range country.Locales {
			for i, e := range a.Editions {
				if chosen < 0 && e.Language == locale && e.Countries.Has(code) {
					chosen = i
				}
			}
		}
		for i, e := range a.Editions {
			if chosen < 0 && e.Countries.Has(code) {
				chosen = i
			}
		}
		if chosen >= 0 {
			list[chosen].DefaultCountries = append(list[chosen].DefaultCountries, code)
		}
	}
}
