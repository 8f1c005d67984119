package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	goosedb "github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotDatabase is in the chain of what Open returns for a file that is not a database.
var ErrNotDatabase = errors.New("the file is not an SQLite database")

// sqliteFile is the backend of a database in a file.
type sqliteFile struct{ path string }

func openSQLite(ctx context.Context, cfg Config) (*DB, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("find database %s: %w", cfg.Path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	file := sqliteFile{path}
	db := &DB{backend: file, busy: cfg.BusyTimeout}
	// Two processes that switch a new file to WAL at once would fail, busy timeout or not.
	err = file.alone(ctx, nil, func() error {
		db.write, err = file.open(ctx, file.writeAddress(cfg.BusyTimeout), 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	// The writer went first: it has made the file and switched it to WAL.
	if db.read, err = file.open(ctx, file.readAddress(cfg.BusyTimeout), cfg.Readers); err != nil {
		return nil, errors.Join(err, db.write.Close())
	}
	return db, nil
}

func (f sqliteFile) open(ctx context.Context, address string, connections int) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := limit(pool, connections).PingContext(ctx); err != nil {
		if sqliteCode(err) == sqlite3.SQLITE_NOTADB {
			err = ErrNotDatabase
		}
		return nil, errors.Join(fmt.Errorf("open database %s: %w", f.path, err), pool.Close())
	}
	return pool, nil
}

// writeAddress is the data source name of the writer. FULL makes every commit
// wait for the disk (NORMAL may lose the last ones in a power cut); an immediate
// transaction takes the write lock at its start, where waiting for it is safe.
func (f sqliteFile) writeAddress(busy time.Duration) string {
	return f.address(url.Values{
		"_txlock": {"immediate"},
		"_pragma": {pragma("busy_timeout", busy.Milliseconds()), "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"},
	})
}

func (f sqliteFile) readAddress(busy time.Duration) string {
	return f.address(url.Values{
		"_pragma": {pragma("busy_timeout", busy.Milliseconds()), "query_only(1)", "foreign_keys(1)"},
	})
}

func pragma(name string, value int64) string { return fmt.Sprintf("%s(%d)", name, value) }

// address is a file: URI, in which a path may contain anything.
func (f sqliteFile) address(query url.Values) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(f.path), RawQuery: query.Encode()}).String()
}

func (f sqliteFile) name() string { return f.path }

func (sqliteFile) goose() goosedb.Dialect { return goosedb.DialectSQLite3 }

func (sqliteFile) writing() *sql.TxOptions { return nil }

func (sqliteFile) reading() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

// turn has nothing to wait for: BEGIN IMMEDIATE did.
func (sqliteFile) turn(context.Context, *sql.Tx) error { return nil }

func (sqliteFile) busy(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

func (sqliteFile) lost(error) bool { return false }

// alone locks a file beside the database. The database itself would not do:
// closing a second handle of it drops the locks that SQLite has on the first.
func (f sqliteFile) alone(ctx context.Context, _ *sql.DB, fn func() error) (err error) {
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the database: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // and with it goes the lock
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return fn()
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock the database: %w", err)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// sqliteCode returns the primary result code of an SQLite error, or 0.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
