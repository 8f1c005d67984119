package bake

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"ovenbird/internal/engine"
	"ovenbird/internal/metric"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
)

// failed is how a bake ended that came to no outcome; the others are Statuses.
const failed = "failed"

// meter counts what bakes came to since the process began.
type meter struct {
	ended   *metric.Counts
	took    *metric.Durations
	steps   *metric.ByName
	latency *metric.Durations // from an edit to its publication

	documents, remade, held                     atomic.Int64
	collections, collectionsFailed, packs, size atomic.Int64
}

var bakeBounds = []time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
	30 * time.Second, time.Minute, 5 * time.Minute,
}

var (
	bakesFamily = metric.Family{
		Name: "ovenbird_bakes_total", Labels: []string{"status"},
		Help: "Bakes that ended in this process, by how: published, unchanged, held or failed.",
	}
	tookFamily = metric.Family{
		Name: "ovenbird_bake_duration_seconds", Kind: metric.Histogram,
		Help: "Time that bakes took up to when the release was written.",
	}
	stepsFamily = metric.Family{
		Name: "ovenbird_bake_step_duration_seconds", Kind: metric.Histogram, Labels: []string{"step"},
		Help: "Time that the steps of published bakes took.",
	}
	latencyFamily = metric.Family{
		Name: "ovenbird_edit_to_published_seconds", Kind: metric.Histogram,
		Help: "Time from the first change of the catalog that a release contains to the release's publication.",
	}
	documentsFamily = metric.Family{
		Name: "ovenbird_bake_documents", Kind: metric.Gauge,
		Help: "Documents of the last bake.",
	}
	remadeFamily = metric.Family{
		Name: "ovenbird_bake_subjects_remade_total",
		Help: "Families, collections, search prefixes and single documents that were made again.",
	}
	heldFamily = metric.Family{
		Name: "ovenbird_bake_held", Kind: metric.Gauge,
		Help: "1 if the last bake is held for a person to decide, else 0.",
	}
	collectionsFamily = metric.Family{
		Name: "ovenbird_garbage_collections_total", Labels: []string{"status"},
		Help: "Garbage collections in the bucket, by how they ended: done or failed.",
	}
	packsFamily = metric.Family{
		Name: "ovenbird_garbage_packs_deleted_total",
		Help: "Packs that garbage collection deleted.",
	}
	sizeFamily = metric.Family{
		Name: "ovenbird_garbage_deleted_bytes_total",
		Help: "Bytes of the packs that garbage collection deleted.",
	}
)

func newMeter() *meter {
	return &meter{
		ended: metric.NewCounts(bakesFamily, string(Published), string(Unchanged), string(Stopped), failed),
		took:  metric.NewDurations(bakeBounds), latency: metric.NewDurations(bakeBounds),
		steps: metric.NewByName(stepsFamily, bakeBounds, "render", "write", "publish"),
	}
}

// Report implements metric.Source.
func (s *Service) Report(ctx context.Context, to metric.Sink) {
	m := s.meter
	m.ended.Report(ctx, to)
	m.steps.Report(ctx, to)
	to.Durations(tookFamily, m.took.Distribution())
	to.Durations(latencyFamily, m.latency.Distribution())
	to.Value(documentsFamily, float64(m.documents.Load()))
	to.Value(remadeFamily, float64(m.remade.Load()))
	to.Value(heldFamily, float64(m.held.Load()))
	to.Value(collectionsFamily, float64(m.collections.Load()), "done")
	to.Value(collectionsFamily, float64(m.collectionsFailed.Load()), failed)
	to.Value(packsFamily, float64(m.packs.Load()))
	to.Value(sizeFamily, float64(m.size.Load()))
}

// done counts a bake that ended.
func (m *meter) done(o Outcome, edited time.Time, err error) {
	if err != nil {
		m.ended.Add(failed, 1)
		return
	}
	m.ended.Add(string(o.Status), 1)
	m.took.Observe(o.Took)
	m.documents.Store(int64(o.Documents))
	m.remade.Add(int64(o.Remade))
	m.held.Store(0)
	switch o.Status {
	case Stopped:
		m.held.Store(1)
	case Published:
		m.steps.Observe("render", o.Steps.Render)
		m.steps.Observe("write", o.Steps.Write)
		m.steps.Observe("publish", o.Steps.Publish)
		if !edited.IsZero() {
			m.latency.Observe(o.Steps.Published.Sub(edited))
		}
	case Unchanged:
	}
}

// collected counts a garbage collection.
func (m *meter) collected(done release.Collected, err error) {
	m.packs.Add(int64(done.Packs))
	m.size.Add(done.Bytes)
	if err != nil {
		m.collectionsFailed.Add(1)
		return
	}
	m.collections.Add(1)
}

// step is a step of a bake with a span, below the one in spanned. One that an
// execution wrote down before a crash is not done again, and has none. Without an
// execution nothing is written down.
func step[R any](spanned context.Context, run *engine.Run, name string, do func(context.Context) (R, error)) (R, error) {
	traced := func(ctx context.Context) (R, error) {
		ctx, span := trace.Start(trace.Within(ctx, spanned), name)
		result, err := do(ctx)
		span.End(err)
		return result, err
	}
	if run == nil {
		return traced(spanned)
	}
	return engine.Step(run, name, traced)
}

// origin looks up where the changes of a bake come from. That it can not be found
// out is no reason not to bake.
func (s *Service) origin(ctx context.Context, after, last int64) Origin {
	if s.deps.Origin == nil {
		return Origin{}
	}
	origin, err := s.deps.Origin(ctx, after, last)
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("where changes come from is not known; they are baked all the same", "error", err)
	}
	return origin
}

// edited returns what to ask for after the change with one number, up to another:
// a bake that is part of the trace of the first that has one.
func (s *Service) edited(ctx context.Context, after, last int64) Request {
	request := Request{Reason: byEdit}
	if traces := s.origin(ctx, after, last).Traces; len(traces) > 0 {
		request.Trace = traces[0]
	}
	return request
}

// about are the attributes of a bake that has ended.
func (o *Outcome) about() []slog.Attr {
	return []slog.Attr{
		slog.String("ovenbird.status", string(o.Status)), slog.String("ovenbird.release", o.Release),
		slog.Int64("ovenbird.catalog_sequence", o.Sequence), slog.Int("ovenbird.documents", o.Documents),
		slog.Int("ovenbird.remade", o.Remade), slog.Bool("ovenbird.full", o.Full),
	}
}
