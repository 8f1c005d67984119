package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ovenbird/internal/engine"
)

func start(t *testing.T, path string, register func(*engine.Engine)) *engine.Engine {
	t.Helper()
	e, err := engine.New(t.Context(), engine.Config{Path: path})
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
	return e
}

func TestWorkflowsRunOneAtATimeAndOnceAnID(t *testing.T) {
	var running, worst, runs atomic.Int32
	var double *engine.Workflow[int, int]
	start(t, filepath.Join(t.TempDir(), "engine.db"), func(e *engine.Engine) {
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
}

func TestAStoppedWorkflowGoesOnBehindItsLastStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
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
	e, err := engine.New(t.Context(), engine.Config{Path: path})
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
	start(t, path, func(e *engine.Engine) { again = register(false)(e) })
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
}

func TestAClientHandsWorkToARunningEngine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	start(t, path, func(e *engine.Engine) {
		engine.Register(e, "greet", func(_ *engine.Run, name string) (string, error) { return "hello " + name, nil })
	})
	client, err := engine.NewClient(t.Context(), path)
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
