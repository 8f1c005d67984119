package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ovenbird/internal/trace"
)

// Origin says where changes come from, for whoever makes a release of them.
type Origin struct {
	First time.Time // when the first of them was made; zero where there are none
	// Traces are the traceparents (W3C Trace Context) of the batches that they came
	// in, where those were traced: the first mostTraces.
	Traces []string
}

const (
	// mostTraces is how many links a span has by OpenTelemetry's default, and fewer
	// than anybody follows.
	mostTraces = 100
	// keptTraces is how many changes back traces are kept. A bake asks for the last.
	keptTraces = 100_000
)

const (
	insertTrace  = `INSERT INTO change_traces (sequence, traceparent) VALUES ($1, $2)`
	forgetTraces = `DELETE FROM change_traces WHERE sequence < $1`
	selectTraces = `SELECT traceparent FROM change_traces WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3`
	selectStamp  = `SELECT at FROM changes WHERE sequence = $1`
)

// Origin returns where the changes after one number, up to another, come from.
func (s *Store) Origin(ctx context.Context, after, last int64) (o Origin, err error) {
	if last <= after {
		return o, nil
	}
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		o = Origin{}
		var at string
		err := tx.QueryRowContext(ctx, selectStamp, after+1).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // the catalog was set back to before them
		}
		if err != nil {
			return err
		}
		if o.First, err = time.Parse(time.RFC3339, at); err != nil {
			return err
		}
		return newReader(tx).each(ctx, selectTraces, where{"", []any{after, last, mostTraces}}, func(rows *sql.Rows) error {
			var traceparent string
			err := rows.Scan(&traceparent)
			o.Traces = append(o.Traces, traceparent)
			return err
		})
	})
	if err != nil {
		return Origin{}, fmt.Errorf("look up where the changes after %d come from: %w", after, err)
	}
	return o, nil
}

// noteTrace keeps of which trace the changes up to a number are a part, if of any.
func noteTrace(ctx context.Context, tx *sql.Tx, last int64) error {
	parent := trace.Parent(ctx)
	if parent == "" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, insertTrace, last, parent); err != nil {
		return fmt.Errorf("keep the trace of change %d: %w", last, err)
	}
	if _, err := tx.ExecContext(ctx, forgetTraces, last-keptTraces); err != nil {
		return fmt.Errorf("forget the traces of changes long ago: %w", err)
	}
	return nil
}
