package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/bake/baketest"
	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// workload is how much is baked: the catalog of bench/bake, with its documents.
type workload struct {
	titles, countries, applications int
	seed                            uint64
}

// publish bakes the workload into a bucket and publishes the release.
func (z workload) publish(ctx context.Context, store *release.Store, now time.Time) error {
	all := ovenbird.AllCountries()
	all = all[:min(z.countries, len(all))]
	program, err := baketest.Program(z.applications, ovenbird.NewCountrySet(all...), baketest.Sources(true), baketest.Sources(false))
	if err != nil {
		return err
	}
	snapshot, _ := baketest.Catalog(z.seed, z.titles, now, all)
	return publish(ctx, store, program, snapshot, now)
}

// publish bakes a catalog and publishes the release.
func publish(ctx context.Context, store *release.Store, program *bake.Program, snapshot *ovenbird.Snapshot, now time.Time) error {
	w, err := store.Begin(ctx, nil)
	if err != nil {
		return err
	}
	state, err := bake.Full(ctx, program, snapshot, now, sink{ctx, w})
	if err != nil {
		return err
	}
	made, err := w.Commit(ctx, state.Content, release.Meta{
		AsOf: now, HorizonEnd: now.Add(program.Horizon), CreatedAt: now, CatalogSequence: snapshot.Sequence, Site: program.Site,
		Editions: baketest.Editions(program),
	})
	if err != nil {
		return err
	}
	_, err = store.Publish(ctx, made.Ref())
	return err
}

// sink writes the objects of a bake.
type sink struct {
	ctx    context.Context //nolint:containedctx // a sink lives for one bake
	writer *release.Writer
}

// Add writes an object of the release.
func (s sink) Add(body []byte) (release.Hash, error) { return s.writer.Add(s.ctx, body) }

// enough is for how long a release that is used again must still tell the future.
const enough = time.Hour

// keep returns the folder in dir of a bucket with the workload's release, and the
// release: one that an earlier run left there, or a new one.
func (z workload) keep(ctx context.Context, dir string) (folder string, r *release.Release, err error) {
	folder = filepath.Join(dir, fmt.Sprintf("%d-%d-%d-%d", z.titles, z.countries, z.applications, z.seed))
	if r, err = current(ctx, folder); err == nil && r != nil && time.Until(r.Manifest().HorizonEnd) > enough {
		return folder, r, nil
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench/edge: baking anew: %v\n", err)
	}
	if err := os.RemoveAll(folder); err != nil {
		return "", nil, err
	}
	store, done, err := open(ctx, folder)
	if err != nil {
		return "", nil, err
	}
	if err := errors.Join(z.publish(ctx, store, time.Now().UTC()), done()); err != nil {
		return "", nil, err
	}
	r, err = current(ctx, folder)
	return folder, r, err
}

// current returns the release that a bucket's head names; nil where none is there.
func current(ctx context.Context, folder string) (*release.Release, error) {
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, which is no failure
	}
	store, _, err := open(ctx, folder) // it is read until the program ends
	if err != nil {
		return nil, err
	}
	head, err := store.Head(ctx)
	if err != nil {
		return nil, err
	}
	kept, ok := head.CurrentRelease()
	if !ok {
		return nil, nil //nolint:nilnil // the same
	}
	return store.Load(ctx, kept.Ref)
}

// open opens the bucket in a folder; done closes it.
func open(ctx context.Context, folder string) (store *release.Store, done func() error, err error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, nil, err
	}
	b, err := bucket.OpenDisk(ctx, folder)
	if err != nil {
		return nil, nil, err
	}
	store, err = release.Open(b, release.Config{})
	return store, b.Close, err
}

// sample is a document that is the same for as long as the release tells the
// future: what an edge must answer with.
type sample struct {
	path string // of the address
	body string
}

// sampleOf returns a title's document out of a release.
func sampleOf(ctx context.Context, r *release.Release) (sample, error) {
	content, err := r.Content(ctx)
	if err != nil {
		return sample{}, err
	}
	changes := make(map[release.Key]bool)
	for _, patch := range content.Patches {
		for _, row := range patch.Rows {
			changes[row.Key] = true
		}
	}
	for row := range content.Tree.All() {
		if changes[row.Key] || !strings.HasPrefix(row.Path, "titles/") {
			continue
		}
		class := row.Classes[0]
		body, err := r.Object(ctx, class.Object)
		if err != nil {
			return sample{}, err
		}
		if !release.IsTemplate(body) {
			path := "/" + string(class.Countries.List()[0]) + "/" + row.Edition + "/" + row.Path
			return sample{path, string(body)}, nil
		}
	}
	return sample{}, errors.New("the release has no title that stays as it is")
}
