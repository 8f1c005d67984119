package importer

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"

	"ovenbird/internal/catalog"
)

// Fate is what becomes of a record that a source does not deliver any more.
type Fate string

// The fates.
const (
	Deleted   Fate = vanishDelete
	Hidden    Fate = vanishUnpublish // a title or collection: not published any more
	LeftAsIs  Fate = vanishKeep
	ownerStep      = 1000 // records of a transaction
)

// Fate returns what the mapping says about records of a type that vanish, and
// whether it gives any. A nil mapping, that of NDJSON, gives all.
func (m *Mapping) Fate(kind catalog.RecordType) (fate Fate, gives bool) {
	gives = m == nil || slices.ContainsFunc(m.rules, func(r *rule) bool { return r.kind == kind })
	return Fate(m.vanished(kind)), gives
}

// Fingerprint identifies the mapping and all that its lookups hold.
func (m *Mapping) Fingerprint() string { return hex.EncodeToString(m.hash) }

// Owner is a record with a source that delivers it.
type Owner struct {
	Source string
	Type   catalog.RecordType
	ID     string // of a collection item: collection/title
}

// Owners passes on all records of all sources, in no particular order.
func (l *Ledger) Owners(ctx context.Context, do func(Owner) error) error {
	err := l.db.ReadTx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT source, type, id FROM import_records`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err, below, has what matters
		for rows.Next() {
			var o Owner
			if err := rows.Scan(&o.Source, &o.Type, &o.ID); err != nil {
				return err
			}
			if err := do(o); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("read whose records are: %w", err)
	}
	return nil
}

// Claim notes that sources deliver records. It is for those who compare before
// they write; an import with a source notes it by itself.
func (l *Ledger) Claim(ctx context.Context, owners []Owner) error {
	return l.each(ctx, owners, `INSERT INTO import_records (source, type, id, part, run) VALUES ($1, $2, $3, '', 0)
		ON CONFLICT (source, type, id) DO NOTHING`)
}

// Release notes that sources deliver records no more.
func (l *Ledger) Release(ctx context.Context, owners []Owner) error {
	return l.each(ctx, owners, `DELETE FROM import_records WHERE source = $1 AND type = $2 AND id = $3`)
}

// Forget makes a source's records nobody's, and forgets what its runs left. It
// returns how many records that were.
func (l *Ledger) Forget(ctx context.Context, source string) (records int64, err error) {
	err = l.db.Tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM import_records WHERE source = $1`, source)
		if err != nil {
			return err
		}
		if records, err = done.RowsAffected(); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM import_parts WHERE source = $1`, source); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM import_sources WHERE source = $1`, source)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget the source %s: %w", source, err)
	}
	return records, nil
}

// each runs a statement for each of the owners.
func (l *Ledger) each(ctx context.Context, owners []Owner, query string) error {
	for some := range slices.Chunk(owners, ownerStep) {
		err := l.db.Tx(ctx, func(tx *sql.Tx) error {
			statement, err := tx.PrepareContext(ctx, query)
			if err != nil {
				return err
			}
			defer statement.Close() //nolint:errcheck // the transaction closes it too
			for _, o := range some {
				if _, err := statement.ExecContext(ctx, o.Source, string(o.Type), o.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write whose records are: %w", err)
		}
	}
	return nil
}
