package engine_test

import (
	"context"
	"errors"
	"testing"

	"ovenbird/internal/engine"
)

func TestAnExecutionIsFoundByItsID(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		began, goOn := make(chan struct{}, 1), make(chan struct{})
		var work *engine.Workflow[string, string]
		var other *engine.Workflow[int, int]
		start(t, state, func(e *engine.Engine) {
			work = engine.Register(e, "work", func(r *engine.Run, in string) (string, error) {
				return engine.Step(r, "step", func(context.Context) (string, error) {
					if in == "bad" {
						return "", errors.New("burnt")
					}
					began <- struct{}{}
					<-goOn
					return in + " done", nil
				})
			})
			other = engine.Register(e, "other", func(_ *engine.Run, n int) (int, error) { return n, nil })
		})
		first, err := work.Submit(t.Context(), "", "good")
		if err != nil {
			t.Fatal(err)
		}
		<-began
		second, err := work.Submit(t.Context(), "", "bad")
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]engine.Progress{first.ID(): engine.Running, second.ID(): engine.Queued} {
			if got, _, _, err := work.Find(t.Context(), id); got != want || err != nil {
				t.Errorf("got %s %v, want %s", got, err, want)
			}
		}
		close(goOn)
		if _, err := first.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Wait(t.Context()); err == nil {
			t.Fatal("a failure was lost")
		}
		if got, result, failure, err := work.Find(t.Context(), first.ID()); got != engine.Ended || result != "good done" || failure != nil || err != nil {
			t.Errorf("got %s %q %v %v", got, result, failure, err)
		}
		if got, _, failure, err := work.Find(t.Context(), second.ID()); got != engine.Ended || failure == nil || err != nil {
			t.Errorf("got %s %v %v", got, failure, err)
		}
		_, _, _, unknown := work.Find(t.Context(), "no")
		_, _, _, notIts := other.Find(t.Context(), first.ID())
		if !errors.Is(unknown, engine.ErrNoExecution) || !errors.Is(notIts, engine.ErrNoExecution) {
			t.Errorf("got %v and %v", unknown, notIts)
		}
	})
}
