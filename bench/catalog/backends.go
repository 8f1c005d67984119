package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
)

// backend is a kind of database, with the loader that comes with it.
type backend interface {
	name() string
	loader() string
	// create returns where a new, empty database is.
	create(ctx context.Context) (database.Config, error)
	// load loads a CSV file into a table.
	load(ctx context.Context, at database.Config, table, file string) error
}

type sqlite struct{ dir string }

func (sqlite) name() string { return "SQLite" }

func (sqlite) loader() string { return "sqlite3 .import" }

func (s sqlite) create(context.Context) (database.Config, error) {
	dir, err := os.MkdirTemp(s.dir, "")
	return database.Config{Path: filepath.Join(dir, "catalog.db")}, err
}

func (sqlite) load(ctx context.Context, at database.Config, table, file string) error {
	//nolint:gosec // the arguments are this program's own
	return execute(exec.CommandContext(ctx, "sqlite3", at.Path, "PRAGMA synchronous=FULL", fmt.Sprintf(".import --csv %s %s", file, table)))
}

type postgres struct{ cluster *databasetest.Cluster }

func (postgres) name() string { return "PostgreSQL" }

func (postgres) loader() string { return "COPY" }

func (p postgres) create(ctx context.Context) (database.Config, error) {
	url, err := p.cluster.Create(ctx)
	return database.Config{URL: url}, err
}

func (postgres) load(ctx context.Context, at database.Config, table, file string) error {
	//nolint:gosec // the arguments are this program's own
	return execute(exec.CommandContext(ctx, "psql", "-v", "ON_ERROR_STOP=1", "-d", at.URL,
		"-c", fmt.Sprintf(`\copy %s FROM '%s' WITH (FORMAT csv)`, table, file)))
}

func execute(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// writeCSV writes the rows of a table as both loaders read them, NULL as an empty
// field without quotes, and returns how many there are.
func writeCSV(ctx context.Context, db *database.DB, table, file string) (rows int, err error) {
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(f)
	err = db.ReadTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.QueryContext(ctx, `SELECT * FROM `+table) //nolint:gosec // one of this program's tables
		if err != nil {
			return err
		}
		defer result.Close() //nolint:errcheck // Err, below, has what matters
		columns, err := result.Columns()
		if err != nil {
			return err
		}
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for ; result.Next(); rows++ {
			if err := result.Scan(into...); err != nil {
				return err
			}
			if _, err := out.WriteString(line(values)); err != nil {
				return err
			}
		}
		return result.Err()
	})
	return rows, errors.Join(err, out.Flush(), f.Close())
}

func line(values []any) string {
	fields := make([]string, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case nil: // an empty field
		case bool:
			fields[i] = "0"
			if v {
				fields[i] = "1"
			}
		default:
			fields[i] = `"` + strings.ReplaceAll(fmt.Sprint(v), `"`, `""`) + `"`
		}
	}
	return strings.Join(fields, ",") + "\n"
}
