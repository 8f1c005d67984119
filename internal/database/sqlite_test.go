package database_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ovenbird/internal/database"
)

func TestEveryConnectionIsSetUpForDurability(t *testing.T) {
	db := open(t, database.Config{Path: filepath.Join(t.TempDir(), "a.db")})
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
	db := openNotes(t, database.Config{Path: path})
	if err := db.Tx(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the database is not where it was asked for: %v", err)
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
