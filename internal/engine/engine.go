package engine

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	// The driver tells DBOS how to read the error codes of SQLite.
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite"
)

// Config says where the engine keeps its state.
type Config struct {
	// Path is the engine's SQLite file, made when it is not there.
	Path string
	// Poll is how often a queue looks for work; 0 means 20 ms.
	Poll time.Duration
	// StopTimeout is how long Stop waits for each part of the engine to come to
	// rest; 0 means 10 s. What is cut off goes on at the next start.
	StopTimeout time.Duration
	Log         *slog.Logger // nil discards
}

// appVersion is the same for every build, so that an upgraded program goes on
// with the workflows of the one before it.
const appVersion = "ovenbird"

const appName = "ovenbird"

// Engine runs workflows. Register everything before Start.
type Engine struct {
	cfg     Config
	db      *sql.DB
	dbos    dbos.Context
	queues  []string
	started bool
}

// New opens the engine's state. The caller calls Stop, started or not.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	cfg.Poll = cmp.Or(cfg.Poll, 20*time.Millisecond)
	cfg.StopTimeout = cmp.Or(cfg.StopTimeout, 10*time.Second)
	log := cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	db, err := open(cfg.Path)
	if err != nil {
		return nil, err
	}
	// The engine outlives the call: Stop ends it, not the end of ctx.
	dbosCtx, err := dbos.NewContext(context.WithoutCancel(ctx), dbos.Config{
		AppName: appName, SQLiteSystemDB: db, ApplicationVersion: appVersion, Logger: log,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the engine's state %s: %w", cfg.Path, err), db.Close())
	}
	return &Engine{cfg: cfg, db: db, dbos: dbosCtx}, nil
}

// open opens the database with synchronous(FULL): a step that returned was
// written down, power cut or not.
func open(path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the engine's state: %w", err)
	}
	query := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"},
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open the engine's state %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	return db, nil
}

// Start begins to run what is queued, and what an earlier process left unfinished.
func (e *Engine) Start(ctx context.Context, _ func(error)) error {
	for _, name := range e.queues {
		if _, err := dbos.RegisterQueue(e.dbos, name,
			dbos.WithGlobalConcurrency(1), dbos.WithWorkerConcurrency(1), dbos.WithQueueBasePollingInterval(e.cfg.Poll),
		); err != nil {
			return fmt.Errorf("register queue %s: %w", name, err)
		}
	}
	if err := dbos.Launch(e.dbos); err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	e.started = true
	return ctx.Err()
}

// Stop lets running steps end and closes the engine's state. Unfinished
// workflows go on at the next start.
func (e *Engine) Stop(context.Context) error {
	var err error
	if e.started {
		err = dbos.Shutdown(e.dbos, e.cfg.StopTimeout)
	}
	return errors.Join(err, e.db.Close())
}
