package bake

import (
	"context"
	"fmt"
	"time"
)

// watchInterval is how often the catalog is asked for changes that other processes
// have made; those of this one are told (Deps.Changes). To ask takes about 20 µs on
// SQLite, so this is a fifth of a percent of one core.
const watchInterval = 10 * time.Millisecond

// watch bakes when the catalog changed, and every so often. Where processes share
// the engine, the one that leads does it: it is the one that will bake.
func (s *Service) watch(ctx context.Context) {
	poll := time.NewTicker(watchInterval)
	defer poll.Stop()
	schedule := time.NewTicker(s.cfg.Every)
	defer schedule.Stop()
	var edits *burst // nil while another process leads
	for {
		switch leads := s.deps.Engine.Leads(); {
		case !leads:
			edits = nil
		case edits == nil:
			// What changed before this process watched is baked at once.
			edits = s.newBurst(ctx)
			s.bakeEdits(ctx, edits, Request{Reason: "start"}, "start")
		}
		select {
		case <-ctx.Done():
			return
		case <-schedule.C:
			if edits != nil {
				s.bakeEdits(ctx, edits, Request{Reason: "schedule"}, "schedule")
				s.collect(ctx)
			}
			continue
		case <-s.deps.Changes:
		case <-poll.C:
		}
		if edits != nil {
			s.lookForEdits(ctx, edits)
		}
	}
}

func (s *Service) newBurst(ctx context.Context) *burst {
	b := &burst{debounce: s.cfg.Debounce}
	if sequence, err := s.deps.Catalog.Sequence(ctx); err == nil {
		b.baked = sequence // what is baked now is no burst
	}
	return b
}

// lookForEdits bakes what has changed, if it is due.
func (s *Service) lookForEdits(ctx context.Context, edits *burst) {
	if time.Now().Before(edits.notBefore) {
		return // whatever has changed
	}
	sequence, err := s.deps.Catalog.Sequence(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.cfg.Log.Error("asking the catalog for changes failed", "error", err)
		}
		return
	}
	if edits.due(sequence, time.Now()) {
		s.bakeEdits(ctx, edits, s.edited(ctx, edits.baked, sequence), fmt.Sprintf("edit %d", sequence))
	}
}

// bakeEdits bakes everything that has changed up to now.
func (s *Service) bakeEdits(ctx context.Context, edits *burst, request Request, key string) {
	began := time.Now()
	if outcome, ok := s.run(ctx, request, key); ok {
		edits.done(outcome.Sequence, began, time.Now())
	} else {
		edits.fail(time.Now())
	}
}

// rememberBakes is how long the engine can tell of a bake that has ended.
const rememberBakes = 7 * 24 * time.Hour

// collect deletes what no kept release needs, and what the engine knows of bakes
// long ago.
func (s *Service) collect(ctx context.Context) {
	if err := s.deps.Engine.Forget(ctx, time.Now().Add(-rememberBakes)); err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("forgetting bakes of long ago failed", "error", err)
	}
	collected, err := s.deps.Releases.Collect(ctx, time.Now(), s.cfg.Grace)
	s.meter.collected(collected, err)
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("garbage collection failed", "error", err)
	}
}
