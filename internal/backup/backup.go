package backup

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ovenbird/internal/database"
)

// Feature is a part of the program that has tables.
type Feature struct {
	Name       string // as in database.DB.Migrate
	Migrations fs.FS
}

// Config says what a backup is of. It is the same for all functions of the package.
type Config struct {
	Features []Feature
	// Program says in the manifest which program made the backup.
	Program string
	// Sequence reads what the manifest says about how far the content is.
	Sequence func(ctx context.Context, tx *sql.Tx) (int64, error)
	// Derived, when it is not nil, runs in the transaction of a restore after
	// everything else: what is derived from the tables has to be made again.
	Derived func(ctx context.Context, tx *sql.Tx) error
	// Now stamps backups; nil means time.Now.
	Now func() time.Time
}

func (c Config) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Manifest says what a backup, or a database, holds.
type Manifest struct {
	Made     time.Time        `json:"made"`
	Program  string           `json:"program"`
	Sequence int64            `json:"sequence"` // of the last change
	Versions map[string]int64 `json:"versions"` // of each feature's tables
	Tables   []Table          `json:"tables"`   // by name
}

// Table is what a table holds.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"` // by name
	Rows    int64    `json:"rows"`
	// Hash is the sum of the SHA-256 of all rows, in four parts of 64 bits that do
	// not carry: the order of the rows does not matter to it.
	Hash string `json:"hash"`
}

// Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Kind is what a column holds, besides NULL.
type Kind string

// The kinds.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Boolean Kind = "boolean"
)

// Rows returns how many rows there are in all tables.
func (m *Manifest) Rows() (n int64) {
	for i := range m.Tables {
		n += m.Tables[i].Rows
	}
	return n
}

// Differences says in which tables two manifests do not hold the same.
func (m *Manifest) Differences(other *Manifest) []string {
	var list []string
	others := make(map[string]*Table, len(other.Tables))
	for i := range other.Tables {
		others[other.Tables[i].Name] = &other.Tables[i]
	}
	for i := range m.Tables {
		a := &m.Tables[i]
		switch b := others[a.Name]; {
		case b == nil:
			list = append(list, fmt.Sprintf("table %s is missing", a.Name))
		case a.Rows != b.Rows:
			list = append(list, fmt.Sprintf("table %s has %d rows in one and %d in the other", a.Name, a.Rows, b.Rows))
		case a.Hash != b.Hash:
			list = append(list, fmt.Sprintf("table %s differs", a.Name))
		}
		delete(others, a.Name)
	}
	for name := range others {
		list = append(list, fmt.Sprintf("table %s is missing", name))
	}
	return list
}

// total is the hash of a table while its rows go by.
type total struct {
	rows int64
	sum  [4]uint64
}

func (t *total) add(hash [32]byte) {
	t.rows++
	for i := range t.sum {
		t.sum[i] += binary.BigEndian.Uint64(hash[8*i:])
	}
}

func (t *total) into(table *Table) {
	var sum [32]byte
	for i, part := range t.sum {
		binary.BigEndian.PutUint64(sum[8*i:], part)
	}
	table.Rows, table.Hash = t.rows, hex.EncodeToString(sum[:])
}

// Survey reads everything in a database, as of one moment, and says what it holds.
func Survey(ctx context.Context, cfg Config, db *database.DB) (*Manifest, error) {
	return cfg.dump(ctx, db, nothing{})
}

// nothing takes rows and keeps none.
type nothing struct{}

func (nothing) head(*Manifest) error  { return nil }
func (nothing) row([]byte) error      { return nil }
func (nothing) endTable(*Table) error { return nil }

// pattern returns a manifest of tables as the features' migrations leave them, at
// the given versions, or the newest where there are none.
func (c Config) pattern(ctx context.Context, versions map[string]int64) (m *Manifest, err error) {
	err = scratch(ctx, func(db *database.DB) error {
		if err := c.migrate(ctx, db, versions); err != nil {
			return err
		}
		m = &Manifest{Versions: make(map[string]int64)}
		return db.ReadTx(ctx, func(tx *sql.Tx) error {
			for _, f := range c.Features {
				var version int64
				if err := tx.QueryRowContext(ctx, `SELECT max(version_id) FROM `+quoted(f.Name+"_migrations")).Scan(&version); err != nil {
					return err
				}
				m.Versions[f.Name] = version
			}
			m.Tables, err = tablesOf(ctx, tx)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find out which tables there are: %w", err)
	}
	return m, nil
}

// scratch runs fn with a new database that is gone afterwards.
func scratch(ctx context.Context, fn func(*database.DB) error) (err error) {
	dir, err := os.MkdirTemp("", "ovenbird-backup-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := database.Open(ctx, database.Config{Path: filepath.Join(dir, "scratch.db")})
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

func (c Config) migrate(ctx context.Context, db *database.DB, versions map[string]int64) error {
	for _, f := range c.Features {
		var err error
		if version, ok := versions[f.Name]; ok {
			err = db.MigrateTo(ctx, f.Name, f.Migrations, version)
		} else {
			err = db.Migrate(ctx, f.Name, f.Migrations)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
