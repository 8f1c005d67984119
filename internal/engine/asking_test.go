package engine_test

import (
	"context"
	"sync"
	"testing"

	"ovenbird/internal/engine"
)

// To find who waits under a key takes a second connection while the first holds
// a transaction: any number may ask at once, and none of them uses up what
// another waits for.
func TestAnyNumberAskForTheSame(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		goOn := make(chan struct{})
		var work *engine.Workflow[string, int]
		start(t, state, func(e *engine.Engine) {
			work = engine.Register(e, "work", func(r *engine.Run, _ string) (int, error) {
				return engine.Step(r, "work", func(context.Context) (int, error) {
					<-goOn
					return 1, nil
				})
			})
		})
		var asking sync.WaitGroup
		for range 16 {
			asking.Go(func() {
				if _, err := work.SubmitUnless(t.Context(), "key", "in"); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		close(goOn)
	})
}
