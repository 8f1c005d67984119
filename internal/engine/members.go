package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/dbos-inc/dbos-transact-golang/dbos/internals"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// beats is how many times a process says that it is there before its lease ends.
const beats = 5

// memberTable holds the processes that share an engine. All instants are the
// database's, so that the clocks of the processes do not matter.
const memberTable = `
CREATE SEQUENCE IF NOT EXISTS dbos.ovenbird_ranks;
CREATE TABLE IF NOT EXISTS dbos.ovenbird_members (
	id    TEXT PRIMARY KEY,      -- DBOS's executor_id
	rank  BIGINT NOT NULL,       -- the lowest one leads
	until TIMESTAMPTZ NOT NULL   -- when the lease ends
)`

// beat renews a lease. A process that comes back after its lease has ended goes
// to the end of the row: somebody else leads by then.
const beat = `
INSERT INTO dbos.ovenbird_members AS m (id, rank, until)
VALUES ($1, nextval('dbos.ovenbird_ranks'), now() + $2 * INTERVAL '1 microsecond')
ON CONFLICT (id) DO UPDATE SET until = EXCLUDED.until,
	rank = CASE WHEN m.until > now() THEN m.rank ELSE EXCLUDED.rank END`

const (
	living = `SELECT id FROM dbos.ovenbird_members WHERE until > now() ORDER BY rank`
	forget = `DELETE FROM dbos.ovenbird_members WHERE until < now() - INTERVAL '1 hour'`
	leave  = `DELETE FROM dbos.ovenbird_members WHERE id = $1`
)

// membership is this process's place among those that share an engine. Each
// holds a lease and renews it. The one that has been there longest leads: it
// alone takes executions of workflows, while all take tasks, and it hands what
// processes without a lease had begun to those that are there.
//
// Leading is for speed, not for safety: where two believe that they lead, the
// queue still runs one at a time, and DBOS lets only the owner of an execution
// write down what came of it.
type membership struct {
	id      string
	lease   time.Duration
	pool    *pgxpool.Pool // of its own, so that no work can hold up a sign of life
	dbos    dbos.Context
	runtime internals.Runtime
	log     *slog.Logger

	all, tasks []string // queues

	known  atomic.Pointer[[]string] // the ids of those with a lease, the leader first
	until  time.Time                // when the lease ends, by this process's clock
	cancel context.CancelFunc
	done   chan struct{}
}

func newMembership(ctx context.Context, cfg Config, on dbos.Context) (*membership, error) {
	runtime, err := internals.RuntimeOf(on)
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, cfg.URL, 1)
	if err != nil {
		return nil, err
	}
	m := &membership{id: dbos.GetExecutorID(on), lease: cfg.Lease, pool: pool, dbos: on, runtime: runtime, log: cfg.Log}
	m.known.Store(&[]string{})
	if _, err := pool.Exec(ctx, memberTable); err != nil {
		pool.Close()
		return nil, fmt.Errorf("make the table of the engine's processes: %w", err)
	}
	return m, nil
}

func (m *membership) leads() bool {
	known := *m.known.Load()
	return len(known) > 0 && known[0] == m.id
}

func (m *membership) count() int { return max(1, len(*m.known.Load())) }

// join takes a lease. Only then may the process begin anything.
func (m *membership) join(ctx context.Context, queues []queue) error {
	// Without a name, DBOS would listen to all queues.
	m.tasks = []string{"none"}
	for _, q := range queues {
		m.all = append(m.all, q.name)
		if q.task {
			m.tasks = append(m.tasks, q.name)
		}
	}
	if err := m.renew(ctx); err != nil {
		return fmt.Errorf("join the engine's processes: %w", err)
	}
	return nil
}

// stay renews the lease until rest is called.
func (m *membership) stay(ctx context.Context) {
	ctx, m.cancel = context.WithCancel(ctx)
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		tick := time.NewTicker(m.lease / beats)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				m.turn(ctx)
			}
		}
	}()
}

// turn renews the lease, and takes over what was left by those that have none.
func (m *membership) turn(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, m.lease)
	defer cancel()
	err := m.renew(limited)
	if err == nil && m.leads() {
		err = m.takeOver(limited)
	}
	if err != nil && ctx.Err() == nil {
		m.log.Error("this process can not reach the engine's others", "error", err)
		if time.Now().After(m.until) {
			m.learn(nil)
		}
	}
}

func (m *membership) renew(ctx context.Context) error {
	began := time.Now()
	batch := &pgx.Batch{}
	batch.Queue(beat, m.id, m.lease.Microseconds())
	batch.Queue(forget)
	batch.Queue(living)
	results := m.pool.SendBatch(ctx, batch)
	_, beatErr := results.Exec()
	_, forgetErr := results.Exec()
	rows, err := results.Query()
	var ids []string
	if err == nil {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err := errors.Join(beatErr, forgetErr, err, results.Close()); err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	m.until = began.Add(m.lease)
	m.learn(ids)
	return nil
}

// learn takes in who is there, and listens to the queues that are this process's.
func (m *membership) learn(ids []string) {
	led := m.leads()
	m.known.Store(&ids)
	leads := m.leads()
	if leads {
		dbos.ListenQueues(m.dbos, m.all...)
	} else {
		dbos.ListenQueues(m.dbos, m.tasks...)
	}
	if leads != led {
		m.log.Info("the processes changed places", "leads", leads, "processes", len(ids))
	}
}

// takeOver queues again what processes that are gone had begun.
func (m *membership) takeOver(ctx context.Context) error {
	pending, err := dbos.ListWorkflows(m.dbos, dbos.WithFilterStatus(dbos.WorkflowStatusPending),
		dbos.WithFilterLoadInput(false), dbos.WithFilterLoadOutput(false))
	if err != nil {
		return fmt.Errorf("list what is being done: %w", err)
	}
	var owners []string
	for _, w := range pending {
		if w.ExecutorID != m.id && !slices.Contains(owners, w.ExecutorID) {
			owners = append(owners, w.ExecutorID)
		}
	}
	if len(owners) == 0 {
		return nil
	}
	// Asked after the list was made: whoever began something had a lease before.
	rows, err := m.pool.Query(ctx, living)
	if err != nil {
		return fmt.Errorf("list the engine's processes: %w", err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the engine's processes: %w", err)
	}
	gone := slices.DeleteFunc(owners, func(id string) bool { return slices.Contains(there, id) })
	if len(gone) == 0 {
		return nil
	}
	taken, err := m.runtime.RecoverPendingWorkflows(gone)
	if err != nil {
		return fmt.Errorf("take over from %s: %w", gone, err)
	}
	m.log.Warn("took over what processes that are gone had begun", "processes", gone, "workflows", len(taken))
	return nil
}

// rest stops renewing the lease.
func (m *membership) rest() {
	m.cancel()
	<-m.done
}

// leave gives the lease back, so that the others need not wait for its end.
func (m *membership) leave(ctx context.Context) error {
	defer m.pool.Close()
	if _, err := m.pool.Exec(context.WithoutCancel(ctx), leave, m.id); err != nil {
		return fmt.Errorf("leave the engine's processes: %w", err)
	}
	return nil
}
