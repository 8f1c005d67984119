package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// attempts is how often a transaction that found the database busy is tried;
// each of them has already waited for Config.BusyTimeout.
const attempts = 5

// Tx runs fn in a transaction that may write, and commits it when fn returns
// nil. When another process holds the database, fn runs again from the start:
// it must not keep anything from an earlier run. An error of fn rolls back and
// comes back as it is.
func (db *DB) Tx(ctx context.Context, fn func(*sql.Tx) error) error {
	var err error
	for attempt := range attempts {
		if err = run(ctx, db.write, nil, fn); !busy(err) {
			return err
		}
		if waitErr := pause(ctx, time.Duration(attempt+1)*20*time.Millisecond); waitErr != nil {
			return waitErr
		}
	}
	return fmt.Errorf("database %s stays busy; is another process writing to it: %w", db.path, err)
}

// ReadTx runs fn in a transaction that sees one state of the database, however
// long it takes, and holds up no writer. Writing in it fails.
func (db *DB) ReadTx(ctx context.Context, fn func(*sql.Tx) error) error {
	return run(ctx, db.read, &sql.TxOptions{ReadOnly: true}, fn)
}

func run(ctx context.Context, pool *sql.DB, opts *sql.TxOptions, fn func(*sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	// After a commit this does nothing; it is here for errors and panics of fn.
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// busy reports whether err is one that a new attempt may not meet.
func busy(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errors.Join(errors.New("wait for a busy database"), ctx.Err())
	case <-timer.C:
		return nil
	}
}
