package main

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ovenbird/internal/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// seeded remembers which of the site's catalog files were imported: beside what
// came of them, so that a second machine does not import them over the edits made
// since, nor does a restored database.
type seeded struct {
	db *database.DB
	// before is the file that earlier versions remembered it in.
	before string
}

// load returns, by name within the site, the hash of each file that was imported.
func (s seeded) load(ctx context.Context) (map[string]string, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := s.db.Migrate(ctx, "site", files); err != nil {
		return nil, err
	}
	if err := s.takeOver(ctx); err != nil {
		return nil, fmt.Errorf("take over %s: %w", s.before, err)
	}
	done := make(map[string]string)
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT name, hash FROM site_files`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err, below, has what matters
		for rows.Next() {
			var name, hash string
			if err := rows.Scan(&name, &hash); err != nil {
				return err
			}
			done[name] = hash
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read which files were imported: %w", err)
	}
	return done, nil
}

// save remembers a file.
func (s seeded) save(ctx context.Context, name, hash string) error {
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO site_files (name, hash) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET hash = excluded.hash`, name, hash)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember that %s was imported: %w", name, err)
	}
	return nil
}

func (s seeded) takeOver(ctx context.Context) error {
	body, err := os.ReadFile(s.before)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	done := make(map[string]string)
	if err := json.Unmarshal(body, &done); err != nil {
		return err
	}
	for name, hash := range done {
		if err := s.save(ctx, filepath.ToSlash(name), hash); err != nil {
			return err
		}
	}
	return os.Remove(s.before)
}
