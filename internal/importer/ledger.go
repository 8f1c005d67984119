package importer

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Ledger is what imports remember in the catalog's database: which source
// delivered which record, and how far an import has come that was interrupted.
type Ledger struct {
	db *database.DB
}

// OpenLedger brings the ledger's tables up to date. They have to be in the
// database that the catalog is in: both are written in the same transactions.
func OpenLedger(ctx context.Context, db *database.DB) (*Ledger, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "importer", files)
	}
	if err != nil {
		return nil, fmt.Errorf("open the ledger of imports: %w", err)
	}
	return &Ledger{db}, nil
}

// Trial returns a copy of what the ledger knows of sources in another database,
// beside a trial copy of the catalog.
func (l *Ledger) Trial(ctx context.Context, db *database.DB) (*Ledger, error) {
	trial, err := OpenLedger(ctx, db)
	if err != nil {
		return nil, err
	}
	tables := []struct{ read, write string }{
		{
			`SELECT source, type, id, part, run FROM import_records`,
			`INSERT INTO import_records (source, type, id, part, run) VALUES ($1, $2, $3, $4, $5)`,
		},
		{`SELECT source, run FROM import_sources`, `INSERT INTO import_sources (source, run) VALUES ($1, $2)`},
	}
	err = l.db.ReadTx(ctx, func(from *sql.Tx) error {
		return db.Tx(ctx, func(to *sql.Tx) error {
			for _, t := range tables {
				if err := copyRows(ctx, to, from, t.read, t.write); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("copy the ledger of imports: %w", err)
	}
	return trial, nil
}

func copyRows(ctx context.Context, to, from *sql.Tx, read, write string) error {
	rows, err := from.QueryContext(ctx, read)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	insert, err := to.PrepareContext(ctx, write)
	if err != nil {
		return err
	}
	defer insert.Close() //nolint:errcheck // the transaction closes it too
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// delivery is what a batch says about who delivers what.
type delivery struct {
	source   string
	run      int64
	owned    []ownedRecord // accepted in this run
	kept     []ownedRecord // refused, so what was accepted before stays
	released []ownedRecord // not the source's any more
	complete []string      // parts
	refused  []string      // parts
}

// ownedRecord is a record of a source.
type ownedRecord struct {
	kind catalog.RecordType
	id   string
	part string
}

// begin starts a run of a source, and returns its number and how many records
// the source has delivered before.
func (l *Ledger) begin(ctx context.Context, source string) (run, owned int64, err error) {
	err = l.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO import_sources (source, run) VALUES ($1, 1)
			ON CONFLICT (source) DO UPDATE SET run = import_sources.run + 1`, source)
		if err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT run FROM import_sources WHERE source = $1`, source).Scan(&run); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM import_records WHERE source = $1`, source).Scan(&owned)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("begin a run of the source %s: %w", source, err)
	}
	return run, owned, nil
}

// write writes a batch's delivery in its transaction.
func (d *delivery) write(ctx context.Context, tx *sql.Tx) error {
	owned := make([][]any, 0, len(d.owned))
	seen := make(map[ownedRecord]bool, len(d.owned))
	for _, r := range d.owned {
		if key := (ownedRecord{kind: r.kind, id: r.id}); !seen[key] {
			seen[key] = true
			owned = append(owned, []any{d.source, string(r.kind), r.id, r.part, d.run})
		}
	}
	const upsert = `ON CONFLICT (source, type, id) DO UPDATE SET part = excluded.part, run = excluded.run`
	if err := insertRows(ctx, tx, `INSERT INTO import_records (source, type, id, part, run) VALUES `, upsert, owned); err != nil {
		return err
	}
	for _, r := range d.kept {
		_, err := tx.ExecContext(ctx, `UPDATE import_records SET run = $1 WHERE source = $2 AND type = $3 AND id = $4`,
			d.run, d.source, string(r.kind), r.id)
		if err != nil {
			return err
		}
	}
	for _, r := range d.released {
		_, err := tx.ExecContext(ctx, `DELETE FROM import_records WHERE source = $1 AND type = $2 AND id = $3`,
			d.source, string(r.kind), r.id)
		if err != nil {
			return err
		}
	}
	return d.writeParts(ctx, tx)
}

func (d *delivery) writeParts(ctx context.Context, tx *sql.Tx) error {
	for _, part := range d.complete {
		_, err := tx.ExecContext(ctx, `INSERT INTO import_parts (source, part, complete_run, refused_run) VALUES ($1, $2, $3, 0)
			ON CONFLICT (source, part) DO UPDATE SET complete_run = excluded.complete_run`, d.source, part, d.run)
		if err != nil {
			return err
		}
	}
	for _, part := range d.refused {
		_, err := tx.ExecContext(ctx, `INSERT INTO import_parts (source, part, complete_run, refused_run) VALUES ($1, $2, 0, $3)
			ON CONFLICT (source, part) DO UPDATE SET refused_run = excluded.refused_run`, d.source, part, d.run)
		if err != nil {
			return err
		}
	}
	return nil
}

// insertRows inserts rows in statements of a bounded number of arguments.
func insertRows(ctx context.Context, tx *sql.Tx, insert, conflict string, rows [][]any) error {
	const most = 100
	for len(rows) > 0 {
		n := min(most, len(rows))
		var b strings.Builder
		b.WriteString(insert)
		var args []any
		for i, row := range rows[:n] {
			if i > 0 {
				b.WriteByte(',')
			}
			for j := range row {
				b.WriteByte("(,"[min(j, 1)])
				b.WriteString("$" + strconv.Itoa(len(args)+j+1))
			}
			b.WriteByte(')')
			args = append(args, row...)
		}
		b.WriteString(" " + conflict)
		if _, err := tx.ExecContext(ctx, b.String(), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// gone says which records of a source it has not delivered in a run: all of
// them, or only those of parts that it delivered whole.
const gone = ` FROM import_records r WHERE r.source = $1 AND r.run < $2 AND ($3 = 1 OR EXISTS (SELECT 1 FROM import_parts p
	WHERE p.source = r.source AND p.part = r.part AND p.complete_run = $2 AND p.refused_run <> $2))`

// countGone counts them.
func (l *Ledger) countGone(ctx context.Context, source string, run int64, whole bool) (n int64, err error) {
	err = l.db.ReadTx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT count(*)`+gone, source, run, flag(whole)).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count what the source %s delivers no more: %w", source, err)
	}
	return n, nil
}

// goneRecord is one of them, and whether another source delivers it too.
type goneRecord struct {
	ownedRecord
	shared bool
}

// listGone returns up to limit of them of one type, with ids after one.
func (l *Ledger) listGone(
	ctx context.Context, source string, run int64, whole bool, kind catalog.RecordType, after string, limit int,
) (list []goneRecord, err error) {
	err = l.db.ReadTx(ctx, func(tx *sql.Tx) error {
		list = nil
		rows, err := tx.QueryContext(ctx, `SELECT r.id, r.part, EXISTS (SELECT 1 FROM import_records o
			WHERE o.type = r.type AND o.id = r.id AND o.source <> r.source)`+gone+` AND r.type = $4 AND r.id > $5 ORDER BY r.id LIMIT $6`,
			source, run, flag(whole), string(kind), after, limit)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err, below, has what matters
		for rows.Next() {
			g := goneRecord{ownedRecord: ownedRecord{kind: kind}}
			if err := rows.Scan(&g.id, &g.part, &g.shared); err != nil {
				return err
			}
			list = append(list, g)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list what the source %s delivers no more: %w", source, err)
	}
	return list, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkpoint is how far an import has come: what a later one needs to go on.
type checkpoint struct {
	How      string `json:"how"`  // hash of the mapping and the rest that decides what rows become
	Size     int64  `json:"size"` // of the file
	Rows     int64  `json:"rows"` // done
	Hash     string `json:"hash"` // of those rows
	Run      int64  `json:"run,omitzero"`
	Owned    int64  `json:"owned,omitzero"`
	Rejects  int64  `json:"rejects"` // size of the journal
	Waiting  int64  `json:"waiting"` // size of the journal
	Progress Report `json:"progress"`
}

// checkpoint returns what an import left, nil when there is nothing.
func (l *Ledger) checkpoint(ctx context.Context, name string) (*checkpoint, error) {
	var text string
	err := l.db.ReadTx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT state FROM import_checkpoints WHERE import = $1`, name).Scan(&text)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // nothing is there, and nothing is wrong
	}
	if err != nil {
		return nil, fmt.Errorf("read how far the import had come: %w", err)
	}
	c := new(checkpoint)
	if err := json.Unmarshal([]byte(text), c); err != nil {
		return nil, fmt.Errorf("read how far the import had come: %w", err)
	}
	return c, nil
}

// write writes a checkpoint in the transaction of the batch that it follows.
func (c *checkpoint) write(ctx context.Context, tx *sql.Tx, name string) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO import_checkpoints (import, state) VALUES ($1, $2)
		ON CONFLICT (import) DO UPDATE SET state = excluded.state`, name, string(text))
	return err
}

// forget removes a checkpoint.
func (l *Ledger) forget(ctx context.Context, name string) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM import_checkpoints WHERE import = $1`, name)
		return err
	})
}
