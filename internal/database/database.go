package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	goosedb "github.com/pressly/goose/v3/database"
)

// Config says where the database is.
type Config struct {
	// URL is a PostgreSQL database: postgres://USER@HOST:PORT/NAME. What it leaves
	// out comes from the PG* variables and the password file, as with libpq; the
	// password is best left to those. "" is SQLite at Path.
	URL string
	// Path is the file of an SQLite database. It and its folder are made when they
	// are not there.
	Path string
	// Readers is how many read transactions may run at once; 0 means 4.
	Readers int
	// BusyTimeout is how long a writer waits for one in another process before
	// the transaction is tried again; 0 means 5 s.
	BusyTimeout time.Duration
}

// DB is an open database: one connection that writes, so that writers queue in
// this process instead of colliding in the database, and several that read, each
// seeing the state as of its transaction's start. Any number of goroutines may use it.
type DB struct {
	backend backend
	busy    time.Duration
	write   *sql.DB
	read    *sql.DB
}

// backend is what SQLite and PostgreSQL do differently.
type backend interface {
	// name says which database it is, for messages: never a password.
	name() string
	goose() goosedb.Dialect
	// writing and reading are how transactions begin.
	writing() *sql.TxOptions
	reading() *sql.TxOptions
	// turn waits, at the start of a write transaction, until it is the only one.
	turn(ctx context.Context, tx *sql.Tx) error
	// busy reports whether err is a collision with another transaction: this one
	// was rolled back, and may succeed when it is tried again.
	busy(err error) bool
	// lost reports whether err is the end of the connection: a transaction that
	// was not being committed did not happen.
	lost(err error) bool
	// alone runs fn while no other process runs one on the same database.
	alone(ctx context.Context, read *sql.DB, fn func() error) error
}

// Open opens the database, and makes it where it is a file. The caller closes it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.Readers = cmp.Or(cfg.Readers, 4)
	cfg.BusyTimeout = cmp.Or(cfg.BusyTimeout, 5*time.Second)
	if cfg.URL != "" {
		return openPostgres(ctx, cfg)
	}
	return openSQLite(ctx, cfg)
}

// limit keeps as many connections as there may be: opening one costs more than
// keeping it.
func limit(pool *sql.DB, connections int) *sql.DB {
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// Name says which database it is, for messages: the path of a file, or a URL
// without its password.
func (db *DB) Name() string { return db.backend.name() }

// Close waits for running transactions and closes the database.
func (db *DB) Close() error { return errors.Join(db.read.Close(), db.write.Close()) }
