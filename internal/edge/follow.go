package edge

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
)

// counters count what following came to.
type counters struct {
	taken  atomic.Int64 // releases taken over
	failed atomic.Int64 // attempts that failed, for whatever reason
}

// longestBackoff is how long the edge waits, at most, after failures in a row.
const longestBackoff = 2 * time.Second

// Start takes the current release over, if it can be had now, or what the cache
// has, and follows the head from then on until Stop. It never fails: an edge without a release says so
// to who asks and goes on trying.
func (e *Edge) Start(ctx context.Context, _ func(error)) error {
	// Following ends when Stop says so, not before.
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.follow.cancel, e.follow.done = cancel, make(chan struct{})
	e.serveCached(ctx)
	failures := 0
	if e.current.Load() == nil {
		failures = e.try(ctx, 0)
	} else {
		e.Notify() // viewers need not wait for what is newer, or for a bucket that is gone
	}
	go func() {
		defer close(e.follow.done)
		var beside sync.WaitGroup
		if l, ok := e.locator.(*geoIP); ok {
			beside.Go(func() { l.follow(following, e.log) })
		}
		e.run(following, failures)
		beside.Wait()
	}()
	return nil
}

// Stop ends following; what was taken over stays served. It returns when
// following has ended, or ctx.
func (e *Edge) Stop(ctx context.Context) error {
	e.follow.cancel()
	select {
	case <-e.follow.done:
		return nil
	case <-ctx.Done():
		return ovenbird.Errorf(ovenbird.Unavailable, "waiting for the edge to stop following: %w", ctx.Err())
	}
}

// Notify makes the edge look for a new release now instead of at the next poll.
// It does not wait, and any goroutine may call it.
func (e *Edge) Notify() {
	select {
	case e.wake <- struct{}{}:
	default: // a call that was not noticed yet does for this one
	}
}

// run polls until ctx ends. failures is how many attempts failed in a row so far.
func (e *Edge) run(ctx context.Context, failures int) {
	timer := time.NewTimer(e.wait(failures))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.wake:
		}
		failures = e.try(ctx, failures)
		e.mend(ctx)
		timer.Reset(e.wait(failures))
	}
}

// wait returns how long to wait after a number of failures in a row.
func (e *Edge) wait(failures int) time.Duration {
	wait := e.poll
	for range failures {
		wait = min(2*wait, max(longestBackoff, e.poll))
		if wait >= longestBackoff {
			break
		}
	}
	return wait
}

// try follows once and returns how many attempts have failed in a row now. It
// logs the first failure of a row, and the success that ends it.
func (e *Edge) try(ctx context.Context, failures int) int {
	err := e.Follow(ctx)
	switch {
	case ctx.Err() != nil:
		return failures
	case err != nil:
		e.counters.failed.Add(1)
		if failures == 0 {
			e.log.ErrorContext(ctx, "following releases failed; what was taken over stays served", "error", err)
			e.progress(Progress{Failure: err})
		}
		return failures + 1
	case failures > 0:
		e.log.InfoContext(ctx, "following releases works again", "failures", failures)
		e.progress(Progress{Recovered: true})
	}
	return 0
}

// Follow looks at the head once and, if it has changed, takes the current
// release over. If it fails the release before stays served. Start calls it; who
// calls it instead must do so from one goroutine at a time.
func (e *Edge) Follow(ctx context.Context) error {
	f := &e.follow
	version, err := e.releases.Version(ctx)
	if err != nil || version == f.version {
		return err
	}
	known := time.Now()
	head, err := e.releases.Head(ctx)
	if err != nil {
		return err
	}
	if head.Precedes(f.head) {
		return ovenbird.Errorf(ovenbird.Unavailable,
			"the bucket answers with what was there before: change %d of the head after change %d", head.Sequence, f.head.Sequence)
	}
	kept, ok := head.CurrentRelease()
	if ok && (f.release == nil || f.release.Ref() != kept.Ref) {
		if err := e.takeOver(ctx, kept, known); err != nil {
			return err
		}
	}
	f.version, f.head = head.Version(), head
	return nil
}

// serveCached takes over what an earlier process kept, if it is of use: the edge
// serves sooner, and even where there is nothing but itself.
func (e *Edge) serveCached(ctx context.Context) {
	if e.cached == nil {
		return
	}
	head, err := e.cached.Head(ctx)
	if err != nil {
		e.log.WarnContext(ctx, "the cache can not be read; going on without it", "error", err)
		return
	}
	kept, ok := head.CurrentRelease()
	if !ok || !e.follow.builder.keeps && !e.now().Before(kept.HorizonEnd) {
		return
	}
	known := time.Now()
	cached, err := e.cached.Load(ctx, kept.Ref)
	if err == nil {
		err = e.switchTo(ctx, kept, cached, Progress{Known: known, Fetch: time.Since(known)})
	}
	if err != nil {
		e.log.WarnContext(ctx, "the cached release is not whole; fetching it again", "release", kept.ID, "error", err)
		return
	}
	e.follow.head = head
}

// takeOver takes over a release that the head names, as is known since an instant.
func (e *Edge) takeOver(ctx context.Context, kept release.Kept, known time.Time) (err error) {
	ctx, span := e.tracer.Begin(ctx, "take release over", trace.Consumer, e.cause(kept), slog.String("ovenbird.release", kept.ID))
	defer func() { span.End(err) }()
	before := e.current.Load()
	if now := e.now(); before != nil && !now.Before(kept.HorizonEnd) && now.UnixNano() < before.horizon {
		return ovenbird.Errorf(ovenbird.Held,
			"release %s ran out at %s, and the one before has not: keeping that", kept.ID, kept.HorizonEnd)
	}
	began := time.Now()
	loading, load := trace.Start(ctx, "load")
	next, err := e.releases.Load(loading, kept.Ref)
	load.End(err)
	if err != nil {
		return err
	}
	return e.switchTo(ctx, kept, next, Progress{Known: known, Fetch: time.Since(began)})
}

// cause is what has an edge take a release over: its publication, of whose trace
// it is a part, unless the edge has just started and that may be long ago.
func (e *Edge) cause(kept release.Kept) trace.Cause {
	if e.follow.release == nil {
		return trace.Cause{Links: []string{kept.Trace}}
	}
	return trace.Cause{Parent: kept.Trace}
}

// switchTo builds the state of a release, sharing with the one before, and serves
// it. progress is how far it was before.
func (e *Edge) switchTo(ctx context.Context, kept release.Kept, next *release.Release, progress Progress) error {
	f, began := &e.follow, time.Now()
	if f.release != nil {
		next.Share(f.release)
	}
	building, span := trace.Start(ctx, "build")
	st, changes, err := f.builder.build(building, e.current.Load(), next)
	span.End(err)
	if err != nil {
		return fmt.Errorf("taking release %s over: %w", kept.ID, err)
	}
	read := time.Since(began)
	e.prepare(next)
	e.clock.learn(kept.AsOf)
	outdated := e.memory.supersede(st, changes)
	e.current.Store(st)
	e.damaged.Store(false)
	progress.Release, progress.Served = kept.ID, time.Now()
	if f.release != nil {
		progress.Previous = f.release.Ref().ID
	}
	progress.Fetch += read
	progress.Swap = progress.Served.Sub(began) - read
	f.release = next
	e.progress(progress)
	e.steps.Observe(stepFetch, progress.Fetch)
	e.steps.Observe(stepSwap, progress.Swap)
	e.counters.taken.Add(1)
	e.log.InfoContext(ctx, "serving a release",
		"release", kept.ID, "as_of", kept.AsOf, "horizon_end", kept.HorizonEnd, "outdated", outdated)
	e.retain(append(slices.Clone(next.Manifest().Packs), kept.Pack))
	return nil
}

// mend makes whole again what turned out to be damaged, if its source has it whole.
// It reads all of a pack, so it is not tried at every poll.
func (e *Edge) mend(ctx context.Context) {
	st := e.current.Load()
	if st == nil || !e.damaged.Load() || time.Since(e.follow.mended) < longestBackoff {
		return
	}
	e.follow.mended = time.Now()
	switch found, err := st.view.Mend(ctx); {
	case err != nil:
		e.counters.failed.Add(1)
	case found:
		e.damaged.Store(false)
		e.log.InfoContext(ctx, "what was damaged is whole again", "release", st.manifest.ID)
	}
}
