package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
)

// Config says where the engine keeps its state: in a file or in PostgreSQL.
type Config struct {
	// Path is the engine's SQLite file, made when it is not there. One process
	// at a time runs an engine on it: see Lock.
	Path string
	// URL is that of a PostgreSQL database, in place of Path. Any number of
	// processes may run an engine on it and share the work.
	URL string
	// Poll is how often a queue looks for work; 0 means 20 ms on SQLite and
	// 100 ms on PostgreSQL.
	Poll time.Duration
	// StopTimeout is how long Stop waits for each part of the engine to come to
	// rest; 0 means 10 s. What is cut off goes on at the next start, or in
	// another process.
	StopTimeout time.Duration
	// Lease is how long a process may be silent before the others take its work
	// over; 0 means 5 s. On SQLite it means nothing.
	Lease time.Duration
	// Look is how often the engine looks for executions that it has begun and that
	// got lost; 0 means 2 s.
	Look time.Duration
	// Log is told who leads and what is taken over; nil discards.
	Log *slog.Logger
}

// appVersion is the same for every build, so that an upgraded program goes on
// with the workflows of the one before it.
const appVersion = "ovenbird"

const appName = "ovenbird"

// fill returns the config with its defaults.
func (c Config) fill() Config {
	poll := 20 * time.Millisecond
	if c.URL != "" {
		poll = 100 * time.Millisecond
	}
	c.Poll = cmp.Or(c.Poll, poll)
	c.StopTimeout = cmp.Or(c.StopTimeout, 10*time.Second)
	c.Lease = cmp.Or(c.Lease, 5*time.Second)
	c.Look = cmp.Or(c.Look, 2*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// ask is how often somebody who waits asks whether an execution has ended.
func (c Config) ask() time.Duration { return c.Poll / 2 }

// Engine runs workflows. Register everything before Start.
type Engine struct {
	cfg     Config
	state   state
	dbos    dbos.Context
	queues  []queue
	started bool
	members *membership // nil on SQLite
	lost    *lost
	// asking is held by who submits under a key. Where another waits under it,
	// DBOS looks for that one on a second connection while the first holds a
	// transaction: many at once would take all connections, and wait for ever.
	asking sync.Mutex
}

// queue is where the executions of one workflow wait.
type queue struct {
	name string
	task bool // any process may run one; else only the leader
}

// New opens the engine's state. The caller calls Stop, started or not.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	cfg = cfg.fill()
	s, err := openState(ctx, cfg)
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, state: s}
	err = s.alone(ctx, func() (err error) {
		// The engine outlives the call: Stop ends it, not the end of ctx.
		e.dbos, err = dbos.NewContext(context.WithoutCancel(ctx), dbos.Config{
			AppName: appName, SQLiteSystemDB: s.file, SystemDBPool: s.pool, DatabaseSchema: schema,
			ApplicationVersion: appVersion, ExecutorID: executorID(cfg), Logger: slog.New(warnings{cfg.Log.Handler()}),
		})
		if err != nil {
			return fmt.Errorf("open the engine's state in %s: %w", s.name, err)
		}
		e.lost = &lost{dbos: e.dbos, every: cfg.Look, log: cfg.Log, here: make(map[string]int)}
		if s.pool != nil {
			e.members, err = newMembership(ctx, cfg, e.dbos)
		}
		return err
	})
	if err != nil {
		if e.dbos != nil {
			return nil, errors.Join(err, dbos.Shutdown(e.dbos, cfg.StopTimeout))
		}
		return nil, errors.Join(err, s.close())
	}
	return e, nil
}

// Shared reports whether other processes may run this engine beside this one.
func (e *Engine) Shared() bool { return e.members != nil }

// Leads reports whether this process is the one that runs workflows: always on
// SQLite; on PostgreSQL the one that has been there longest. A process may lead
// no more before it knows.
func (e *Engine) Leads() bool { return e.members == nil || e.members.leads() }

// Processes returns how many processes share the engine's tasks, this one
// included, as far as it knows.
func (e *Engine) Processes() int {
	if e.members == nil {
		return 1
	}
	return e.members.count()
}

// Start begins to run what is queued, and what an earlier process left unfinished.
func (e *Engine) Start(ctx context.Context, _ func(error)) error {
	if err := e.state.alone(ctx, e.registerQueues); err != nil {
		return err
	}
	if e.members != nil {
		if err := e.members.join(ctx, e.queues); err != nil {
			return err
		}
	}
	if err := dbos.Launch(e.dbos); err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	e.started = true
	e.lost.start(context.WithoutCancel(ctx))
	if e.members != nil {
		e.members.stay(context.WithoutCancel(ctx))
	}
	return ctx.Err()
}

func (e *Engine) registerQueues() error {
	for _, q := range e.queues {
		options := []dbos.QueueOption{dbos.WithWorkerConcurrency(1), dbos.WithQueueBasePollingInterval(e.cfg.Poll)}
		if !q.task {
			options = append(options, dbos.WithGlobalConcurrency(1))
		}
		if _, err := dbos.RegisterQueue(e.dbos, q.name, options...); err != nil {
			return fmt.Errorf("register queue %s: %w", q.name, err)
		}
	}
	return nil
}

// forgetAtOnce is how many executions Forget forgets in one transaction.
const forgetAtOnce = 500

// Forget removes what is known of executions that ended before an instant. Their
// ids are as good as new after that.
func (e *Engine) Forget(ctx context.Context, before time.Time) error {
	for ctx.Err() == nil {
		old, err := dbos.ListWorkflows(e.dbos, dbos.WithFilterCompletedBefore(before), dbos.WithFilterLimit(forgetAtOnce),
			dbos.WithFilterLoadInput(false), dbos.WithFilterLoadOutput(false))
		if err != nil {
			return fmt.Errorf("list what the engine did before %s: %w", before.Format(time.RFC3339), err)
		}
		if len(old) == 0 {
			return nil
		}
		ids := make([]string, len(old))
		for i, w := range old {
			ids[i] = w.ID
		}
		if err := dbos.DeleteWorkflows(e.dbos, ids); err != nil {
			return fmt.Errorf("forget what the engine did before %s: %w", before.Format(time.RFC3339), err)
		}
	}
	return ctx.Err()
}

// Stop lets running steps end and closes the engine's state. Unfinished
// workflows go on at the next start, or in another process.
func (e *Engine) Stop(ctx context.Context) error {
	var failed []error
	if e.started {
		e.lost.stop()
	}
	if e.started && e.members != nil {
		e.members.rest()
	}
	// It closes the state too. Not started, the engine has nothing else to end.
	failed = append(failed, dbos.Shutdown(e.dbos, e.cfg.StopTimeout))
	if e.members != nil {
		failed = append(failed, e.members.leave(ctx))
	}
	return errors.Join(failed...)
}
