package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// figures are what a run measures.
type figures struct {
	LogicalDocuments int   `json:"logical_documents"` // addresses that have a document
	Rendered         int64 `json:"rendered"`          // by the full bake, those that came out the same included
	// ColdSeconds is the time from asking for the first bake until its release is
	// served, the reading of the catalog included.
	ColdSeconds      float64 `json:"cold_seconds"`
	PeakRSS          int64   `json:"peak_rss_bytes"`   // after the full bake, catalog and all
	BytesWritten     int64   `json:"bytes_written"`    // by the full bake
	ObjectsWritten   int     `json:"objects_written"`  // in the bucket: packs and the head
	RequestCost      float64 `json:"request_cost_usd"` // of the full bake, at S3's prices
	UnchangedSeconds float64 `json:"unchanged_seconds"`
	counted
	EditP50     float64 `json:"edit_p50_ms"` // from the commit until every edge serves it
	EditP99     float64 `json:"edit_p99_ms"`
	EditObjects float64 `json:"edit_objects_written"` // per edit
	EditBytes   float64 `json:"edit_bytes_written"`   // per edit
	// What the middle edit took of that: to make it, to write it, to publish it.
	// What is left is for hearing of the commit, and for the edges.
	RenderP50  float64 `json:"edit_render_p50_ms"`
	WriteP50   float64 `json:"edit_write_p50_ms"`
	PublishP50 float64 `json:"edit_publish_p50_ms"`
	// PublishedP50 is from the commit until the head names the release.
	PublishedP50 float64 `json:"edit_published_p50_ms"`
	// EdgeP50 is from the commit until one edge serves it: the one in this process,
	// then those in processes of their own.
	EdgeP50   []float64   `json:"edit_edges_p50_ms"`
	Peers     []*compared `json:"peers,omitempty"`
	PeerRatio float64     `json:"peer_ratio,omitempty"` // to the first peer; see compared
}

// What S3 asks for a thousand requests, in USD, in its standard class in Ireland.
const (
	putPrice = 0.005 / 1000
	getPrice = 0.0004 / 1000
)

// String writes the figures for people.
func (f *figures) String() string {
	var peers strings.Builder
	for _, p := range f.Peers {
		peers.WriteString(p.String())
	}
	return fmt.Sprintf("logical documents  %d\ndistinct           %d, made of %d objects\nrendered           %d\n"+
		"cold bake          %.3f s, %d bytes in %d objects, %.4f USD of requests\npeak memory        %d MiB\n"+
		"unchanged bake     %.4f s\none edit, p50      %.1f ms: published after %.1f: %.1f to render, %.1f to write, %.1f to publish\n"+
		"one edit, p99      %.1f ms; p50 of each edge %.1f\none edit writes    %.0f bytes in %.1f objects\n%s",
		f.LogicalDocuments, f.Distinct, f.Objects, f.Rendered,
		f.ColdSeconds, f.BytesWritten, f.ObjectsWritten, f.RequestCost, f.PeakRSS>>20,
		f.UnchangedSeconds, f.EditP50, f.PublishedP50, f.RenderP50, f.WriteP50, f.PublishP50,
		f.EditP99, f.EdgeP50, f.EditBytes, f.EditObjects, &peers)
}

func measure(ctx context.Context, z size) (_ *figures, err error) {
	o, err := newOven(ctx, z)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close(ctx)) }()
	f := new(figures)
	if err := o.full(ctx, f); err != nil {
		return nil, err
	}
	if err := o.unchanged(ctx, f); err != nil {
		return nil, err
	}
	if f.counted, err = o.count(ctx); err != nil {
		return nil, err
	}
	if err := o.serve(ctx); err != nil {
		return nil, err
	}
	if err := o.compare(ctx, z, f); err != nil {
		return nil, err
	}
	return f, o.edits(ctx, z, f)
}

// full bakes everything.
func (o *oven) full(ctx context.Context, f *figures) error {
	start := time.Now()
	outcome, err := o.bakes.Bake(ctx, bake.Request{Reason: "bench"})
	if err != nil {
		return err
	}
	f.ColdSeconds = time.Since(start).Seconds()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	f.PeakRSS = usage.Maxrss * 1024
	f.Rendered, f.LogicalDocuments = outcome.Rendered, outcome.Documents
	f.ObjectsWritten, f.BytesWritten, err = o.written(ctx)
	// A pack is put once; the head is read, put, and read again.
	f.RequestCost = float64(f.ObjectsWritten)*putPrice + 2*getPrice
	return err
}

// unchanged bakes nothing.
func (o *oven) unchanged(ctx context.Context, f *figures) error {
	start := time.Now()
	outcome, err := o.bakes.Bake(ctx, bake.Request{Reason: "bench"})
	f.UnchangedSeconds = time.Since(start).Seconds()
	if err == nil && outcome.Status != bake.Unchanged {
		err = fmt.Errorf("a bake of what had not changed was %s", outcome.Status)
	}
	return err
}

// longestPause is the longest time between two edits.
const longestPause = 30 * time.Millisecond

// edits makes edits of titles, one after the other, each until all edges serve it.
func (o *oven) edits(ctx context.Context, z size, f *figures) (err error) {
	edges, err := o.startEdges(ctx, z.edges)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopEdges(edges)) }()
	titles, err := o.english(ctx, edges[0])
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(z.seed, 2)) //nolint:gosec // the same edits for the same seed
	objects, bytes, err := o.written(ctx)
	if err != nil {
		return err
	}
	first := len(o.stepsTaken())
	took, published := make([]time.Duration, z.edits), make([]time.Duration, 0, z.edits)
	byEdge := make([][]time.Duration, len(edges))
	for i := range z.edits {
		time.Sleep(time.Duration(random.Int64N(int64(longestPause))))
		one, err := o.edit(ctx, edges, titles[random.IntN(len(titles))], fmt.Sprintf("Edited %d", i))
		if err != nil {
			return err
		}
		took[i] = slices.Max(one.edges)
		published = append(published, o.published(one.committed))
		for at, since := range one.edges {
			byEdge[at] = append(byEdge[at], since)
		}
	}
	for _, list := range byEdge {
		f.EdgeP50 = append(f.EdgeP50, quantile(list, 50))
	}
	f.PublishedP50 = quantile(published, 50)
	f.EditP50, f.EditP99 = quantile(took, 50), quantile(took, 99)
	f.steps(o.stepsTaken()[first:])
	objectsAfter, bytesAfter, err := o.written(ctx)
	// The head is one object, written by each edit.
	f.EditObjects = float64(objectsAfter-objects)/float64(z.edits) + 1
	f.EditBytes = float64(bytesAfter-bytes) / float64(z.edits)
	return err
}

func (f *figures) steps(all []bake.Steps) {
	middle := func(of func(bake.Steps) time.Duration) float64 {
		list := make([]time.Duration, len(all))
		for i, steps := range all {
			list[i] = of(steps)
		}
		return quantile(list, 50)
	}
	f.RenderP50 = middle(func(s bake.Steps) time.Duration { return s.Render })
	f.WriteP50 = middle(func(s bake.Steps) time.Duration { return s.Write })
	f.PublishP50 = middle(func(s bake.Steps) time.Duration { return s.Publish })
}

// quantile returns what so many of a hundred take at most, in milliseconds.
func quantile(list []time.Duration, percent int) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return float64(list[len(list)*percent/100].Microseconds()) / 1000
}

// edited is how long it took from an edit's commit until each edge served it.
type edited struct {
	committed time.Time
	edges     []time.Duration
}

// published returns how long after an instant the next release was published.
func (o *oven) published(after time.Time) time.Duration {
	for _, steps := range o.stepsTaken() {
		if since := steps.Published.Sub(after); since > 0 {
			return since
		}
	}
	return 0
}

// edit gives a title another name and returns how long it takes until each edge
// serves it.
func (o *oven) edit(ctx context.Context, edges []anEdge, at shown, name string) (edited, error) {
	record := catalog.Record{
		Type: catalog.TypeTitle, ID: string(at.title), Op: catalog.Merge,
		Patch: fmt.Appendf(nil, `{"texts":{"name":{"en":%q}}}`, name),
	}
	if _, err := o.catalog.Apply(ctx, catalog.Batch{Actor: "bench", Atomic: true, Records: []catalog.Record{record}}); err != nil {
		return edited{}, err
	}
	done := edited{committed: time.Now(), edges: make([]time.Duration, len(edges))}
	for i, e := range edges {
		served, err := e.until(ctx, at.path, name)
		if err != nil {
			return edited{}, fmt.Errorf("edge %d, %s: %w", i, at.path, err)
		}
		done.edges[i] = served.Sub(done.committed)
	}
	return done, nil
}

// patience is how long an edge may take.
const patience = time.Minute

// until waits until an edge serves a document with some text, and returns since when.
func (e anEdge) until(ctx context.Context, path, text string) (time.Time, error) {
	for {
		select {
		case m, ok := <-e.switches:
			if !ok {
				return time.Time{}, errors.New("it ended")
			}
			if _, body, err := e.ask(ctx, path); err != nil || strings.Contains(body, `"`+text+`"`) {
				return time.Unix(0, m.Served), err
			}
		case <-time.After(patience):
			return time.Time{}, fmt.Errorf("it does not serve %q", text)
		}
	}
}

// shown is a title and the address of a document that shows its English name.
type shown struct {
	title ovenbird.TitleID
	path  string
}

// inEnglish are countries whose viewers read English names.
var inEnglish = []string{"GB", "AU", "CA", "IE", "AF", "AG", "AI", "AL", "AM"}

// english returns titles whose English names somebody sees.
func (o *oven) english(ctx context.Context, e anEdge) ([]shown, error) {
	snapshot, err := o.catalog.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var list []shown
	for _, id := range o.tops {
		name := snapshot.Titles[id].Texts[ovenbird.Name]["en"]
		for _, country := range inEnglish {
			path := fmt.Sprintf("/%s/app0/titles/%s.json", country, id)
			_, body, err := e.ask(ctx, path)
			if err != nil {
				return nil, err
			}
			if strings.Contains(body, `"`+name+`"`) {
				list = append(list, shown{id, path})
				break
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("nobody sees an English name: take more titles or countries")
	}
	return list, nil
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
