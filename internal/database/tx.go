package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// attempts is how often a transaction that collides with others is tried at
// least; each attempt waits for up to Config.BusyTimeout.
const attempts = 5

// ErrUnknown is in the chain of what Tx returns when the connection was lost in
// the middle of a commit: it may have happened, or not.
var ErrUnknown = errors.New("the connection was lost during the commit, which may have happened or not: look, or do the same again")

// Tx runs fn in a transaction that may write, and commits it when fn returns
// nil. Write transactions run one after the other, also those of other
// processes. When another process holds the database too long, or the connection
// is lost before the commit, fn runs again from the start, for up to five times
// Config.BusyTimeout: it must not keep anything from an earlier run. An error of
// fn rolls back and comes back as it is.
func (db *DB) Tx(ctx context.Context, fn func(*sql.Tx) error) error {
	err := db.insist(ctx, func() (bool, error) { return db.attempt(ctx, fn) })
	if db.backend.busy(err) {
		return fmt.Errorf("database %s stays busy; is another process writing to it: %w", db.Name(), err)
	}
	return err
}

// insist runs fn until it succeeds, fails for good, or has been given its time.
func (db *DB) insist(ctx context.Context, fn func() (again bool, err error)) error {
	started := time.Now()
	wait := 10 * time.Millisecond
	for attempt := 1; ; attempt++ {
		again, err := fn()
		if !again || ctx.Err() != nil {
			return err
		}
		if attempt >= attempts && time.Since(started) > attempts*db.busy {
			return err
		}
		// Those that collided do not meet again at once.
		//nolint:gosec // nobody gains by guessing it
		if err := pause(ctx, rand.N(wait)+wait/2); err != nil {
			return err
		}
		wait = min(2*wait, time.Second)
	}
}

// attempt runs fn in one transaction, and says whether another may go better.
func (db *DB) attempt(ctx context.Context, fn func(*sql.Tx) error) (again bool, err error) {
	tx, err := db.write.BeginTx(ctx, db.backend.writing())
	if err != nil {
		return db.passing(err), fmt.Errorf("begin transaction: %w", err)
	}
	// After a commit this does nothing; it is here for errors and panics of fn.
	defer func() { _ = tx.Rollback() }()
	if err := db.backend.turn(ctx, tx); err != nil {
		return db.passing(err), fmt.Errorf("wait for other writers: %w", err)
	}
	if err := fn(tx); err != nil {
		return db.passing(err), err
	}
	err = tx.Commit()
	switch {
	case err == nil:
		return false, nil
	case db.backend.lost(err):
		return false, fmt.Errorf("commit transaction: %w: %w", ErrUnknown, err)
	default:
		return db.backend.busy(err), fmt.Errorf("commit transaction: %w", err)
	}
}

// passing reports whether what failed before the commit may succeed another time.
func (db *DB) passing(err error) bool { return db.backend.busy(err) || db.backend.lost(err) }

// ReadTx runs fn, once, in a transaction that sees one state of the database,
// however long it takes, and holds up no writer. Writing in it fails.
func (db *DB) ReadTx(ctx context.Context, fn func(*sql.Tx) error) error {
	var tx *sql.Tx
	// Connections may have been lost while nobody used them.
	err := db.insist(ctx, func() (again bool, err error) {
		tx, err = db.read.BeginTx(ctx, db.backend.reading())
		return db.backend.lost(err), err
	})
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to keep
	return fn(tx)
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
