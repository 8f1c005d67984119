package spread

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"ovenbird/internal/ovenbird"
)

const (
	// gather is how long reports are collected before they are written together.
	gather = 250 * time.Millisecond
	// pruneEvery is how often what is old is looked for.
	pruneEvery = time.Minute
	// maxWaiting is how many reports wait to be written, at most.
	maxWaiting = 10_000
	// again is how long after a failure to write it is tried again.
	again = 5 * time.Second
)

// Service collects reports and writes them together. It is a lifecycle service;
// any number of processes may run one on the same database.
type Service struct {
	store *Store
	log   *slog.Logger

	mu      sync.Mutex
	waiting []received

	wake chan struct{} // holds one when reports wait
	stop context.CancelFunc
	done chan struct{}
}

// NewService returns a service that is not started. A nil log discards.
func NewService(store *Store, log *slog.Logger) *Service {
	return &Service{
		store: store, log: cmp.Or(log, slog.New(slog.DiscardHandler)), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// Report takes a report in, which is written soon. It fails with Invalid for one
// that is wrong, and with Unavailable while too many wait.
func (s *Service) Report(_ context.Context, r Report) error {
	if err := r.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= maxWaiting {
		return ovenbird.Errorf(ovenbird.Unavailable, "%d reports of edges wait to be written: report again later", maxWaiting)
	}
	s.waiting = append(s.waiting, received{r, s.store.now()})
	s.notify()
	return nil
}

// Start begins to write what is reported.
func (s *Service) Start(ctx context.Context, _ func(error)) error {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.done)
		s.run(ctx)
	}()
	return nil
}

// Stop writes what was reported, and ends.
func (s *Service) Stop(ctx context.Context) error {
	s.stop()
	select {
	case <-s.done:
		return s.flush(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Service) run(ctx context.Context) {
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			s.try(ctx, s.store.prune)
		case <-s.wake:
			// What comes within a moment is written with it.
			if sleep(ctx, gather) && !s.try(ctx, s.flush) && sleep(ctx, again) {
				s.notify()
			}
		}
	}
}

func (s *Service) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // it is said already
	}
}

// try reports whether work succeeded; what failed is tried again.
func (s *Service) try(ctx context.Context, work func(context.Context) error) bool {
	err := work(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "reports of edges: trying again", "error", err)
	}
	return err == nil
}

// flush writes what waits. What can not be written waits on.
func (s *Service) flush(ctx context.Context) error {
	s.mu.Lock()
	reports := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	if len(reports) == 0 {
		return nil
	}
	err := s.store.save(ctx, reports)
	if err != nil {
		s.mu.Lock()
		s.waiting = append(reports, s.waiting...)
		s.waiting = s.waiting[max(0, len(s.waiting)-maxWaiting):]
		s.mu.Unlock()
	}
	return err
}

// sleep waits, and reports whether ctx lasts.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
