package tree

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

const (
	// leaseTime is how long a publisher that died keeps others from a tree.
	leaseTime = time.Minute
	// leaseMargin is how long before the end of its lease a publisher stops writing,
	// and how long after that others begin: room for clocks that differ and for
	// requests on their way.
	leaseMargin = 15 * time.Second
)

// errLost says that somebody else has taken the tree over.
var errLost = errors.New("another publisher has taken the tree over, because this one was not heard of for too long")

// lease is the right to write a tree, kept in its state and renewed until it is
// given back. It guards the state: all changes go through it.
type lease struct {
	store store
	now   func() time.Time

	mu    sync.Mutex
	state State

	lost context.CancelCauseFunc
	done chan struct{}
	stop chan struct{}
}

// take takes the lease. The context that it returns ends when the lease is lost.
func (p *Publisher) take(ctx context.Context) (context.Context, *lease, error) {
	l := &lease{store: p.deps.Store, now: p.deps.Now, done: make(chan struct{}), stop: make(chan struct{})}
	for {
		var err error
		if l.state, err = readState(ctx, l.store); err != nil {
			return nil, nil, err
		}
		now := l.now()
		if l.state.Holder != "" && !p.config.Exclusive && now.Before(l.state.Until.Add(leaseMargin)) {
			return nil, nil, ovenbird.Errorf(ovenbird.Conflict,
				"%s writes the tree: wait until it has finished or, if it is gone, until %s", l.state.Holder,
				l.state.Until.Add(leaseMargin).UTC().Format(time.RFC3339))
		}
		l.state.Holder, l.state.Until = holder(), now.Add(leaseTime).UTC()
		err = l.state.write(ctx, l.store)
		if errors.Is(err, bucket.ErrChanged) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		break
	}
	working, lost := context.WithCancelCause(ctx)
	l.lost = lost
	go l.keep(working)
	return working, l, nil
}

// holder names this publisher: for people where it runs, and nobody else's.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:6])
}

// keep renews the lease until stop is closed.
func (l *lease) keep(ctx context.Context) {
	defer close(l.done)
	ends := time.NewTimer(leaseTime - leaseMargin)
	defer ends.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ctx.Done():
			return
		case <-ends.C:
			l.lost(errLost)
			return
		case <-time.After(leaseTime / 4):
		}
		err := l.change(ctx, func(*State) {})
		if errors.Is(err, bucket.ErrChanged) {
			l.lost(errLost)
			return
		}
		if err == nil {
			ends.Reset(leaseTime - leaseMargin)
		}
	}
}

// change changes the state, and renews the lease with it.
func (l *lease) change(ctx context.Context, edit func(*State)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, leaseMargin)
	defer cancel()
	next := l.state
	next.Until = l.now().Add(leaseTime).UTC()
	edit(&next)
	if err := next.write(ctx, l.store); err != nil {
		return err
	}
	l.state = next
	return nil
}

// giveBack ends the lease. edit says what the tree holds now.
func (l *lease) giveBack(ctx context.Context, edit func(*State)) error {
	close(l.stop)
	<-l.done
	defer l.lost(nil)
	return l.change(ctx, func(s *State) {
		edit(s)
		s.Holder, s.Until = "", time.Time{}
	})
}
