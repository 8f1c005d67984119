package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/metric"
	"ovenbird/internal/source"
)

var (
	catalogSequence = metric.Family{
		Name: "ovenbird_catalog_sequence", Kind: metric.Gauge,
		Help: "Number of the last change of the catalog; what a release contains is in ovenbird_edge_release_catalog_sequence.",
	}
	releasesKept = metric.Family{
		Name: "ovenbird_releases_kept", Kind: metric.Gauge,
		Help: "Releases that the head lists.",
	}
	releaseBytes = metric.Family{
		Name: "ovenbird_release_bytes", Kind: metric.Gauge,
		Help: "Bytes of the packs that the current release needs.",
	}
	releaseObjects = metric.Family{
		Name: "ovenbird_release_objects", Kind: metric.Gauge,
		Help: "Objects in the packs that the current release needs.",
	}
	publishingHeld = metric.Family{
		Name: "ovenbird_publishing_held", Kind: metric.Gauge,
		Help: "1 while publishing is held after a rollback, else 0.",
	}
	sourceAge = metric.Family{
		Name: "ovenbird_source_good_age_seconds", Kind: metric.Gauge, Labels: []string{"source"},
		Help: "Time since the last run of a source whose content is in the catalog.",
	}
	sourceHeld = metric.Family{
		Name: "ovenbird_source_held", Kind: metric.Gauge, Labels: []string{"source"},
		Help: "1 while a source is held for a person to decide, else 0.",
	}
	notReported = metric.Family{
		Name: "ovenbird_metrics_failed", Kind: metric.Gauge, Labels: []string{"part"},
		Help: "1 if the metrics of a part could not be read this time, else 0.",
	}
	cacheReads = metric.Family{
		Name: "ovenbird_edge_cache_objects_total", Labels: []string{"result"},
		Help: "Objects that the cache on disk was asked for the first time: found, fetched from the origin, or damaged and fetched again.",
	}
	auditsFamily = metric.Family{
		Name: "ovenbird_audits_total", Labels: []string{"result"},
		Help: "Audits of published releases, by what they came to: good, bad (a document is not as it has to be), skipped or failed.",
	}
	violationsFamily = metric.Family{
		Name: "ovenbird_audit_violations", Kind: metric.Gauge,
		Help: "Documents that were not as they have to be in the last audit that came to an end.",
	}
)

// watched is an environment that is up.
type watched struct {
	environment *environment
	follower    *source.Service
	log         *slog.Logger
}

// Report implements metric.Source: what the database and the bucket have to tell.
// A part that can not be read costs the others nothing.
func (w watched) Report(ctx context.Context, to metric.Sink) {
	for _, part := range []struct {
		name   string
		report func(context.Context, metric.Sink) error
	}{
		{"catalog", w.catalog},
		{"head", w.head},
		{"webhooks", w.environment.webhooks.Report},
		{"drafts", w.environment.drafts.Report},
		{"sources", w.sources},
	} {
		failed := 0.0
		if err := part.report(ctx, to); err != nil {
			failed = 1
			w.log.Warn("metrics could not be read", "part", part.name, "error", err)
		}
		to.Value(notReported, failed, part.name)
	}
}

func (w watched) catalog(ctx context.Context, to metric.Sink) error {
	sequence, err := w.environment.catalog.Sequence(ctx)
	if err == nil {
		to.Value(catalogSequence, float64(sequence))
	}
	return err
}

func (w watched) head(ctx context.Context, to metric.Sink) error {
	head, err := w.environment.releases.Head(ctx)
	if err != nil {
		return err
	}
	held := 0.0
	if head.Hold != nil {
		held = 1
	}
	to.Value(publishingHeld, held)
	to.Value(releasesKept, float64(len(head.Releases)))
	if current, ok := head.CurrentRelease(); ok {
		to.Value(releaseBytes, float64(current.Counts.Bytes))
		to.Value(releaseObjects, float64(current.Counts.Objects))
	}
	return nil
}

// sources tells of the sources that the site has.
func (w watched) sources(ctx context.Context, to metric.Sink) error {
	for _, s := range w.environment.site.Content.Sources {
		state, err := w.follower.State(ctx, s.Name)
		if err != nil {
			return err
		}
		held := 0.0
		if state.Held != nil {
			held = 1
		}
		to.Value(sourceHeld, held, s.Name)
		if state.Good != nil {
			to.Value(sourceAge, time.Since(state.Good.At).Seconds(), s.Name)
		}
	}
	return nil
}

// cacheMetrics tells how an edge's cache on disk does.
func cacheMetrics(cache *bucket.Cache) metric.Source {
	return metric.SourceFunc(func(_ context.Context, to metric.Sink) {
		counts := cache.Counts()
		to.Value(cacheReads, float64(counts.Found), "found")
		to.Value(cacheReads, float64(counts.Fetched), "fetched")
		to.Value(cacheReads, float64(counts.Damaged), "damaged")
	})
}

// audited counts what audits came to.
type audited struct {
	results *metric.Counts

	mu         sync.Mutex
	violations int
}

// What an audit can come to.
const (
	auditGood    = "good"
	auditBad     = "bad"
	auditSkipped = "skipped"
	auditFailed  = "failed"
)

func newAudited() *audited {
	return &audited{results: metric.NewCounts(auditsFamily, auditGood, auditBad, auditSkipped, auditFailed)}
}

// end notes an audit that came to an end.
func (a *audited) end(violations int) {
	result := auditGood
	if violations > 0 {
		result = auditBad
	}
	a.results.Add(result, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.violations = violations
}

// Report implements metric.Source.
func (a *audited) Report(ctx context.Context, to metric.Sink) {
	a.results.Report(ctx, to)
	a.mu.Lock()
	defer a.mu.Unlock()
	to.Value(violationsFamily, float64(a.violations))
}
