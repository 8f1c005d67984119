package tree

import (
	"context"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

// longestBackoff is how long the loop waits, at most, after failures in a row.
const longestBackoff = 30 * time.Second

// loop is the state of a publisher that follows the head.
type loop struct {
	cancel   context.CancelFunc
	done     chan struct{}
	version  bucket.Version // of the head, when the tree was complete
	next     time.Time      // when something changes by itself; zero where nothing does
	failures int            // in a row
}

// Start begins to follow the head and the clock until Stop. It never fails: what goes
// wrong is logged and tried again. It is not for a publisher that is used otherwise.
func (p *Publisher) Start(ctx context.Context, _ func(error)) error {
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.loop.cancel, p.loop.done = cancel, make(chan struct{})
	go func() {
		defer close(p.loop.done)
		for following.Err() == nil {
			p.try(following)
			p.pause(following)
		}
	}()
	return nil
}

// Stop ends following, and writing that is under way: the next publisher goes on.
func (p *Publisher) Stop(ctx context.Context) error {
	p.loop.cancel()
	select {
	case <-p.loop.done:
		return nil
	case <-ctx.Done():
		return ovenbird.Errorf(ovenbird.Unavailable, "waiting for the tree's publisher to stop: %w", ctx.Err())
	}
}

// pause waits until there may be something to do.
func (p *Publisher) pause(ctx context.Context) {
	wait := p.config.Poll
	for range p.loop.failures {
		if wait *= 2; wait >= longestBackoff {
			wait = longestBackoff
			break
		}
	}
	if next := p.loop.next; p.loop.failures == 0 && !next.IsZero() {
		wait = max(0, min(wait, next.Sub(p.deps.Now())))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// try publishes if there is anything to publish.
func (p *Publisher) try(ctx context.Context) {
	version, err := p.deps.Releases.Version(ctx)
	due := !p.loop.next.IsZero() && !p.deps.Now().Before(p.loop.next)
	if err == nil && (version == "" || version == p.loop.version && !due) {
		return
	}
	var report *Report
	if err == nil {
		report, err = p.Publish(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		p.loop.failures++
		if p.loop.failures == 1 {
			p.deps.Log.Error("the tree can not be brought up to date; trying again", "error", err)
		}
		return
	}
	p.loop.version, p.loop.next, p.loop.failures = version, report.Next, 0
	p.tell(report)
}

func (p *Publisher) tell(r *Report) {
	log := p.deps.Log.With("release", r.Release, "at", r.At)
	if r.Expired {
		log.Error("the release has run out: what may have ended is taken away, and nothing new comes; see why there is no newer one")
	}
	if r.Written+r.Deleted == 0 {
		return
	}
	log.Info("the tree is up to date", "written", r.Written, "deleted", r.Deleted, "next", r.Next)
	if p.deps.Published != nil {
		p.deps.Published(r)
	}
}
