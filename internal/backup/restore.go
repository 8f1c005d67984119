package backup

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ovenbird/internal/database"
	"ovenbird/internal/ovenbird"
)

// insertRows is how many rows one statement writes.
const insertRows = 16

// Restore makes a database hold what a backup does, all of it or, on an error,
// what it held before. The file is read through before anything is touched. A
// database with content is Held, unless force allows to replace it. A backup of an
// older version of the program is brought up to date on the way; one of a newer
// version is Invalid.
//
// Nothing else may use the database meanwhile: who holds a snapshot of it in
// memory goes on from that.
func Restore(ctx context.Context, cfg Config, db *database.DB, path string, force bool) (*Manifest, error) {
	m, err := Verify(path)
	if err != nil {
		return nil, err
	}
	newest, err := cfg.pattern(ctx, nil)
	if err != nil {
		return nil, err
	}
	older, err := newest.compare(m)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", path, err)
	}
	if older {
		return cfg.restoreOlder(ctx, db, path, m, force)
	}
	if err := newest.sameTables(m); err != nil {
		return nil, fmt.Errorf("backup %s: %w", path, err)
	}
	if err := cfg.migrate(ctx, db, nil); err != nil {
		return nil, err
	}
	err = db.Tx(ctx, func(tx *sql.Tx) error { return cfg.replace(ctx, db.Dialect(), tx, path, newest, force) })
	if err != nil {
		return nil, fmt.Errorf("restore %s to %s: %w", path, db.Name(), err)
	}
	return m, cfg.confirm(ctx, db, m)
}

// compare says whether a backup is of older tables; it is an error where it is of
// newer or other ones.
func (m *Manifest) compare(backup *Manifest) (older bool, err error) {
	for name, version := range backup.Versions {
		newest, known := m.Versions[name]
		if !known || version > newest {
			return false, ovenbird.Errorf(ovenbird.Invalid,
				"it was made by a newer version of ovenbird, %s; use that one or a newer one", backup.Program)
		}
		older = older || version < newest
	}
	return older || len(backup.Versions) < len(m.Versions), nil
}

// sameTables reports a backup with tables other than those that its versions make.
func (m *Manifest) sameTables(backup *Manifest) error {
	same := func(a, b Table) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) }
	if !slices.EqualFunc(m.Tables, backup.Tables, same) {
		return ovenbird.Errorf(ovenbird.Invalid, "it does not hold the tables of its versions")
	}
	return nil
}

// restoreOlder takes the way over a database with the tables of the backup's time.
func (c Config) restoreOlder(ctx context.Context, db *database.DB, path string, m *Manifest, force bool) (out *Manifest, err error) {
	then := c
	then.Derived, then.Features = nil, nil
	for _, f := range c.Features {
		if _, has := m.Versions[f.Name]; has {
			then.Features = append(then.Features, f)
		}
	}
	err = scratch(ctx, func(between *database.DB) error {
		if err := then.migrate(ctx, between, m.Versions); err != nil {
			return err
		}
		pattern, err := then.pattern(ctx, m.Versions)
		if err != nil {
			return err
		}
		if err := pattern.sameTables(m); err != nil {
			return err
		}
		err = between.Tx(ctx, func(tx *sql.Tx) error { return then.replace(ctx, between.Dialect(), tx, path, pattern, true) })
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "ovenbird-restore-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // it is in a folder for temporary files
		updated := filepath.Join(dir, "backup")
		if _, err := WriteFile(ctx, c, between, updated); err != nil {
			return err
		}
		out, err = Restore(ctx, c, db, updated, force)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("restore %s, of an older version: %w", path, err)
	}
	return out, nil
}

// replace puts the rows of a backup in the place of those that are there.
func (c Config) replace(ctx context.Context, dialect database.Dialect, tx *sql.Tx, path string, pattern *Manifest, force bool) error {
	if !force {
		if err := c.checkEmpty(ctx, tx, pattern); err != nil {
			return err
		}
	}
	strict, err := deferReferences(ctx, dialect, tx)
	if err != nil {
		return err
	}
	for i := range pattern.Tables {
		//nolint:gosec // the name is that of a table which migrations make
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+quoted(pattern.Tables[i].Name)); err != nil {
			return fmt.Errorf("empty table %s: %w", pattern.Tables[i].Name, err)
		}
	}
	if err := load(ctx, tx, path); err != nil {
		return err
	}
	if c.Derived != nil {
		if err := c.Derived(ctx, tx); err != nil {
			return err
		}
	}
	return strict()
}

// checkEmpty reports tables that hold more than a new database's do.
func (c Config) checkEmpty(ctx context.Context, tx *sql.Tx, pattern *Manifest) error {
	var fresh *Manifest
	err := scratch(ctx, func(db *database.DB) (err error) {
		fresh, err = Survey(ctx, c, db)
		return err
	})
	if err != nil {
		return err
	}
	there := &Manifest{}
	for _, t := range pattern.Tables {
		if err := dumpTable(ctx, tx, &t, nothing{}); err != nil {
			return err
		}
		there.Tables = append(there.Tables, t)
	}
	if filled := fresh.Differences(there); len(filled) > 0 {
		return ovenbird.Errorf(ovenbird.Held,
			"the database is not empty; --force replaces everything in it, so back it up before (%s)", strings.Join(filled, "; "))
	}
	return nil
}

// load writes the rows of a backup.
func load(ctx context.Context, tx *sql.Tx, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	content, err := checkSeal(file)
	if err != nil {
		return err
	}
	r, err := newReader(content)
	if err != nil {
		return err
	}
	defer r.close()
	for i := range r.manifest.Tables {
		if err := r.load(ctx, tx, &r.manifest.Tables[i]); err != nil {
			return fmt.Errorf("table %s: %w", r.manifest.Tables[i].Name, err)
		}
	}
	return r.end()
}

func (r *reader) load(ctx context.Context, tx *sql.Tx, t *Table) error {
	width := len(t.Columns)
	full := t.insertion(insertRows)
	var values []any
	err := r.table(t, func(line []byte) (err error) {
		if values, err = t.parseRow(values, line); err != nil {
			return err
		}
		if len(values) == insertRows*width {
			_, err = tx.ExecContext(ctx, full, values...)
			values = values[:0]
		}
		return err
	})
	if err != nil || len(values) == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, t.insertion(len(values)/width), values...)
	return err
}

// deferReferences lets rows refer to others that come later, until strict is called.
func deferReferences(ctx context.Context, dialect database.Dialect, tx *sql.Tx) (strict func() error, err error) {
	if dialect == database.SQLite {
		// Until the commit, which checks them.
		_, err = tx.ExecContext(ctx, `PRAGMA defer_foreign_keys = ON`)
		return func() error { return nil }, err
	}
	// One string for each constraint, with names quoted by the server.
	const constraints = `SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I ', conrelid::regclass, conname)
		FROM pg_constraint WHERE contype = 'f' AND NOT condeferrable AND connamespace = current_schema()::regnamespace`
	var alterations []string
	rows, err := tx.QueryContext(ctx, constraints)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		var alteration string
		if err := rows.Scan(&alteration); err != nil {
			return nil, err
		}
		alterations = append(alterations, alteration)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	alter := func(how string) error {
		for _, alteration := range alterations {
			if _, err := tx.ExecContext(ctx, alteration+how); err != nil {
				return fmt.Errorf("change when references are checked: %w", err)
			}
		}
		return nil
	}
	strict = func() error {
		if _, err := tx.ExecContext(ctx, `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
			return fmt.Errorf("check what refers to what: %w", err)
		}
		return alter("NOT DEFERRABLE")
	}
	return strict, alter("DEFERRABLE INITIALLY DEFERRED")
}

// confirm reads everything back.
func (c Config) confirm(ctx context.Context, db *database.DB, m *Manifest) error {
	there, err := Survey(ctx, c, db)
	if err != nil {
		return fmt.Errorf("read back what was restored: %w", err)
	}
	if different := m.Differences(there); len(different) > 0 {
		return ovenbird.Errorf(ovenbird.Internal, "what was restored is not what the backup holds: %s", strings.Join(different, "; "))
	}
	return nil
}
