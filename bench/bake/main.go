// Command bake measures bakes of a generated catalog: everything, nothing, and
// single edits, into a bucket on disk. Its flags:
//
//	-titles N        titles in the catalog, at least (1000)
//	-countries N     countries of each application (50)
//	-applications N  applications (4)
//	-seed N          the same catalog for the same seed (1)
//	-json            print one JSON object instead of lines
package main

import (
	"context"
	"encoding/json"
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
	"ovenbird/internal/shape"
)

// figures are what a run measures.
type figures struct {
	LogicalDocuments int     `json:"logical_documents"`
	Rendered         int64   `json:"rendered"` // objects that the full bake added
	ColdSeconds      float64 `json:"cold_seconds"`
	UnchangedSeconds float64 `json:"unchanged_seconds"`
	EditP50          float64 `json:"edit_p50_ms"`
	EditP99          float64 `json:"edit_p99_ms"` // of 20 edits: the slowest
	PeakRSS          int64   `json:"peak_rss_bytes"`
	BytesWritten     int64   `json:"bytes_written"`
	ObjectsWritten   int     `json:"objects_written"` // in the bucket: packs and the head
}

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

func main() {
	titles := flag.Int("titles", 1000, "titles in the catalog, at least")
	countries := flag.Int("countries", 50, "countries of each application")
	applications := flag.Int("applications", 4, "applications")
	seed := flag.Uint64("seed", 1, "seed of the catalog")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	f, err := measure(context.Background(), *titles, *countries, *applications, *seed)
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
	_, err := fmt.Printf("logical documents  %d\nobjects rendered   %d\ncold bake          %.3f s\nunchanged update   %.4f s\n"+
		"one edit, p50      %.1f ms\none edit, p99      %.1f ms\npeak memory        %d bytes\nwritten            %d bytes in %d objects\n",
		f.LogicalDocuments, f.Rendered, f.ColdSeconds, f.UnchangedSeconds, f.EditP50, f.EditP99, f.PeakRSS,
		f.BytesWritten, f.ObjectsWritten)
	return err
}

// run is one catalog on its way through releases.
type run struct {
	store    *release.Store
	program  *bake.Program
	snapshot *ovenbird.Snapshot
	now      time.Time
	state    *bake.State
	parent   *release.Release
	added    atomic.Int64
}

func measure(ctx context.Context, titles, countries, applications int, seed uint64) (f figures, err error) {
	dir, err := os.MkdirTemp("", "bench-bake-")
	if err != nil {
		return f, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := bucket.OpenDisk(ctx, dir)
	if err != nil {
		return f, err
	}
	defer func() { _ = b.Close() }()
	all := ovenbird.AllCountries()
	all = all[:min(countries, len(all))]
	r := &run{now: time.Now().UTC()}
	if r.store, err = release.Open(b, release.Config{}); err != nil {
		return f, err
	}
	if r.program, err = baketest.Program(applications, ovenbird.NewCountrySet(all...), sources()); err != nil {
		return f, err
	}
	snapshot, tops := baketest.Catalog(seed, titles, r.now, all)
	r.snapshot = snapshot
	if err := r.bakes(ctx, &f, tops); err != nil {
		return f, err
	}
	for info, err := range b.List(ctx, "") {
		if err != nil {
			return f, err
		}
		f.ObjectsWritten++
		f.BytesWritten += info.Size
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return f, err
	}
	f.PeakRSS = usage.Maxrss * 1024
	return f, nil
}

// The run: everything, then nothing, then 20 edits, each baked.
func (r *run) bakes(ctx context.Context, f *figures, titles []ovenbird.TitleID) error {
	start := time.Now()
	if err := r.bake(ctx, ovenbird.Touched{}, true); err != nil {
		return err
	}
	f.ColdSeconds = time.Since(start).Seconds()
	f.Rendered, f.LogicalDocuments = r.added.Load(), r.state.Content.Tree.Documents()
	start = time.Now()
	if err := r.bake(ctx, ovenbird.Touched{}, false); err != nil {
		return err
	}
	f.UnchangedSeconds = time.Since(start).Seconds()
	var took []float64
	for i := range 20 {
		start = time.Now()
		touched := r.edit(titles[i*len(titles)/20], i)
		if err := r.bake(ctx, touched, true); err != nil {
			return err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
	}
	slices.Sort(took)
	f.EditP50, f.EditP99 = took[len(took)/2], took[len(took)-1]
	return nil
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

// sources are the documents of every application.
func sources() []shape.Source {
	return []shape.Source{
		{Name: "home.json", Text: `{ collections(first: 20) { id name titles(first: 10) { id name } } }`},
		{Name: "titles/{title}.json", Text: `query ($title: ID!) { title(id: $title) { id name synopsis availability { end }
			series { id } seasons { id episodes { id name } } episodes { id } } }`},
		{Name: "collections/{collection}/{page}.json", Text: `query ($collection: ID!, $page: Int!) {
			collection(id: $collection) { name pages titleCount titles(page: $page) { id name kind } } }`},
		{Name: "leaving.json", Text: `{ leaving(days: 7, first: 20) { leaves title { id name } } }`},
		{Name: "search/{prefix}.json", Text: `query ($prefix: String!) { search(prefix: $prefix, first: 10) { id name } }`},
	}
}
