package catalog_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
)

// update makes the dump of the newest version. Dumps of earlier ones stay as the
// program of their time has made them.
var update = flag.Bool("update", false, "write testdata/versions for the newest version of the tables")

const (
	migrationFiles = "migrations"
	dumps          = "testdata/versions"
)

// versions returns the migrations by number.
func versions(t *testing.T) (names []string) {
	t.Helper()
	names, err := fs.Glob(os.DirFS(migrationFiles), "*.sql") // sorted
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no migrations: %v", err)
	}
	return names
}

// golden is what every dump holds, in the language of import files, which does
// not change with the tables.
func golden(t *testing.T) []string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dumps, "records.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(body)), "\n")
}

// fill writes what every dump holds: the golden records, and one that was deleted.
func fill(t *testing.T, store *catalog.Store) {
	t.Helper()
	mustApply(t, store, golden(t)...)
	mustApply(t, store, movie("gone"))
	mustApply(t, store, `{"type":"title","id":"gone","op":"delete"}`)
}

func dumpOf(migration string) string { return filepath.Join(dumps, migration[:5]+".sql") }

func TestTheTablesOfEveryEarlierVersionAreBroughtUpToDate(t *testing.T) {
	names := versions(t)
	if *update {
		writeDump(t, dumpOf(names[len(names)-1]))
	}
	fresh := newStore(t)
	fill(t, fresh)
	want := snapshot(t, fresh)
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			at := databasetest.Empty(t)
			restore(t, at, names[:i+1], dumpOf(name))
			store := openStore(t, at)
			if got := snapshot(t, store); !reflect.DeepEqual(got, want) {
				t.Errorf("from version %s it came to\n%+v\nwant\n%+v", name, got, want)
			}
			changes, err := store.Changes(t.Context(), 0, 1000)
			if err != nil || int64(len(changes)) != want.Sequence {
				t.Errorf("%d changes, %v; want %d", len(changes), err, want.Sequence)
			}
			for _, outcome := range apply(t, store, golden(t)...) {
				if outcome != "same" {
					t.Errorf("a record that the dump holds is %s", outcome)
				}
			}
			mustApply(t, store, movie("new"), movie("gone"))
			if outcome := apply(t, store, `{"type":"title","id":"gone","kind":"series"}`); outcome[0] == "changed" {
				t.Error("a title that was deleted came back as something else")
			}
		})
	}
}

// restore makes the tables of an earlier version and fills them.
func restore(t *testing.T, at database.Config, migrations []string, dump string) {
	t.Helper()
	files := make(fstest.MapFS)
	for _, name := range migrations {
		body, err := os.ReadFile(path.Join(migrationFiles, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: body}
	}
	body, err := os.ReadFile(dump)
	if err != nil {
		t.Fatalf("every version has a dump: make it with go test ./internal/catalog -run EveryEarlierVersion -update: %v", err)
	}
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), "catalog", files); err != nil {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), func(tx *sql.Tx) error {
		for statement := range strings.SplitSeq(string(body), ";\n") {
			if _, err := tx.ExecContext(t.Context(), statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeDump writes the rows of all tables, in the order they were written, as
// statements that both databases take.
func writeDump(t *testing.T, file string) {
	t.Helper()
	at := database.Config{Path: filepath.Join(t.TempDir(), "dump.db")}
	fill(t, openStore(t, at))
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = db.ReadTx(t.Context(), func(tx *sql.Tx) error {
		var tables []string
		err := eachRow(t.Context(), tx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
			AND name NOT LIKE '%_migrations' AND name NOT LIKE 'search_%' ORDER BY rowid`, func(_ []string, row []any) {
			tables = append(tables, fmt.Sprint(row[0]))
		})
		for _, table := range tables {
			if err == nil {
				// Some migrations put rows into tables, which the dump holds as well.
				fmt.Fprintf(&out, "DELETE FROM %s;\n", table)
				err = eachRow(t.Context(), tx, `SELECT * FROM `+table+` ORDER BY rowid`, func(columns []string, row []any) {
					fmt.Fprintf(&out, "INSERT INTO %s (%s) VALUES (%s);\n", table, strings.Join(columns, ", "), literals(row))
				})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.TrimSuffix(out.String(), ";\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func eachRow(ctx context.Context, tx *sql.Tx, query string, do func(columns []string, row []any)) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	for rows.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i := range row {
			if types[i].DatabaseTypeName() == "BOOLEAN" {
				row[i] = row[i] == int64(1) // SQLite has no other way to say it
			}
		}
		do(columns, row)
	}
	return rows.Err()
}

func literals(row []any) string {
	list := make([]string, len(row))
	for i, value := range row {
		switch v := value.(type) {
		case nil:
			list[i] = "NULL"
		case int64:
			list[i] = strconv.FormatInt(v, 10)
		case bool:
			list[i] = strings.ToUpper(strconv.FormatBool(v))
		default:
			list[i] = "'" + strings.ReplaceAll(fmt.Sprint(v), "'", "''") + "'"
		}
	}
	return strings.Join(list, ", ")
}
