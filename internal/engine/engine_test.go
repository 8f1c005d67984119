package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"ovenbird/internal/engine"
)

func start(t *testing.T, state engine.Config, register func(*engine.Engine)) {
	t.Helper()
	e, err := engine.New(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	register(e)
	if err := e.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func TestWorkflowsRunOneAtATimeAndOnceAnID(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		var running, worst, runs atomic.Int32
		var double *engine.Workflow[int, int]
		start(t, state, func(e *engine.Engine) {
			double = engine.Register(e, "double", func(r *engine.Run, n int) (int, error) {
				return engine.Step(r, "compute", func(context.Context) (int, error) {
					worst.Store(max(worst.Load(), running.Add(1)))
					defer running.Add(-1)
					runs.Add(1)
					return 2 * n, nil
				})
			})
		})
		var handles []*engine.Handle[int]
		for i := range 8 {
			id := ""
			if i >= 6 {
				id = "same"
			}
			h, err := double.Submit(t.Context(), id, i)
			if err != nil {
				t.Fatal(err)
			}
			handles = append(handles, h)
		}
		for i, h := range handles {
			got, err := h.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := 2 * min(i, 6); got != want {
				t.Errorf("result %d: %d, want %d", i, got, want)
			}
		}
		if runs.Load() != 7 || worst.Load() != 1 {
			t.Errorf("%d runs, %d at once; want 7 and 1", runs.Load(), worst.Load())
		}
	})
}

func TestAStoppedWorkflowGoesOnBehindItsLastStep(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		var first, second atomic.Int32
		reached := make(chan struct{})
		register := func(block bool) func(*engine.Engine) *engine.Workflow[string, string] {
			return func(e *engine.Engine) *engine.Workflow[string, string] {
				return engine.Register(e, "two-steps", func(r *engine.Run, in string) (string, error) {
					got, err := engine.Step(r, "first", func(context.Context) (string, error) {
						first.Add(1)
						return in + " first", nil
					})
					if err != nil {
						return "", err
					}
					return engine.Step(r, "second", func(ctx context.Context) (string, error) {
						second.Add(1)
						if block {
							close(reached)
							<-ctx.Done()
							return "", ctx.Err()
						}
						return got + " second", nil
					})
				})
			}
		}
		e, err := engine.New(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		w := register(true)(e)
		if err := e.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Submit(t.Context(), "job", "in"); err != nil {
			t.Fatal(err)
		}
		<-reached
		if err := e.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}

		var again *engine.Workflow[string, string]
		start(t, state, func(e *engine.Engine) { again = register(false)(e) })
		h, err := again.Submit(t.Context(), "job", "ignored: the id was used before")
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Wait(t.Context())
		if err != nil || got != "in first second" {
			t.Fatalf("%q, %v", got, err)
		}
		if first.Load() != 1 || second.Load() != 2 {
			t.Errorf("first step ran %d times and second %d; want 1 and 2", first.Load(), second.Load())
		}
	})
}

func TestAClientHandsWorkToARunningEngine(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		start(t, state, func(e *engine.Engine) {
			engine.Register(e, "greet", func(_ *engine.Run, name string) (string, error) { return "hello " + name, nil })
		})
		client, err := engine.NewClient(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		}()
		h, err := engine.SubmitTo[string, string](client, "greet", "", "bird")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Wait(t.Context()); err != nil || got != "hello bird" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestOnlyOneProcessHoldsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.lock")
	unlock, err := engine.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Lock(path); !errors.Is(err, engine.ErrRunning) {
		t.Errorf("second lock: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = engine.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
}

// Two processes ask for the same at the same time: it is done once. Asked for
// again later, it is done again.
func TestOneThatWaitsIsNotQueuedTwice(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		var runs atomic.Int32
		begun, goOn := make(chan struct{}, 3), make(chan struct{})
		var work *engine.Workflow[string, int32]
		start(t, state, func(e *engine.Engine) {
			work = engine.Register(e, "work", func(r *engine.Run, _ string) (int32, error) {
				return engine.Step(r, "work", func(context.Context) (int32, error) {
					begun <- struct{}{}
					<-goOn
					return runs.Add(1), nil
				})
			})
		})
		var handles []*engine.Handle[int32]
		for range 3 {
			h, err := work.SubmitUnless(t.Context(), "key", "in")
			if err != nil {
				t.Fatal(err)
			}
			handles = append(handles, h)
		}
		<-begun
		close(goOn)
		for _, h := range handles {
			if got, err := h.Wait(t.Context()); err != nil || got != 1 {
				t.Errorf("run %d, %v", got, err)
			}
		}
		h, err := work.SubmitUnless(t.Context(), "key", "in")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Wait(t.Context()); err != nil || got != 2 {
			t.Errorf("asked for again: run %d, %v", got, err)
		}
	})
}

func TestWhatEndedLongAgoIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		var e *engine.Engine
		var count *engine.Workflow[int, int32]
		var runs atomic.Int32
		start(t, state, func(opened *engine.Engine) {
			e = opened
			count = engine.Register(e, "count", func(*engine.Run, int) (int32, error) { return runs.Add(1), nil })
		})
		run := func() int32 {
			h, err := count.Submit(t.Context(), "id", 0)
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		ended := time.Now()
		if got := run(); got != 1 {
			t.Errorf("run %d", got)
		}
		if err := e.Forget(t.Context(), ended.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := run(); got != 1 {
			t.Errorf("what had just ended was forgotten: run %d", got)
		}
		if err := e.Forget(t.Context(), ended.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := run(); got != 2 {
			t.Errorf("what ended long ago was not forgotten: run %d", got)
		}
	})
}

// What runs alone takes its turn with executions, and is not written down.
func TestWhatRunsAloneRunsBesideNoExecution(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		var running, worst atomic.Int32
		turn := func() {
			worst.Store(max(worst.Load(), running.Add(1)))
			runtime.Gosched()
			running.Add(-1)
		}
		var shared bool
		var work *engine.Workflow[int, int]
		start(t, state, func(e *engine.Engine) {
			shared = e.Shared()
			work = engine.Register(e, "work", func(*engine.Run, int) (int, error) { turn(); return 0, nil })
		})
		var handles []*engine.Handle[int]
		for i := range 5 {
			h, err := work.Submit(t.Context(), "", i)
			if err != nil {
				t.Fatal(err)
			}
			handles = append(handles, h)
			if ran := work.Alone(turn); ran == shared {
				t.Errorf("on an engine that is shared or not (%v) it ran or not (%v)", shared, ran)
			}
		}
		for _, h := range handles {
			if _, err := h.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if worst.Load() != 1 {
			t.Errorf("%d ran at once", worst.Load())
		}
	})
}
