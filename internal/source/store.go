package source

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/importer"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Good is the last run of a source whose content is in the catalog.
type Good struct {
	At      time.Time           `json:"at"`
	Rows    int64               `json:"rows"`
	Records int64               `json:"records"`
	Columns map[string][]Column `json:"columns,omitempty"` // by query
	// Validators are those of a feed that was read whole with this Fingerprint.
	Validators  Validators `json:"validators,omitzero"`
	Fingerprint string     `json:"fingerprint"` // of the queries and mappings
	Digest      string     `json:"digest"`      // of the records
	Whole       bool       `json:"whole"`       // whether all of them were accepted
	Sequence    int64      `json:"sequence"`    // of the catalog's last change before
}

// Hold is what stopped a run.
type Hold struct {
	At      time.Time                     `json:"at"` // since when
	Why     []string                      `json:"why"`
	Columns map[string][]Column           `json:"columns,omitempty"` // as they were found
	Losses  map[catalog.RecordType]Losses `json:"losses,omitempty"`
}

// State is what is known of a source.
type State struct {
	Name string   `json:"name"`
	Last *Outcome `json:"last"` // nil before the first run
	Good *Good    `json:"good"` // nil before the first that was
	Held *Hold    `json:"held"` // nil where nothing waits for a person
}

// Store keeps what is known of sources, beside the catalog. Any number of goroutines may use it.
type Store struct{ db *database.DB }

// OpenStore brings the tables up to date. The database stays the caller's.
func OpenStore(ctx context.Context, db *database.DB) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the state of sources: %w", err)
	}
	if err := db.Migrate(ctx, "source", files); err != nil {
		return nil, fmt.Errorf("open the state of sources: %w", err)
	}
	return &Store{db}, nil
}

const (
	selectState = `SELECT last_run, last_good, held FROM sources WHERE name = $1`
	upsertState = `INSERT INTO sources (name, last_run, last_good, held) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET last_run = excluded.last_run, last_good = excluded.last_good, held = excluded.held`
)

// State returns what is known of a source; of one that never ran, its name.
func (s *Store) State(ctx context.Context, name string) (State, error) {
	state := State{Name: name}
	var last string
	var good, held sql.NullString
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, selectState, name).Scan(&last, &good, &held)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return state, nil
	}
	if err == nil {
		err = errors.Join(json.Unmarshal([]byte(last), &state.Last), parse(good, &state.Good), parse(held, &state.Held))
	}
	if err != nil {
		return State{}, fmt.Errorf("read the state of source %s: %w", name, err)
	}
	return state, nil
}

func parse(text sql.NullString, into any) error {
	if !text.Valid {
		return nil
	}
	return json.Unmarshal([]byte(text.String), into)
}

// Names returns the names of all sources that ever ran, in no particular order.
func (s *Store) Names(ctx context.Context) (names []string, err error) {
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		names = nil
		rows, err := tx.QueryContext(ctx, `SELECT name FROM sources`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // what it says, rows.Err has said
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			names = append(names, name)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read the names of sources: %w", err)
	}
	return names, nil
}

// Forget forgets what is known of a source. Its records stay, and are nobody's;
// it returns how many that were.
func (s *Store) Forget(ctx context.Context, name string) (records int64, err error) {
	ledger, err := importer.OpenLedger(ctx, s.db)
	if err != nil {
		return 0, err
	}
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sources WHERE name = $1`, name)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget the source %s: %w", name, err)
	}
	return ledger.Forget(ctx, name)
}

func (s *Store) save(ctx context.Context, state State) error {
	values := []any{state.Name}
	for _, part := range []any{state.Last, state.Good, state.Held} {
		text, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("write the state of source %s: %w", state.Name, err)
		}
		values = append(values, sql.NullString{String: string(text), Valid: string(text) != "null"})
	}
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, upsertState, values...)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the state of source %s: %w", state.Name, err)
	}
	return nil
}
