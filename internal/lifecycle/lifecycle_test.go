package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ovenbird/internal/lifecycle"
)

// recorder notes what happens to its services.
type recorder struct {
	mu     sync.Mutex
	events []string
}

func (r *recorder) note(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

type service struct {
	log      *recorder
	name     string
	startErr error
	failIn   time.Duration // after Start; 0 for never
	stopIn   time.Duration
}

var errBroken = errors.New("broken")

func (s *service) Start(_ context.Context, fail func(error)) error {
	s.log.note("start " + s.name)
	if s.failIn > 0 {
		time.AfterFunc(s.failIn, func() { fail(errBroken) })
	}
	return s.startErr
}

func (s *service) Stop(ctx context.Context) error {
	s.log.note("stop " + s.name)
	select {
	case <-time.After(s.stopIn):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestServicesStopInTheOppositeOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &recorder{}
		var g lifecycle.Group
		for _, name := range []string{"a", "b", "c"} {
			g.Add(name, &service{log: log, name: name})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := g.Run(ctx, func() { log.note("ready") })
		if err != nil {
			t.Errorf("a clean shutdown is no error: %v", err)
		}
		want := []string{"start a", "start b", "start c", "ready", "stop c", "stop b", "stop a"}
		if !slices.Equal(log.events, want) {
			t.Errorf("got %v, want %v", log.events, want)
		}
	})
}

func TestFailedStartStopsWhatWasStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &recorder{}
		var g lifecycle.Group
		g.Add("a", &service{log: log, name: "a"})
		g.Add("b", &service{log: log, name: "b", startErr: errBroken})
		g.Add("c", &service{log: log, name: "c"})
		err := g.Run(t.Context(), func() { t.Error("ready, though b did not start") })
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "starting b") {
			t.Errorf("got %v", err)
		}
		if want := []string{"start a", "start b", "stop a"}; !slices.Equal(log.events, want) {
			t.Errorf("got %v, want %v", log.events, want)
		}
	})
}

func TestFirstFailureStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &recorder{}
		var g lifecycle.Group
		g.Add("a", &service{log: log, name: "a", failIn: 2 * time.Hour})
		g.Add("b", &service{log: log, name: "b", failIn: time.Hour})
		err := g.Run(t.Context(), nil)
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "b failed") {
			t.Errorf("got %v", err)
		}
		if want := []string{"start a", "start b", "stop b", "stop a"}; !slices.Equal(log.events, want) {
			t.Errorf("got %v, want %v", log.events, want)
		}
	})
}

func TestContextThatEndedStartsNothing(t *testing.T) {
	log := &recorder{}
	var g lifecycle.Group
	g.Add("a", &service{log: log, name: "a"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Run(ctx, nil); err != nil || len(log.events) > 0 {
		t.Errorf("got %v, %v", log.events, err)
	}
}

func TestShutdownEndsAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &recorder{}
		g := lifecycle.Group{StopTimeout: time.Minute}
		g.Add("a", &service{log: log, name: "a"})
		g.Add("slow", &service{log: log, name: "slow", stopIn: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		deadline := time.Now().Add(time.Second + time.Minute) // in the bubble's time, which is exact
		err := g.Run(ctx, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stopping slow") {
			t.Errorf("got %v", err)
		}
		if now := time.Now(); !now.Equal(deadline) {
			t.Errorf("ended at %s, the deadline was %s", now, deadline)
		}
		synctest.Wait()
		if !slices.Contains(log.events, "stop a") {
			t.Errorf("a was never told to stop: %v", log.events)
		}
	})
}
