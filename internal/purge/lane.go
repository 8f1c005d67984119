package purge

import (
	"context"
	"errors"
	"time"

	"ovenbird/internal/release"
)

// lane is a target with what it has to be told. Service.mu guards all that changes.
type lane struct {
	name   string
	target target
	wake   chan struct{} // holds one when first is not empty

	known   bool             // whether it is known what the target was told
	first   release.Outdated // to be told
	sending release.Outdated // being told
	second  release.Outdated // to be told a second time, when all answers have arrived
	due     time.Time        // when that is

	failures int // in a row
	err      error
	told     time.Time
}

const (
	// settling is when a target is told the second time. What an edge has sent
	// has arrived by then, or never will.
	settling = 5 * time.Second
	// How long to wait after failures.
	firstBackoff   = time.Second
	longestBackoff = time.Minute
)

// owed is all that a next process would have to tell.
func (l *lane) owed() release.Outdated { return l.first.Merge(l.sending).Merge(l.second) }

// add adds something to tell, and begins to. Who calls it holds Service.mu.
func (l *lane) add(gone release.Outdated) {
	l.first = l.first.Merge(gone).AtMost(l.target.most())
	if l.first.Empty() {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane) status() Status {
	st := Status{Target: l.name, Owed: len(l.owed().PurgeKeys()), Failures: l.failures}
	if !l.told.IsZero() {
		told := l.told.UTC()
		st.Told = &told
	}
	if l.err != nil {
		st.Error = l.err.Error()
	}
	return st
}

// run tells a target what there is to tell, until ctx ends. What an earlier
// process left may be told at once: the edge serves something newer, or nothing.
func (s *Service) run(ctx context.Context, l *lane) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.wake:
		}
		if wait, more := s.tell(ctx, l); more {
			timer.Reset(wait)
		}
	}
}

// tell tells a target what is new, or else what it was told before. It returns
// how long to wait before the next call, if there is something left.
func (s *Service) tell(ctx context.Context, l *lane) (wait time.Duration, more bool) {
	s.mu.Lock()
	again := l.first.Empty()
	if wait := time.Until(l.due); again && (wait > 0 || l.second.Empty()) {
		defer s.mu.Unlock()
		return wait, !l.second.Empty()
	}
	if again {
		l.sending, l.second = l.second, release.Outdated{}
	} else {
		l.sending, l.first = l.first, release.Outdated{}
	}
	gone := l.sending
	s.mu.Unlock()
	err := l.target.tell(ctx, gone)

	s.mu.Lock()
	defer s.mu.Unlock()
	l.sending = release.Outdated{}
	if err != nil {
		l.first = gone.Merge(l.first)
		return s.failed(ctx, l, err), true
	}
	if l.failures > 0 {
		s.log.InfoContext(ctx, "a cache can be purged again", "cache", l.name, "failures", l.failures)
	}
	l.failures, l.err, l.told = 0, nil, time.Now()
	if again {
		s.save()
		return 0, !l.first.Empty()
	}
	s.log.InfoContext(ctx, "purged", "cache", l.name, "documents", len(gone.Documents), "editions", len(gone.Editions))
	l.second, l.due = l.second.Merge(gone), time.Now().Add(settling)
	return settling, true
}

// failed notes a failure, and logs the first of a row.
func (s *Service) failed(ctx context.Context, l *lane, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	if l.failures == 0 {
		s.log.ErrorContext(ctx, "a cache can not be purged; trying again until it can", "cache", l.name, "error", err)
	}
	l.err = err
	wait := min(firstBackoff<<min(l.failures, 6), longestBackoff)
	l.failures++
	if r, ok := errors.AsType[refused](err); ok {
		wait = max(wait, min(r.after, longestBackoff))
	}
	return wait
}
