package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
)

// lost finds executions that this process began and nobody runs any more, and
// queues them again. An execution gets lost where what came of it, or of a step,
// could not be written down: on a full disk, say. DBOS gives such a one up and
// leaves it as begun until the process is started again, and the queue, which runs
// one at a time, would wait for it as long.
type lost struct {
	dbos  dbos.Context
	every time.Duration
	log   *slog.Logger

	mu   sync.Mutex
	here map[string]int // executions that run in this process; two of one where it was queued again too early

	cancel context.CancelFunc
	done   chan struct{}
}

// begin notes that an execution runs here, until the returned function is called.
func (l *lost) begin(ctx dbos.Context) (end func()) {
	id, err := dbos.GetWorkflowID(ctx)
	if err != nil {
		return func() {} // not an execution: it can not get lost
	}
	l.add(id, 1)
	return func() { l.add(id, -1) }
}

func (l *lost) add(id string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.here[id] += n; l.here[id] == 0 {
		delete(l.here, id)
	}
}

// start begins to look.
func (l *lost) start(ctx context.Context) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		tick := time.NewTicker(l.every)
		defer tick.Stop()
		var suspects map[string]string
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				suspects = l.look(suspects)
			}
		}
	}()
}

func (l *lost) stop() {
	l.cancel()
	<-l.done
}

// look queues again those that did not run at the look before and do not run
// now: one that has just been taken, or has just ended, is not running for a
// moment. It returns the suspects of this look, with their queues. To queue one too
// early does no harm: its steps are written down, and only one that owns it may
// write more.
func (l *lost) look(before map[string]string) map[string]string {
	begun, err := dbos.ListWorkflows(l.dbos, dbos.WithFilterStatus(dbos.WorkflowStatusPending),
		dbos.WithFilterExecutorIDs(dbos.GetExecutorID(l.dbos)), dbos.WithFilterLoadInput(false), dbos.WithFilterLoadOutput(false))
	if err != nil {
		return before // the state is out of reach; that is told elsewhere
	}
	suspects := make(map[string]string)
	for _, w := range begun {
		if !l.runs(w.ID) {
			suspects[w.ID] = w.QueueName
		}
	}
	for id, queue := range suspects {
		if _, again := before[id]; !again {
			continue
		}
		if _, err := dbos.ResumeWorkflow[any](l.dbos, id, dbos.WithResumeQueue(queue)); err == nil {
			l.log.Warn("queued again what had got lost", "queue", queue, "id", id)
			delete(suspects, id)
		}
	}
	return suspects
}

func (l *lost) runs(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.here[id] > 0
}
