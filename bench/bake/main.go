// Command bake measures bakes of a generated catalog: everything, nothing, and
// single edits, into a bucket on disk. Its flags:
//
//	-titles N        titles in the catalog, at least (1000)
//	-countries N     countries of each application, all at most (250)
//	-applications N  applications (12)
//	-edits N         edits of one title's name each (50)
//	-seed N          the same catalog for the same seed (1)
//	-json            print one JSON object instead of lines
//
// The worldwide service that the project is made for has 10,000 titles.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/bake/baketest"
	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// figures are what a run measures.
type figures struct {
	LogicalDocuments  int     `json:"logical_documents"`
	DistinctDocuments int     `json:"distinct_documents"` // documents, templates of lists and cards that differ
	Rendered          int64   `json:"rendered"`           // by the full bake, those that came out the same included
	ColdSeconds       float64 `json:"cold_seconds"`
	PeakRSS           int64   `json:"peak_rss_bytes"`   // after the full bake, catalog and all
	BytesWritten      int64   `json:"bytes_written"`    // by the full bake
	ObjectsWritten    int     `json:"objects_written"`  // in the bucket: packs and the head
	RequestCost       float64 `json:"request_cost_usd"` // of the full bake, at S3's prices
	UnchangedSeconds  float64 `json:"unchanged_seconds"`
	EditP50           float64 `json:"edit_p50_ms"` // update, commit, publish
	EditP99           float64 `json:"edit_p99_ms"`
	EditObjects       float64 `json:"edit_objects_written"` // per edit
	EditBytes         float64 `json:"edit_bytes_written"`   // per edit
}

// What S3 asks for a thousand requests, in USD, in its standard class in Ireland.
const (
	putPrice = 0.005 / 1000
	getPrice = 0.0004 / 1000
)

// counter is a sink that counts what goes through it.
type counter struct {
	writer *release.Writer
	added  *atomic.Int64
	ctx    func() context.Context
}

// Add writes an object of the release.
func (c counter) Add(body []byte) (release.Hash, error) {
	c.added.Add(1)
	return c.writer.Add(c.ctx(), body)
}

// size is how much to bake.
type size struct {
	titles, countries, applications, edits int
	seed                                   uint64
}

func main() {
	var z size
	flag.IntVar(&z.titles, "titles", 1000, "titles in the catalog, at least")
	flag.IntVar(&z.countries, "countries", 250, "countries of each application")
	flag.IntVar(&z.applications, "applications", 12, "applications")
	flag.IntVar(&z.edits, "edits", 50, "edits of one title's name each")
	flag.Uint64Var(&z.seed, "seed", 1, "seed of the catalog")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	var f figures
	err := errors.New("titles, countries, applications and edits must be more than 0")
	if min(z.titles, z.countries, z.applications, z.edits) > 0 {
		f, err = measure(context.Background(), z)
	}
	if err == nil {
		err = show(f, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/bake:", err)
		os.Exit(1)
	}
}

func show(f figures, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(f)
	}
	_, err := fmt.Printf("logical documents  %d\ndistinct           %d\nrendered           %d\n"+
		"cold bake          %.3f s, %d bytes in %d objects, %.4f USD of requests\npeak memory        %d MiB\n"+
		"unchanged update   %.4f s\none edit, p50      %.1f ms\none edit, p99      %.1f ms\n"+
		"one edit writes    %.0f bytes in %.1f objects\n",
		f.LogicalDocuments, f.DistinctDocuments, f.Rendered,
		f.ColdSeconds, f.BytesWritten, f.ObjectsWritten, f.RequestCost, f.PeakRSS>>20,
		f.UnchangedSeconds, f.EditP50, f.EditP99, f.EditBytes, f.EditObjects)
	return err
}

// run is one catalog on its way through releases.
type run struct {
	bucket   *bucket.Bucket
	store    *release.Store
	program  *bake.Program
	snapshot *ovenbird.Snapshot
	now      time.Time
	state    *bake.State
	parent   *release.Release
	added    atomic.Int64
}

func measure(ctx context.Context, z size) (f figures, err error) {
	dir, err := os.MkdirTemp("", "bench-bake-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := bucket.OpenDisk(ctx, dir)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	all := ovenbird.AllCountries()
	all = all[:min(z.countries, len(all))]
	r := &run{bucket: b, now: time.Now().UTC()}
	if r.store, err = release.Open(b, release.Config{}); err != nil {
		return f, err
	}
	if r.program, err = baketest.Program(z.applications, ovenbird.NewCountrySet(all...), baketest.Sources(true), baketest.Sources(false)); err != nil {
		return f, err
	}
	snapshot, tops := baketest.Catalog(z.seed, z.titles, r.now, all)
	r.snapshot = snapshot
	if err := r.full(ctx, &f); err != nil {
		return f, err
	}
	err = r.updates(ctx, &f, tops, z.edits)
	return f, err
}

// full bakes everything.
func (r *run) full(ctx context.Context, f *figures) error {
	start := time.Now()
	if err := r.bake(ctx, ovenbird.Touched{}, true); err != nil {
		return err
	}
	f.ColdSeconds = time.Since(start).Seconds()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	f.PeakRSS = usage.Maxrss * 1024
	f.Rendered, f.LogicalDocuments = r.added.Load(), r.state.Content.Tree.Documents()
	distinct := make(map[release.Hash]bool)
	for row := range r.state.Content.Tree.All() {
		for _, class := range row.Classes {
			distinct[class.Object] = true
		}
	}
	f.DistinctDocuments = len(distinct)
	var err error
	f.ObjectsWritten, f.BytesWritten, err = r.written(ctx)
	// A pack is put once; the head is read, put, and read again.
	f.RequestCost = float64(f.ObjectsWritten)*putPrice + 2*getPrice
	return err
}

// updates bakes nothing, then single edits.
func (r *run) updates(ctx context.Context, f *figures, titles []ovenbird.TitleID, edits int) error {
	start := time.Now()
	if err := r.bake(ctx, ovenbird.Touched{}, false); err != nil {
		return err
	}
	f.UnchangedSeconds = time.Since(start).Seconds()
	objects, bytes, err := r.written(ctx)
	if err != nil {
		return err
	}
	var took []float64
	for i := range edits {
		start = time.Now()
		touched := r.edit(titles[i*len(titles)/edits], i)
		if err := r.bake(ctx, touched, true); err != nil {
			return err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
	}
	slices.Sort(took)
	f.EditP50, f.EditP99 = took[len(took)/2], took[len(took)*99/100]
	objectsAfter, bytesAfter, err := r.written(ctx)
	// The head is one object, written by each edit.
	f.EditObjects = float64(objectsAfter-objects)/float64(edits) + 1
	f.EditBytes = float64(bytesAfter-bytes) / float64(edits)
	return err
}

// written returns what lies in the bucket.
func (r *run) written(ctx context.Context) (objects int, bytes int64, err error) {
	for info, err := range r.bucket.List(ctx, "") {
		if err != nil {
			return 0, 0, err
		}
		objects++
		bytes += info.Size
	}
	return objects, bytes, nil
}

// edit gives a title another name.
func (r *run) edit(id ovenbird.TitleID, i int) ovenbird.Touched {
	title := *r.snapshot.Titles[id]
	title.Texts = ovenbird.Texts{ovenbird.Name: {"en": fmt.Sprintf("Edited %d", i)}}
	touched := ovenbird.Touched{Titles: []ovenbird.TitleID{id}}
	r.snapshot = r.snapshot.With(ovenbird.Edit{
		Sequence: r.snapshot.Sequence + 1, Touched: touched,
		Titles: []*ovenbird.Title{&title}, Licenses: r.snapshot.Licenses[id],
	})
	return touched
}

// bake makes the next state and, if it is asked to, publishes its release.
func (r *run) bake(ctx context.Context, touched ovenbird.Touched, publish bool) error {
	w, err := r.store.Begin(ctx, r.parent)
	if err != nil {
		return err
	}
	sink := counter{writer: w, added: &r.added, ctx: func() context.Context { return ctx }}
	if r.state == nil {
		r.state, err = bake.Full(ctx, r.program, r.snapshot, r.now, sink)
	} else {
		r.state, err = bake.Update(ctx, r.state, r.snapshot, touched, r.now, sink)
	}
	if err != nil || !publish {
		return err
	}
	r.parent, err = w.Commit(ctx, r.state.Content, release.Meta{
		AsOf: r.now, HorizonEnd: r.now.Add(r.program.Horizon), CreatedAt: time.Now().UTC(),
		CatalogSequence: r.snapshot.Sequence, Site: r.program.Site,
	})
	if err != nil {
		return err
	}
	_, err = r.store.Publish(ctx, r.parent.Ref())
	return err
}
