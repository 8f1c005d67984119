package main

import (
	"context"
	"log/slog"
	"math/rand/v2"

	"ovenbird/internal/audit"
	"ovenbird/internal/model"
)

// auditing audits a sample of each release after it was published. It is a
// lifecycle service, and does nothing where the environment asks for none. Of
// releases that come faster than they are audited it takes the last.
type auditing struct {
	environment *environment
	log         *slog.Logger
	counts      *audited
	published   chan struct{}
	stop        context.CancelFunc
	done        chan struct{}
}

func newAuditing(e *environment, log *slog.Logger) *auditing {
	return &auditing{environment: e, log: log, counts: newAudited(), published: make(chan struct{}, 1), done: make(chan struct{})}
}

// notify says that a release was published.
func (a *auditing) notify() {
	select {
	case a.published <- struct{}{}:
	default:
	}
}

// Start begins to wait for releases.
func (a *auditing) Start(ctx context.Context, _ func(error)) error {
	ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(a.done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-a.published:
			}
			if a.environment.settings.Audit == 0 {
				continue
			}
			if err := a.audit(ctx); err != nil && ctx.Err() == nil {
				a.counts.results.Add(auditFailed, 1)
				a.log.Error("the audit of a release came to no end", "error", err)
			}
		}
	}()
	return nil
}

// Stop ends waiting, and an audit that runs.
func (a *auditing) Stop(ctx context.Context) error {
	a.stop()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// audit audits a sample of the release that is served.
func (a *auditing) audit(ctx context.Context) error {
	e := a.environment
	audited, err := e.releaseToAudit(ctx, "")
	if err != nil {
		return err
	}
	snapshot, err := e.catalog.Snapshot(ctx)
	if err != nil {
		return err
	}
	m := audited.Manifest()
	if snapshot.Sequence != m.CatalogSequence {
		a.counts.results.Add(auditSkipped, 1)
		a.log.Info("not audited: the catalog has moved on; the next release will be", "release", m.ID)
		return nil
	}
	rules := audit.Rules(&e.site.Content)
	judge, err := model.New(rules, snapshot)
	if err != nil {
		return err
	}
	report, err := audit.Run(ctx, audit.Config{
		Variations: e.settings.Audit, Instants: 1, Seed: rand.Uint64(), //nolint:gosec // a draw, logged to repeat it
	}, audit.Deps{Model: judge, Site: &rules, Release: audited})
	if err != nil {
		return err
	}
	a.counts.end(len(report.Violations) + report.More)
	log := a.log.With("release", m.ID, "documents", report.Documents, "variations", report.Variations, "seed", report.Seed)
	if !report.Good() {
		log.Error("AUDIT FAILED: documents are not as they have to be", "violations", len(report.Violations)+report.More,
			"first", report.Violations[0])
		return nil
	}
	log.Info("audited")
	return nil
}
