package engine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	// The driver tells DBOS how to read the error codes of SQLite.
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// schema is where in a PostgreSQL database DBOS keeps its tables, and the engine
// its own: apart from the catalog's.
const schema = "dbos"

// state is where the engine keeps what it knows: one of file and pool.
type state struct {
	name string // for errors: without a password
	file *sql.DB
	pool *pgxpool.Pool
}

// openState opens the state that a config names.
func openState(ctx context.Context, cfg Config) (state, error) {
	if (cfg.Path == "") == (cfg.URL == "") {
		return state{}, errors.New("an engine needs a file or a PostgreSQL database, and not both")
	}
	if cfg.URL == "" {
		return openFile(cfg.Path)
	}
	pool, err := openPool(ctx, cfg.URL, maxConnections)
	if err != nil {
		return state{}, err
	}
	at := pool.Config().ConnConfig
	return state{name: fmt.Sprintf("%s on %s", at.Database, at.Host), pool: pool}, nil
}

// maxFiles is how many connections to an SQLite file an engine holds at most: more
// than all its queues, loops and steps can wait on for their turn to write. What
// has that turn may need a second one (see Engine.asking); were there none left,
// all would wait until they give up.
const maxFiles = 32

// openFile opens an SQLite database with synchronous(FULL): a step that returned
// was written down, power cut or not.
func openFile(path string) (state, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return state{}, fmt.Errorf("find the engine's state: %w", err)
	}
	query := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"},
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return state{}, fmt.Errorf("open the engine's state %s: %w", path, err)
	}
	db.SetMaxOpenConns(maxFiles)
	return state{name: path, file: db}, nil
}

// maxConnections is how many connections to PostgreSQL an engine holds at most,
// beside the one that says that it is there.
const maxConnections = 8

func openPool(ctx context.Context, address string, connections int32) (*pgxpool.Pool, error) {
	// The errors of parsing leave the password out.
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("the engine's database: %w", err)
	}
	cfg.MaxConns = connections
	cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	cfg.ConnConfig.RuntimeParams["application_name"] = appName
	// A process that stops in the middle of a transaction must not hold its rows
	// for ever. Not a parameter of the connection: poolers refuse those they do
	// not know.
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET idle_in_transaction_session_timeout = '60s'")
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the engine's database: %w", err)
	}
	return pool, nil
}

// migrations names the lock that keeps processes which start at the same time
// from making the same tables. It is the bytes of "oven".
const migrations = 0x6f76656e

// alone runs do while no other process does.
func (s state) alone(ctx context.Context, do func() error) error {
	if s.pool == nil {
		return do()
	}
	// A connection of its own, so that a process that dies lets go of the lock.
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig.Copy())
	if err != nil {
		return fmt.Errorf("connect to the engine's database %s: %w", s.name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the lock goes with it in any case
	// Asked again and again, because a query that waits for the lock would hold
	// up the building of an index by the process that has it.
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for locked := false; ; {
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", migrations).Scan(&locked); err != nil {
			return fmt.Errorf("lock the engine's database %s: %w", s.name, err)
		}
		if locked {
			return do()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s state) close() error {
	if s.file != nil {
		return s.file.Close()
	}
	s.pool.Close()
	return nil
}

// executorID tells the processes that share an engine apart. On SQLite it is
// always the same, so that a process goes on with what the one before it left.
func executorID(cfg Config) string {
	if cfg.URL == "" {
		return ""
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:8])
}
