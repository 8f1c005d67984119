// Package lifecycle starts the services of a process in order and stops them in
// the opposite order, within a deadline. It knows no domain and no signals: the
// caller ends the context that it passes to Run.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Service is something that runs until it is stopped.
type Service interface {
	// Start returns once the service works, or with the reason why it can not.
	// A service that goes on after that calls fail, once, if it must give up.
	// The context is for starting; it does not end when Start returns but when
	// the service should begin to wind down.
	Start(ctx context.Context, fail func(error)) error
	// Stop ends the service and returns once it has ended, or when ctx ends.
	// It is called once, if and only if Start succeeded.
	Stop(ctx context.Context) error
}

// Group is services that live and die together. The zero value is empty and
// gives each shutdown DefaultStopTimeout. A Group runs once.
type Group struct {
	// StopTimeout is how long all services together have to stop; 0 means
	// DefaultStopTimeout.
	StopTimeout time.Duration

	members []member
}

// DefaultStopTimeout is how long a shutdown takes at most, unless a Group says otherwise.
const DefaultStopTimeout = 15 * time.Second

type member struct {
	name    string
	service Service
}

// Add appends a service, which may rely on those added before it. The name
// stands in errors.
func (g *Group) Add(name string, s Service) {
	g.members = append(g.members, member{name, s})
}

// Run starts the services one after the other, calls ready (which may be nil),
// waits until ctx ends or a service fails, and stops the services, last first.
// It returns what went wrong, in starting, running or stopping; nil if nothing
// did and ctx ended.
func (g *Group) Run(ctx context.Context, ready func()) error {
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var first failure
	fail := func(name string) func(error) {
		return func(err error) {
			first.set(fmt.Errorf("%s failed: %w", name, err))
			cancel(err)
		}
	}
	started := 0
	for _, m := range g.members {
		if running.Err() != nil {
			break
		}
		if err := m.service.Start(running, fail(m.name)); err != nil {
			first.set(fmt.Errorf("starting %s: %w", m.name, err))
			break
		}
		started++
	}
	if started == len(g.members) {
		if ready != nil && running.Err() == nil {
			ready()
		}
		<-running.Done()
	}
	cancel(nil) // before stopping, so that all services wind down at once
	stopped := g.stop(context.WithoutCancel(ctx), g.members[:started])
	return errors.Join(first.get(), stopped)
}

// stop stops the members, last first. When time is up, those that are left are
// still told to stop, with a context that has ended.
func (g *Group) stop(ctx context.Context, members []member) error {
	timeout := g.StopTimeout
	if timeout <= 0 {
		timeout = DefaultStopTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var errs []error
	for _, m := range slices.Backward(members) {
		if err := stopOne(ctx, m); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", m.name, err))
		}
	}
	return errors.Join(errs...)
}

// stopOne does not wait longer than ctx lasts, whatever the service does.
func stopOne(ctx context.Context, m member) error {
	done := make(chan error, 1)
	go func() { done <- m.service.Stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// Time is up, but one that stops without waiting may still say so.
	select {
	case err := <-done:
		return err
	default:
		return ctx.Err()
	}
}

// failure keeps the first error that is set.
type failure struct {
	mu  sync.Mutex
	err error
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
