package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
)

// Progress says how far an execution is.
type Progress string

// How far an execution is.
const (
	Queued  Progress = "queued"
	Running Progress = "running"
	Ended   Progress = "ended" // with a result or an error
)

// ErrNoExecution is in the chain of what Find returns for an id that no execution
// of the workflow has.
var ErrNoExecution = errors.New("there is no execution with the id")

// ID identifies the execution; Find takes it.
func (h *Handle[R]) ID() string { return h.dbos.GetWorkflowID() }

// Find returns how far an execution of the workflow is and, where it has ended,
// what it returned; failure is its own error.
func (w *Workflow[P, R]) Find(ctx context.Context, id string) (progress Progress, result R, failure, err error) {
	if err := ctx.Err(); err != nil {
		return "", result, nil, err
	}
	unknown := fmt.Errorf("find %s %s: %w", w.name, id, ErrNoExecution)
	handle, err := dbos.RetrieveWorkflow[R](w.engine.dbos, id)
	if errors.Is(err, dbos.ErrNonExistentWorkflow) {
		return "", result, nil, unknown
	} else if err != nil {
		return "", result, nil, fmt.Errorf("find %s %s: %w", w.name, id, err)
	}
	status, err := handle.GetStatus()
	switch {
	case err != nil:
		return "", result, nil, fmt.Errorf("find %s %s: %w", w.name, id, err)
	case status.Name != w.name:
		return "", result, nil, unknown
	case status.Status == dbos.WorkflowStatusEnqueued, status.Status == dbos.WorkflowStatusDelayed:
		return Queued, result, nil, nil
	case status.Status == dbos.WorkflowStatusPending:
		return Running, result, nil, nil
	}
	result, failure = handle.GetResult(dbos.WithHandlePollingInterval(w.engine.cfg.ask()))
	return Ended, result, failure, nil
}
