package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
)

// Run is one execution of a workflow, to be handed to Step. Between steps a
// workflow does nothing that can come out differently the next time.
type Run struct{ dbos dbos.Context }

// Step does a piece of work and writes down what it returned. After a crash a
// step that was written down is not done again; one that was not is. So a step
// may happen twice and must come to the same end. Results are stored as JSON:
// keep them small.
func Step[R any](r *Run, name string, do func(context.Context) (R, error)) (R, error) {
	return dbos.RunAsStep(r.dbos, dbos.Step[R](do), dbos.WithStepName(name))
}

// Workflow is a registered workflow that runs one at a time, over all processes
// that share the engine's state.
type Workflow[P, R any] struct {
	engine *Engine
	name   string
}

// Register adds a workflow under a name that stays the same for ever. It must
// happen before Start.
func Register[P, R any](e *Engine, name string, do func(*Run, P) (R, error)) *Workflow[P, R] {
	dbos.RegisterWorkflow(e.dbos, func(ctx dbos.Context, input P) (R, error) {
		return do(&Run{ctx}, input)
	}, dbos.WithWorkflowName(name))
	e.queues = append(e.queues, name)
	return &Workflow[P, R]{engine: e, name: name}
}

// Submit queues an execution. An id that was used before does nothing new: the
// handle is that of the earlier execution. An empty id is a new one each time.
func (w *Workflow[P, R]) Submit(ctx context.Context, id string, input P) (*Handle[R], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return submit[P, R](w.engine.dbos, w.name, id, input)
}

func submit[P, R any](client dbos.Client, name, id string, input P) (*Handle[R], error) {
	options := []dbos.EnqueueOption{dbos.WithEnqueueApplicationVersion(appVersion)}
	if id != "" {
		options = append(options, dbos.WithEnqueueWorkflowID(id))
	}
	handle, err := dbos.Enqueue[R](client, name, name, input, options...)
	if err != nil {
		return nil, fmt.Errorf("queue workflow %s %s: %w", name, id, err)
	}
	return &Handle[R]{handle}, nil
}

// Handle follows an execution.
type Handle[R any] struct{ dbos dbos.WorkflowHandle[R] }

// pollResult is how often Wait asks whether an execution has ended.
const pollResult = 10 * time.Millisecond

// Wait returns what the execution returned, or ctx's error where that comes first.
func (h *Handle[R]) Wait(ctx context.Context) (R, error) {
	type answer struct {
		result R
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := h.dbos.GetResult(dbos.WithHandlePollingInterval(pollResult))
		done <- answer{result, err}
	}()
	select {
	case <-ctx.Done():
		var none R
		return none, ctx.Err()
	case a := <-done:
		return a.result, a.err
	}
}
