package backup_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"ovenbird/internal/backup"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
)

func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t) }

const shop = `-- +goose Up
CREATE TABLE things (id TEXT PRIMARY KEY, above TEXT REFERENCES things (id), number BIGINT NOT NULL, sold BOOLEAN NOT NULL);
CREATE TABLE labels (thing TEXT NOT NULL REFERENCES things (id), label TEXT, PRIMARY KEY (thing, label));
CREATE TABLE counter (n BIGINT NOT NULL);
INSERT INTO counter (n) VALUES (0);
`

const more = `-- +goose Up
ALTER TABLE things ADD COLUMN color TEXT NOT NULL DEFAULT 'red';
`

// config is a shop's, at one of its versions.
func config(versions int) backup.Config {
	files := fstest.MapFS{"00001_shop.sql": {Data: []byte(shop)}}
	if versions > 1 {
		files["00002_more.sql"] = &fstest.MapFile{Data: []byte(more)}
	}
	return backup.Config{
		Features: []backup.Feature{{Name: "shop", Migrations: files}}, Program: "test",
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Sequence: func(ctx context.Context, tx *sql.Tx) (n int64, err error) {
			err = tx.QueryRowContext(ctx, `SELECT n FROM counter`).Scan(&n)
			return n, err
		},
	}
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

func execute(t *testing.T, db *database.DB, statements ...string) {
	t.Helper()
	err := db.Tx(t.Context(), func(tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(t.Context(), statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// filled is a database with things in it.
func filled(t *testing.T, at database.Config, cfg backup.Config) *database.DB {
	t.Helper()
	db := open(t, at)
	for _, f := range cfg.Features {
		if err := db.Migrate(t.Context(), f.Name, f.Migrations); err != nil {
			t.Fatal(err)
		}
	}
	statements := []string{
		`INSERT INTO things (id, above, number, sold) VALUES ('z', NULL, 9007199254740993, TRUE), ('é "quoted" \', NULL, -1, FALSE)`,
		`INSERT INTO things (id, above, number, sold) VALUES ('a', 'z', 0, FALSE)`, // refers to one that sorts behind it
		`INSERT INTO labels (thing, label) VALUES ('a', ''), ('a', '千と<&>'), ('z', 'line
break')`,
		`UPDATE counter SET n = 7`,
	}
	for i := range 40 {
		statements = append(statements, fmt.Sprintf(`INSERT INTO things (id, above, number, sold) VALUES ('t%d', 'a', %d, TRUE)`, i, i))
	}
	execute(t, db, statements...)
	return db
}

func backUp(t *testing.T, cfg backup.Config, db *database.DB) (path string, m *backup.Manifest) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "backup")
	m, err := backup.WriteFile(t.Context(), cfg, db, path)
	if err != nil {
		t.Fatal(err)
	}
	return path, m
}

func survey(t *testing.T, cfg backup.Config, db *database.DB) *backup.Manifest {
	t.Helper()
	m, err := backup.Survey(t.Context(), cfg, db)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestABackupRestoresToEitherDatabase(t *testing.T) {
	cfg := config(1)
	db := filled(t, databasetest.Empty(t), cfg)
	path, made := backUp(t, cfg, db)
	if made.Sequence != 7 || made.Rows() != 47 || len(made.Tables) != 3 {
		t.Errorf("it holds %+v", made)
	}
	verified, err := backup.Verify(path)
	if err != nil || len(made.Differences(verified)) > 0 || !verified.Made.Equal(made.Made) {
		t.Errorf("verified it holds %+v, %v", verified, err)
	}
	for name, at := range map[string]database.Config{
		"SQLite": {Path: filepath.Join(t.TempDir(), "new.db")}, "PostgreSQL": {URL: databasetest.Postgres(t)},
	} {
		to := open(t, at)
		if _, err := backup.Restore(t.Context(), cfg, to, path, false); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if different := made.Differences(survey(t, cfg, to)); different != nil {
			t.Errorf("%s: %q", name, different)
		}
		// The same content has the same backup, wherever it is, but for the order of rows.
		if _, again := backUp(t, cfg, to); len(again.Differences(made)) > 0 {
			t.Errorf("%s: %q", name, again.Differences(made))
		}
		// References are checked as before.
		err := to.Tx(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO labels (thing, label) VALUES ('nothing', '')`)
			return err
		})
		if err == nil {
			t.Errorf("%s takes a label of nothing", name)
		}
	}
}

func TestADatabaseWithContentIsReplacedOnlyByForce(t *testing.T) {
	cfg := config(1)
	path, made := backUp(t, cfg, filled(t, databasetest.Empty(t), cfg))
	to := filled(t, databasetest.Empty(t), cfg)
	execute(t, to, `UPDATE things SET sold = FALSE`, `INSERT INTO things VALUES ('mine', 'z', 1, TRUE)`)
	before := survey(t, cfg, to)
	if _, err := backup.Restore(t.Context(), cfg, to, path, false); ovenbird.CodeOf(err) != ovenbird.Held {
		t.Fatalf("restored: %v", err)
	}
	if different := before.Differences(survey(t, cfg, to)); different != nil {
		t.Errorf("a refused restore changed %q", different)
	}
	if _, err := backup.Restore(t.Context(), cfg, to, path, true); err != nil {
		t.Fatal(err)
	}
	if different := made.Differences(survey(t, cfg, to)); different != nil {
		t.Errorf("by force: %q", different)
	}
}

func TestARestoreThatFailsChangesNothing(t *testing.T) {
	cfg := config(1)
	path, _ := backUp(t, cfg, filled(t, databasetest.Empty(t), cfg))
	to := filled(t, databasetest.Empty(t), cfg)
	execute(t, to, `INSERT INTO things VALUES ('mine', 'z', 1, TRUE)`)
	before := survey(t, cfg, to)
	cfg.Derived = func(context.Context, *sql.Tx) error { return errors.New("no") }
	if _, err := backup.Restore(t.Context(), cfg, to, path, true); err == nil {
		t.Fatal("restored")
	}
	if different := before.Differences(survey(t, cfg, to)); different != nil {
		t.Errorf("it changed %q", different)
	}
}

func TestEveryDamageIsFoundBeforeAnythingIsTouched(t *testing.T) {
	cfg := config(1)
	path, _ := backUp(t, cfg, filled(t, databasetest.Empty(t), cfg))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, body []byte) {
		t.Helper()
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Verify(bad); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range good {
		body := bytes.Clone(good)
		body[i] ^= 1
		check(fmt.Sprintf("byte %d of %d", i, len(good)), body)
	}
	for _, n := range []int{0, 1, 17, 18, len(good) / 2, len(good) - 73, len(good) - 1} {
		check(fmt.Sprintf("cut to %d bytes", n), good[:n])
	}
	check("two in a row", append(bytes.Clone(good), good...))
	check("another file", []byte("SQLite format 3\x00"+strings.Repeat("x", 1000)))
	if _, err := backup.Restore(t.Context(), cfg, open(t, databasetest.Empty(t)), filepath.Join(t.TempDir(), "none"), false); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("no file: %v", err)
	}
}

func TestABackupOfAnOlderVersionIsBroughtUpToDate(t *testing.T) {
	path, _ := backUp(t, config(1), filled(t, databasetest.Empty(t), config(1)))
	to := open(t, databasetest.Empty(t))
	m, err := backup.Restore(t.Context(), config(2), to, path, false)
	if err != nil {
		t.Fatal(err)
	}
	if m.Versions["shop"] != 2 || m.Rows() != 47 {
		t.Errorf("it holds %+v", m)
	}
	var red int
	err = to.ReadTx(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT count(*) FROM things WHERE color = 'red'`).Scan(&red)
	})
	if err != nil || red != 43 {
		t.Errorf("%d are red, %v", red, err)
	}
}

func TestABackupOfANewerVersionIsRefused(t *testing.T) {
	path, _ := backUp(t, config(2), filled(t, databasetest.Empty(t), config(2)))
	to := open(t, databasetest.Empty(t))
	if _, err := backup.Restore(t.Context(), config(1), to, path, true); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), "newer") {
		t.Errorf("restored: %v", err)
	}
}

// Writers add a thing and count it in one transaction: a backup has to be of a
// moment between two.
func TestABackupUnderLoadIsOfOneMoment(t *testing.T) {
	cfg := config(1)
	at := databasetest.Empty(t)
	db := filled(t, at, cfg)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_ = db.Tx(ctx, func(tx *sql.Tx) error { // the last one is canceled
					if _, err := tx.ExecContext(ctx, `UPDATE counter SET n = n + 1`); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO things (id, above, number, sold) VALUES ('w%d-%d', 'z', 1, TRUE)`, w, i))
					return err
				})
			}
		})
	}
	t.Cleanup(writers.Wait)
	defer stop()
	last := int64(7)
	for range 10 {
		_, m := backUp(t, cfg, db)
		for _, table := range m.Tables {
			if table.Name == "things" && table.Rows-43 != m.Sequence-7 {
				t.Errorf("%d things beside a count of %d", table.Rows, m.Sequence)
			}
		}
		if m.Sequence < last {
			t.Errorf("it went back from %d to %d", last, m.Sequence)
		}
		last = m.Sequence
	}
	if last == 7 {
		t.Error("nobody wrote meanwhile")
	}
}

// full is a disk with little room.
type full struct{ room int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAFullDiskIsToldWhereverItFillsUp(t *testing.T) {
	cfg := config(1)
	db := filled(t, databasetest.Empty(t), cfg)
	path, _ := backUp(t, cfg, db)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for room := range int(info.Size()) - 100 {
		if room%97 != 0 {
			continue
		}
		if _, err := backup.Write(t.Context(), cfg, db, &full{room}); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
	if _, err := backup.Write(t.Context(), cfg, db, io.Discard); err != nil {
		t.Error(err)
	}
}

func TestABackupThatFailsLeavesTheLastOneAlone(t *testing.T) {
	cfg := config(1)
	db := filled(t, databasetest.Empty(t), cfg)
	path, made := backUp(t, cfg, db)
	failing := cfg
	failing.Sequence = func(context.Context, *sql.Tx) (int64, error) { return 0, errFull }
	if _, err := backup.WriteFile(t.Context(), failing, db, path); !errors.Is(err, errFull) {
		t.Fatalf("written: %v", err)
	}
	if m, err := backup.Verify(path); err != nil || len(m.Differences(made)) > 0 {
		t.Errorf("the last one: %v", err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("left in the folder: %v, %v", files, err)
	}
	// What a killed one left is in nobody's way.
	if err := os.WriteFile(path+".partial", bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.WriteFile(t.Context(), cfg, db, path); err != nil {
		t.Error(err)
	}
	if _, err := backup.Verify(path); err != nil {
		t.Error(err)
	}
}
