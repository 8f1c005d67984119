package engine_test

import (
	"database/sql"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"ovenbird/internal/engine"
)

// An execution whose outcome could not be written down stands there as begun, and
// nobody runs it. It is run again, by the same process, and what waits behind it
// gets its turn.
func TestAnExecutionThatGotLostIsRunAgain(t *testing.T) {
	each(t, func(t *testing.T, state engine.Config) {
		t.Helper()
		state.Look = 50 * time.Millisecond
		var runs atomic.Int32
		var work *engine.Workflow[string, int32]
		start(t, state, func(e *engine.Engine) {
			work = engine.Register(e, "work", func(*engine.Run, string) (int32, error) { return runs.Add(1), nil })
		})
		run := func(id string) int32 {
			h, err := work.Submit(t.Context(), id, "in")
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		first := run("lost")
		forgetOutcome(t, state, "lost")
		if got := run("next"); got <= first {
			t.Errorf("the one that waited behind the one that got lost was run %d", got)
		}
		if got := run("lost"); got <= first {
			t.Errorf("the one that got lost is still known to have returned %d", got)
		}
	})
}

// forgetOutcome leaves an execution as a disk that failed at its end does.
func forgetOutcome(t *testing.T, state engine.Config, id string) {
	t.Helper()
	driver, address, table := "sqlite", state.Path+"?_pragma=busy_timeout(10000)", "workflow_status"
	if state.URL != "" {
		driver, address, table = "pgx", state.URL, "dbos.workflow_status"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // what was written is written
	_, err = db.ExecContext(t.Context(), "UPDATE "+table+" SET status = 'PENDING', output = NULL, completed_at = NULL WHERE workflow_uuid = $1", id)
	if err != nil {
		t.Fatal(err)
	}
}
