package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/bake/baketest"
	"ovenbird/internal/bucket"
	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/edge"
	"ovenbird/internal/engine"
	"ovenbird/internal/origin"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/spread"
)

// oven is what `ovenbird up` consists of, as far as a bake and an edge need it.
type oven struct {
	dir      string
	tops     []ovenbird.TitleID
	database *database.DB
	catalog  *catalog.Store
	bucket   *bucket.Bucket
	releases *release.Store
	engine   *engine.Engine
	bakes    *bake.Service
	mu       sync.Mutex
	steps    []bake.Steps // of the releases that were published, the first included
	serving  *edge.Edge
	origin   *origin.Origin
	endpoint *edge.Server // where the origin is
	switches chan moment  // of the edge in this process
	changes  chan struct{}
	undo     []func(context.Context) error // what to end, the last first
}

// newOven fills a catalog, and starts an engine. Nothing is baked yet.
func newOven(ctx context.Context, z size) (_ *oven, err error) {
	dir, err := os.MkdirTemp("", "bench-bake-")
	if err != nil {
		return nil, err
	}
	o := &oven{dir: dir, switches: make(chan moment, 64), changes: make(chan struct{}, 1)}
	o.last(func(context.Context) error { return os.RemoveAll(dir) })
	if err := o.open(ctx, z); err != nil {
		return nil, errors.Join(err, o.close(ctx))
	}
	return o, nil
}

func (o *oven) open(ctx context.Context, z size) (err error) {
	if o.database, err = database.Open(ctx, database.Config{Path: filepath.Join(o.dir, "catalog.db")}); err != nil {
		return err
	}
	o.last(func(context.Context) error { return o.database.Close() })
	if o.bucket, err = bucket.OpenDisk(ctx, o.folder()); err != nil {
		return err
	}
	o.last(func(context.Context) error { return o.bucket.Close() })
	if o.releases, err = release.Open(o.bucket, release.Config{}); err != nil {
		return err
	}
	countries := ovenbird.AllCountries()
	countries = countries[:min(z.countries, len(countries))]
	generated, tops := baketest.Catalog(z.seed, z.titles, time.Now().UTC(), countries)
	o.tops = tops
	if o.catalog, err = catalog.New(ctx, catalog.Config{}, catalog.Deps{DB: o.database, Changed: o.changed}); err != nil {
		return err
	}
	if err := fill(ctx, o.catalog, generated); err != nil {
		return err
	}
	program, err := baketest.Program(z.applications, ovenbird.NewCountrySet(countries...), baketest.Sources(true), baketest.Sources(false))
	if err != nil {
		return err
	}
	return o.heat(ctx, program)
}

// heat makes everything that `ovenbird up` runs, and starts the engine.
func (o *oven) heat(ctx context.Context, program *bake.Program) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if o.engine, err = engine.New(ctx, engine.Config{Path: filepath.Join(o.dir, "engine.db"), Log: log}); err != nil {
		return err
	}
	o.last(o.engine.Stop)
	if o.serving, err = edge.New(edge.Config{}, edge.Deps{Releases: o.releases, Progress: progressTo(o.switches), Log: log}); err != nil {
		return err
	}
	o.origin, err = origin.New(origin.Config{}, origin.Deps{Objects: o.bucket, Tokens: anybody{}, Reports: nobody{}, Log: log})
	if err != nil {
		return err
	}
	o.endpoint = edge.NewServer("127.0.0.1:0", o.origin, log)
	o.bakes, err = bake.New(bake.Config{Program: program, Editions: baketest.Editions(program), Log: log}, bake.Deps{
		Catalog: o.catalog, Releases: o.releases, Engine: o.engine, Origin: o.catalog.Origin, Changes: o.changes,
		Published: func() { o.origin.Notify(); o.serving.Notify() },
		Steps:     func(_ context.Context, _ string, steps bake.Steps) { o.took(steps) },
	})
	if err != nil {
		return err
	}
	return o.engine.Start(ctx, nil)
}

// changed says that the catalog was changed.
func (o *oven) changed() {
	select {
	case o.changes <- struct{}{}:
	default: // what was not noticed yet does for this one
	}
}

// took notes how long the steps of a release took.
func (o *oven) took(steps bake.Steps) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps = append(o.steps, steps)
}

// stepsTaken returns how long the steps of all releases took.
func (o *oven) stepsTaken() []bake.Steps {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.steps)
}

// serve starts to watch the catalog, and the edges.
func (o *oven) serve(ctx context.Context) error {
	for _, s := range []interface {
		Start(ctx context.Context, fail func(error)) error
		Stop(ctx context.Context) error
	}{o.serving, o.endpoint, o.origin, o.bakes} {
		if err := s.Start(ctx, func(error) {}); err != nil {
			return err
		}
		o.last(s.Stop)
	}
	return nil
}

// folder is where the bucket lies.
func (o *oven) folder() string { return filepath.Join(o.dir, "bucket") }

func (o *oven) last(end func(context.Context) error) { o.undo = append(o.undo, end) }

func (o *oven) close(ctx context.Context) (err error) {
	for _, end := range slices.Backward(o.undo) {
		err = errors.Join(err, end(ctx))
	}
	return err
}

// written returns what lies in the bucket.
func (o *oven) written(ctx context.Context) (objects int, bytes int64, err error) {
	for info, err := range o.bucket.List(ctx, "") {
		if err != nil {
			return 0, 0, err
		}
		objects++
		bytes += info.Size
	}
	return objects, bytes, nil
}

// anybody is admitted to the origin of a measurement.
type anybody struct{}

// Admit admits everybody.
func (anybody) Admit(context.Context, string) error { return nil }

// nobody wants to know what edges report.
type nobody struct{}

// Report forgets what it is told.
func (nobody) Report(context.Context, spread.Report) error { return nil }
