package bake

import (
	"context"
	"fmt"
	"time"
)

// watchInterval is how often the catalog is asked for changes. It is a good part
// of the time from an edit to its being served.
const watchInterval = 50 * time.Millisecond

// maxDebounces is how many debounce times a burst of edits may put a bake off.
const maxDebounces = 5

// retryAfter is how long after a bake that failed it is tried again.
const retryAfter = 5 * time.Second

// burst is a run of edits that is waited out before it is baked.
type burst struct {
	quiet, longest time.Duration
	last           int64 // sequence number seen last
	baked          int64 // sequence number of the last bake that was asked for
	since, changed time.Time
	notBefore      time.Time // when a bake that failed is to be tried again
	failed         bool
}

// due takes in the sequence number as of now and reports whether it is time to
// bake: the catalog changed and has been quiet for a while, or has not been quiet
// for long.
func (b *burst) due(sequence int64, now time.Time) bool {
	if b.failed {
		return !now.Before(b.notBefore)
	}
	if sequence == b.baked {
		return false
	}
	if sequence != b.last {
		if b.last == b.baked {
			b.since = now
		}
		b.last, b.changed = sequence, now
	}
	if now.Sub(b.changed) < b.quiet && now.Sub(b.since) < b.longest {
		return false
	}
	b.baked = sequence
	return true
}

// done takes in how the bake that was due, or any other, ended. One that failed
// is due again after a while, changed catalog or not.
func (b *burst) done(ok bool, now time.Time) {
	b.failed, b.notBefore = !ok, now.Add(retryAfter)
}

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
			edits.done(s.run(ctx, Request{Reason: "start"}, fmt.Sprintf("start %d", edits.baked)), time.Now())
		}
		select {
		case <-ctx.Done():
			return
		case <-schedule.C:
			if edits != nil {
				edits.done(s.run(ctx, Request{Reason: "schedule"}, "schedule"), time.Now())
				s.collect(ctx)
			}
		case <-poll.C:
			if edits != nil {
				s.lookForEdits(ctx, edits)
			}
		}
	}
}

func (s *Service) newBurst(ctx context.Context) *burst {
	b := &burst{quiet: s.cfg.Debounce, longest: maxDebounces * s.cfg.Debounce}
	if sequence, err := s.deps.Catalog.Sequence(ctx); err == nil {
		b.last, b.baked = sequence, sequence
	}
	return b
}

func (s *Service) lookForEdits(ctx context.Context, edits *burst) {
	sequence, err := s.deps.Catalog.Sequence(ctx)
	if err != nil {
		s.cfg.Log.Error("asking the catalog for changes failed", "error", err)
		return
	}
	before := edits.baked
	if edits.due(sequence, time.Now()) {
		edits.done(s.run(ctx, s.edited(ctx, before, sequence), fmt.Sprintf("edit %d", sequence)), time.Now())
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
