package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Config says where the database is.
type Config struct {
	// Path is the database file. It and its folder are made when they are not there.
	Path string
	// Readers is how many read transactions may run at once; 0 means 4.
	Readers int
	// BusyTimeout is how long a writer waits for one in another process before
	// the transaction is tried again; 0 means 5 s.
	BusyTimeout time.Duration
}

// DB is an open database: one connection that writes, so that writers queue in
// this process instead of colliding in the file, and several that read, each
// seeing the state as of its transaction's start. Any number of goroutines may use it.
type DB struct {
	path  string
	write *sql.DB
	read  *sql.DB
}

// ErrNotDatabase is in the chain of what Open returns for a file that is not a database.
var ErrNotDatabase = errors.New("the file is not an SQLite database")

// Open opens or makes the database. The caller closes it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("find database %s: %w", cfg.Path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	db := &DB{path: path}
	busy := cmp.Or(cfg.BusyTimeout, 5*time.Second)
	if db.write, err = open(ctx, writeAddress(path, busy), 1); err != nil {
		return nil, err
	}
	// The writer went first: it has made the file and switched it to WAL.
	if db.read, err = open(ctx, readAddress(path, busy), cmp.Or(cfg.Readers, 4)); err != nil {
		return nil, errors.Join(err, db.write.Close())
	}
	return db, nil
}

func open(ctx context.Context, address string, connections int) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	if err := pool.PingContext(ctx); err != nil {
		if sqliteCode(err) == sqlite3.SQLITE_NOTADB {
			err = ErrNotDatabase
		}
		return nil, errors.Join(fmt.Errorf("open database %s: %w", address, err), pool.Close())
	}
	return pool, nil
}

// writeAddress is the data source name of the writer. FULL makes every commit
// wait for the disk (NORMAL may lose the last ones in a power cut); an immediate
// transaction takes the write lock at its start, where waiting for it is safe.
func writeAddress(path string, busy time.Duration) string {
	return address(path, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {pragma("busy_timeout", busy.Milliseconds()), "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"},
	})
}

func readAddress(path string, busy time.Duration) string {
	return address(path, url.Values{
		"_pragma": {pragma("busy_timeout", busy.Milliseconds()), "query_only(1)", "foreign_keys(1)"},
	})
}

func pragma(name string, value int64) string { return fmt.Sprintf("%s(%d)", name, value) }

// address is a file: URI, in which a path may contain anything.
func address(path string, query url.Values) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}

// Path returns the absolute path of the database file.
func (db *DB) Path() string { return db.path }

// Close waits for running transactions and closes the database.
func (db *DB) Close() error { return errors.Join(db.read.Close(), db.write.Close()) }

// sqliteCode returns the primary result code of an SQLite error, or 0.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
