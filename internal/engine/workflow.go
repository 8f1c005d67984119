package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
)

// Run is one execution of a workflow, to be handed to Step. Between steps a
// workflow does nothing that can come out differently the next time.
type Run struct {
	dbos dbos.Context
	ask  time.Duration // how often Spread asks whether a task has ended
}

// Step does a piece of work and writes down what it returned. After a crash a
// step that was written down is not done again; one that was not is. So a step
// may happen twice, even at the same time where a process that seemed to be gone
// was only slow, and must come to the same end. Results are stored as JSON: keep
// them small.
func Step[R any](r *Run, name string, do func(context.Context) (R, error)) (R, error) {
	return dbos.RunAsStep(r.dbos, dbos.Step[R](do), dbos.WithStepName(name))
}

// Workflow is a registered workflow that runs one at a time, over all processes
// that share the engine's state.
type Workflow[P, R any] struct {
	engine *Engine
	name   string
	turn   *sync.Mutex // held by what runs in this process
}

// Register adds a workflow under a name that stays the same for ever. It must
// happen before Start. No two workflows or tasks have the same P and R.
func Register[P, R any](e *Engine, name string, do func(*Run, P) (R, error)) *Workflow[P, R] {
	turn := new(sync.Mutex)
	register(e, queue{name: name}, func(r *Run, input P) (R, error) {
		turn.Lock()
		defer turn.Unlock()
		return do(r, input)
	})
	return &Workflow[P, R]{engine: e, name: name, turn: turn}
}

// Alone runs do at once, or as soon as no execution of the workflow runs, and
// writes nothing down: for work that need not wait for the engine, because after a
// crash it is found again without it. On an engine that other processes share, where
// an execution may run elsewhere, it does nothing and returns false.
func (w *Workflow[P, R]) Alone(do func()) bool {
	if w.engine.Shared() {
		return false
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	do()
	return true
}

// Task is a registered piece of a workflow. Each process that shares the
// engine's state runs one at a time.
type Task[P, R any] struct{ name string }

// RegisterTask adds a task, as Register does a workflow.
func RegisterTask[P, R any](e *Engine, name string, do func(*Run, P) (R, error)) *Task[P, R] {
	register(e, queue{name: name, task: true}, do)
	return &Task[P, R]{name: name}
}

func register[P, R any](e *Engine, q queue, do func(*Run, P) (R, error)) {
	dbos.RegisterWorkflow(e.dbos, func(ctx dbos.Context, input P) (R, error) {
		defer e.lost.begin(ctx)()
		return do(&Run{ctx, e.cfg.ask()}, input)
	}, dbos.WithWorkflowName(q.name))
	e.queues = append(e.queues, q)
}

// Spread runs a task once for each input, shared among the processes, and
// returns what came of them in the order of the inputs, once all have ended. A
// workflow that is taken over goes on with the tasks that were begun.
func Spread[P, R any](r *Run, t *Task[P, R], inputs []P) ([]R, error) {
	handles := make([]dbos.WorkflowHandle[R], len(inputs))
	for i, input := range inputs {
		handle, err := dbos.Enqueue[R](r.dbos, t.name, t.name, input, dbos.WithEnqueueApplicationVersion(appVersion))
		if err != nil {
			return nil, fmt.Errorf("queue task %s: %w", t.name, err)
		}
		handles[i] = handle
	}
	results := make([]R, len(inputs))
	var failed []error
	for i, handle := range handles {
		result, err := handle.GetResult(dbos.WithHandlePollingInterval(r.ask))
		if err != nil {
			failed = append(failed, fmt.Errorf("task %s %d: %w", t.name, i, err))
		}
		results[i] = result
	}
	return results, errors.Join(failed...)
}

// Submit queues an execution. An id that was used before does nothing new: the
// handle is that of the earlier execution. An empty id is a new one each time.
func (w *Workflow[P, R]) Submit(ctx context.Context, id string, input P) (*Handle[R], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return submit[P, R](w.engine.dbos, w.engine.cfg.ask(), w.name, id, input)
}

// SubmitUnless queues an execution unless one that was queued with the same key
// waits or runs: then the handle is that one's.
func (w *Workflow[P, R]) SubmitUnless(ctx context.Context, key string, input P) (*Handle[R], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.engine.asking.Lock()
	defer w.engine.asking.Unlock()
	return submit[P, R](w.engine.dbos, w.engine.cfg.ask(), w.name, "", input,
		dbos.WithEnqueueDeduplicationID(key), dbos.WithEnqueueDeduplicationPolicy(dbos.DeduplicationPolicyReturnExisting))
}

func submit[P, R any](
	client dbos.Client, ask time.Duration, name, id string, input P, options ...dbos.EnqueueOption,
) (*Handle[R], error) {
	options = append(options, dbos.WithEnqueueApplicationVersion(appVersion))
	if id != "" {
		options = append(options, dbos.WithEnqueueWorkflowID(id))
	}
	handle, err := dbos.Enqueue[R](client, name, name, input, options...)
	if err != nil {
		return nil, fmt.Errorf("queue workflow %s %s: %w", name, id, err)
	}
	return &Handle[R]{handle, ask}, nil
}

// Handle follows an execution.
type Handle[R any] struct {
	dbos dbos.WorkflowHandle[R]
	ask  time.Duration // how often Wait asks whether it has ended
}

// Wait returns what the execution returned, or ctx's error where that comes first.
func (h *Handle[R]) Wait(ctx context.Context) (R, error) {
	type answer struct {
		result R
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := h.dbos.GetResult(dbos.WithHandlePollingInterval(h.ask))
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
