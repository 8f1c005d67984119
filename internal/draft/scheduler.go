package draft

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"ovenbird/internal/ovenbird"
)

// How long the scheduler waits, at most and after a failure.
const (
	// lookAgain is how soon what other processes schedule is seen.
	lookAgain = time.Minute
	tryAgain  = 5 * time.Second
)

// Scheduler publishes drafts at their instants. It is a lifecycle service, and
// any number of processes may run one on the same drafts.
type Scheduler struct {
	drafts publisher
	now    func() time.Time
	log    *slog.Logger
	wake   <-chan struct{}
	stop   context.CancelFunc
	done   chan struct{}
}

// publisher publishes what is due.
type publisher interface {
	PublishDue(ctx context.Context) (done []*Draft, next time.Time, err error)
}

// SchedulerDeps is what a Scheduler works with.
type SchedulerDeps struct {
	Drafts *Store
	Now    func() time.Time // nil means time.Now
	Log    *slog.Logger     // nil discards
}

// NewScheduler returns a scheduler that is not started.
func NewScheduler(deps SchedulerDeps) (*Scheduler, error) {
	if deps.Drafts == nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "a scheduler needs drafts")
	}
	return newScheduler(deps.Drafts, deps.Drafts.changed, deps.Now, deps.Log), nil
}

func newScheduler(drafts publisher, wake <-chan struct{}, now func() time.Time, log *slog.Logger) *Scheduler {
	if now == nil {
		now = time.Now
	}
	return &Scheduler{drafts: drafts, wake: wake, now: now, log: cmp.Or(log, slog.New(slog.DiscardHandler)), done: make(chan struct{})}
}

// Start publishes what became due while nobody was there, and goes on with what
// will be.
func (s *Scheduler) Start(ctx context.Context, _ func(error)) error {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.done)
		for ctx.Err() == nil {
			s.wait(ctx, s.look(ctx))
		}
	}()
	return nil
}

// Stop ends the scheduler. A publication that has begun is committed or never was.
func (s *Scheduler) Stop(ctx context.Context) error {
	s.stop()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look publishes what is due and returns how long to wait.
func (s *Scheduler) look(ctx context.Context) time.Duration {
	done, next, err := s.drafts.PublishDue(ctx)
	for _, d := range done {
		if d.State == Failed {
			s.log.Error("a scheduled draft was not published", "draft", d.ID, "name", d.Name, "why", d.Why)
			continue
		}
		s.log.Info("draft published", "draft", d.ID, "name", d.Name, "records", d.Count, "late", d.Late())
	}
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Error("scheduled drafts could not be published; trying again", "error", err)
		return tryAgain
	case next.IsZero():
		return lookAgain
	}
	return min(lookAgain, max(0, next.Sub(s.now())))
}

// wait waits until d is over or a schedule has changed.
func (s *Scheduler) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-timer.C:
	}
}
