package database_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
)

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t) }

// impatient is a database that gives up soon.
func impatient(t *testing.T) database.Config {
	t.Helper()
	at := databasetest.Empty(t)
	at.BusyTimeout = time.Millisecond
	return at
}

func open(t *testing.T, at database.Config) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func migration(text string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
}

var notes = fstest.MapFS{"00001_notes.sql": migration("CREATE TABLE notes (text TEXT NOT NULL);")}

func openNotes(t *testing.T, at database.Config) *database.DB {
	t.Helper()
	db := open(t, at)
	if err := db.Migrate(t.Context(), "notes", notes); err != nil {
		t.Fatal(err)
	}
	return db
}

func insert(text string) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.Background(), `INSERT INTO notes (text) VALUES ($1)`, text)
		return err
	}
}

func count(t *testing.T, db *database.DB) (n int) {
	t.Helper()
	err := db.ReadTx(t.Context(), func(tx *sql.Tx) error { return tx.QueryRowContext(t.Context(), `SELECT count(*) FROM notes`).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestACommitSurvivesReopening(t *testing.T) {
	at := databasetest.Empty(t)
	db := openNotes(t, at)
	if err := db.Tx(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, openNotes(t, at)); n != 1 {
		t.Errorf("%d notes after reopening, want 1", n)
	}
}

func TestAnErrorRollsBack(t *testing.T) {
	db := openNotes(t, databasetest.Empty(t))
	mine := errors.New("mine")
	err := db.Tx(t.Context(), func(tx *sql.Tx) error { return errors.Join(insert("x")(tx), mine) })
	if !errors.Is(err, mine) {
		t.Errorf("got %v, want the error of the function", err)
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d notes, want none", n)
	}
}

func TestAPanicRollsBackAndFreesTheWriter(t *testing.T) {
	db := openNotes(t, databasetest.Empty(t))
	func() {
		defer func() { _ = recover() }()
		_ = db.Tx(t.Context(), func(tx *sql.Tx) error { _ = insert("x")(tx); panic("bug") })
	}()
	if err := db.Tx(t.Context(), insert("y")); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}

func TestAReaderCanNotWrite(t *testing.T) {
	db := openNotes(t, databasetest.Empty(t))
	if err := db.ReadTx(t.Context(), insert("x")); err == nil {
		t.Error("a read transaction wrote")
	}
}

func TestAReaderSeesOneState(t *testing.T) {
	db := openNotes(t, databasetest.Empty(t))
	err := db.ReadTx(t.Context(), func(tx *sql.Tx) error {
		var before, after int
		if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM notes`).Scan(&before); err != nil {
			return err
		}
		if err := db.Tx(t.Context(), insert("x")); err != nil {
			return err
		}
		if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM notes`).Scan(&after); err != nil {
			return err
		}
		if before != after {
			t.Errorf("a read transaction saw %d notes, then %d", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A second DB on the same database stands for another process.
func TestABusyDatabaseIsTriedAgain(t *testing.T) {
	at := impatient(t)
	mine, other := openNotes(t, at), openNotes(t, at)
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- other.Tx(context.Background(), func(tx *sql.Tx) error {
			close(held)
			<-release
			return insert("other")(tx)
		})
	}()
	<-held
	err := mine.Tx(t.Context(), insert("mine"))
	if err == nil || !strings.Contains(err.Error(), "stays busy; is another process writing") {
		t.Fatalf("got %v, want it to be busy", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := mine.Tx(t.Context(), insert("mine")); err != nil {
		t.Fatal(err)
	}
	if n := count(t, mine); n != 2 {
		t.Errorf("%d notes, want 2", n)
	}
}

func TestWaitingForABusyDatabaseEndsWithTheContext(t *testing.T) {
	at := databasetest.Empty(t)
	mine, other := openNotes(t, at), openNotes(t, at)
	err := other.Tx(t.Context(), func(*sql.Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return mine.Tx(ctx, insert("mine"))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestMigrateIsIdempotentAndPerFeature(t *testing.T) {
	db := openNotes(t, databasetest.Empty(t))
	other := fstest.MapFS{"00001_other.sql": migration("CREATE TABLE other (id INTEGER PRIMARY KEY);")}
	for range 2 {
		if err := errors.Join(db.Migrate(t.Context(), "notes", notes), db.Migrate(t.Context(), "other", other)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADatabaseFromANewerVersionIsRefused(t *testing.T) {
	at := databasetest.Empty(t)
	newer := fstest.MapFS{
		"00001_notes.sql": notes["00001_notes.sql"],
		"00002_more.sql":  migration("ALTER TABLE notes ADD COLUMN more TEXT;"),
	}
	if err := open(t, at).Migrate(t.Context(), "notes", newer); err != nil {
		t.Fatal(err)
	}
	if err := open(t, at).Migrate(t.Context(), "notes", notes); !errors.Is(err, database.ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
}

func TestABrokenMigrationNamesItself(t *testing.T) {
	broken := fstest.MapFS{"00001_broken.sql": migration("CREATE TABEL x;")}
	if err := open(t, databasetest.Empty(t)).Migrate(t.Context(), "notes", broken); err == nil {
		t.Error("a broken migration was accepted")
	}
}
