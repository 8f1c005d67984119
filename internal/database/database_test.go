package database_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"ovenbird/internal/database"
)

func open(t *testing.T, path string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{Path: path, BusyTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func migration(text string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
}

var notes = fstest.MapFS{"00001_notes.sql": migration("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);")}

func openNotes(t *testing.T, path string) *database.DB {
	t.Helper()
	db := open(t, path)
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

func TestEveryConnectionIsSetUpForDurability(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	settings := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"}
	for name, want := range settings {
		var got string
		if err := db.Tx(t.Context(), func(tx *sql.Tx) error { return tx.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got) }); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("PRAGMA %s is %s, want %s", name, got, want)
		}
	}
}

func TestAPathMayContainAnything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "what? 100% #1", "a b.db")
	db := openNotes(t, path)
	if err := db.Tx(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the database is not where it was asked for: %v", err)
	}
}

func TestACommitSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := openNotes(t, path)
	if err := db.Tx(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, openNotes(t, path)); n != 1 {
		t.Errorf("%d notes after reopening, want 1", n)
	}
}

func TestAnErrorRollsBack(t *testing.T) {
	db := openNotes(t, filepath.Join(t.TempDir(), "a.db"))
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
	db := openNotes(t, filepath.Join(t.TempDir(), "a.db"))
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
	db := openNotes(t, filepath.Join(t.TempDir(), "a.db"))
	if err := db.ReadTx(t.Context(), insert("x")); err == nil {
		t.Error("a read transaction wrote")
	}
}

func TestAReaderSeesOneState(t *testing.T) {
	db := openNotes(t, filepath.Join(t.TempDir(), "a.db"))
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

// A second DB on the same file stands for another process.
func TestABusyDatabaseIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	mine, other := openNotes(t, path), openNotes(t, path)
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
	if err == nil {
		t.Fatal("two writers at once")
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
	path := filepath.Join(t.TempDir(), "a.db")
	mine, other := openNotes(t, path), openNotes(t, path)
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
	db := openNotes(t, filepath.Join(t.TempDir(), "a.db"))
	other := fstest.MapFS{"00001_other.sql": migration("CREATE TABLE other (id INTEGER PRIMARY KEY);")}
	for range 2 {
		if err := errors.Join(db.Migrate(t.Context(), "notes", notes), db.Migrate(t.Context(), "other", other)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADatabaseFromANewerVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	newer := fstest.MapFS{
		"00001_notes.sql": notes["00001_notes.sql"],
		"00002_more.sql":  migration("ALTER TABLE notes ADD COLUMN more TEXT;"),
	}
	if err := open(t, path).Migrate(t.Context(), "notes", newer); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Migrate(t.Context(), "notes", notes); !errors.Is(err, database.ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
}

func TestABrokenMigrationNamesItself(t *testing.T) {
	broken := fstest.MapFS{"00001_broken.sql": migration("CREATE TABEL x;")}
	if err := open(t, filepath.Join(t.TempDir(), "a.db")).Migrate(t.Context(), "notes", broken); err == nil {
		t.Error("a broken migration was accepted")
	}
}

func TestAFileThatIsNoDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path, []byte("this is certainly not a database, and long enough to have a header"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Open(t.Context(), database.Config{Path: path}); !errors.Is(err, database.ErrNotDatabase) {
		t.Errorf("got %v, want ErrNotDatabase", err)
	}
}
