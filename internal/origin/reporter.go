package origin

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/spread"
)

const (
	// reportJitter is how long a report waits, at most, so that the edges that took
	// a release over at once do not report at once, and what happens meanwhile is in it.
	reportJitter = 200 * time.Millisecond
	// reportTimeout is how long handing one over may take.
	reportTimeout = 10 * time.Second
	// farewell is how long the last one may take.
	farewell = time.Second
	// reportBackoff and longestReportBackoff are how long after one that failed, and
	// after many, the next one comes.
	reportBackoff        = time.Second
	longestReportBackoff = time.Minute
)

// Send hands a report over: Report of a spread.Service in this process, or of a
// Client.
type Send func(ctx context.Context, r spread.Report) error

// Reporter says what an edge serves, when that has changed, and every spread.Beat
// that it is alive. There is one report under way at a time, of what holds then:
// news replaces what could not be reported. It is a lifecycle service, and one
// goroutine at a time tells it what happens.
type Reporter struct {
	send Send
	name func() string
	log  *slog.Logger

	mu     sync.Mutex
	report spread.Report

	wake chan struct{} // holds one when there is something to report
	stop context.CancelFunc
	done chan struct{}
}

// NewReporter returns a reporter for an edge that serves some countries, none for
// all. name is asked for the edge's name once it is started. A nil log discards.
func NewReporter(name func() string, countries []ovenbird.Country, send Send, log *slog.Logger) *Reporter {
	return &Reporter{
		send: send, name: name, log: cmp.Or(log, slog.New(slog.DiscardHandler)), report: spread.Report{Countries: countries},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// Changed edits what is to be reported, and reports it soon. It does not wait.
func (r *Reporter) Changed(edit func(*spread.Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	edit(&r.report)
	select {
	case r.wake <- struct{}{}:
	default: // it is said already
	}
}

// Start begins to report.
func (r *Reporter) Start(ctx context.Context, _ func(error)) error {
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	name := r.name()
	r.Changed(func(report *spread.Report) { report.Edge = name })
	go func() {
		defer close(r.done)
		r.run(ctx)
	}()
	return nil
}

// Stop ends reporting, and says so if that can be said at once.
func (r *Reporter) Stop(ctx context.Context) error {
	r.stop()
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	last := r.current()
	last.Leaving = true
	_ = r.send(ctx, last) // an edge that could not say so is lost for a while
	return nil
}

// current is what there is to report now. What happened before needs no report of
// its own.
func (r *Reporter) current() spread.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.wake:
	default:
	}
	report := r.report
	report.Sent = time.Now()
	return report
}

func (r *Reporter) run(ctx context.Context) {
	timer := time.NewTimer(spread.Beat)
	defer timer.Stop()
	backoff := reportBackoff
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.wake:
			if !sleep(ctx, rand.N(reportJitter)) { //nolint:gosec // nobody gains by guessing it
				return
			}
		}
		err := r.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failing, backoff = false, reportBackoff
			timer.Reset(spread.Beat - rand.N(spread.Beat/10)) //nolint:gosec // nobody gains by guessing it
			continue
		case !failing:
			failing = true
			r.log.WarnContext(ctx, "a report to the origin failed; trying again", "error", err)
		}
		timer.Reset(backoff/2 + rand.N(backoff)) //nolint:gosec // nobody gains by guessing it
		backoff = min(2*backoff, longestReportBackoff)
	}
}

func (r *Reporter) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	return r.send(ctx, r.current())
}
