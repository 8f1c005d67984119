package ledger

import (
	"context"
	"database/sql"
	"errors"

	"ovenbird/internal/ovenbird"
)

// reach returns how far the chains are: the ledger up to its last record, the feed
// up to its last seal.
func (s *Store) reach(ctx context.Context) (ledger, feed Reach, err error) {
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT sequence, hash FROM ledger_head`).Scan(&ledger.Sequence, &ledger.Hash); err != nil {
			return err
		}
		last, err := lastSeal(ctx, tx)
		feed = Reach{last.last, last.hash}
		return err
	})
	return ledger, feed, err
}

// matches reports whether the database still holds what a checkpoint says; nil says nothing.
func (s *Store) matches(ctx context.Context, n *Note) (same bool, err error) {
	if n == nil {
		return true, nil
	}
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		for _, chain := range []struct {
			Reach
			query string
		}{
			{n.Ledger, `SELECT hash FROM ledger_records WHERE sequence = $1`},
			{n.Feed, `SELECT hash FROM ledger_seals WHERE last = $1`},
		} {
			if chain.Sequence == 0 {
				continue
			}
			var hash string
			err := tx.QueryRowContext(ctx, chain.query, chain.Sequence).Scan(&hash)
			if errors.Is(err, sql.ErrNoRows) || err == nil && hash != chain.Hash {
				same = false
				return nil
			}
			if err != nil {
				return err
			}
		}
		same = true
		return nil
	})
	return same, err
}

// linked fails with ErrDiverged where the records from one place to another do not
// follow each other: what is wrong already is not to be signed.
func (s *Store) linked(ctx context.Context, from, to Reach) error {
	at := from
	err := s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		at = from
		return eachRow(ctx, tx, from.Sequence, func(r *row) error {
			if r.sequence > to.Sequence {
				return nil // appended since
			}
			if r.sequence != at.Sequence+1 || r.previous.String != at.Hash || r.hash.String != r.digest() {
				return ovenbird.Errorf(ovenbird.Held, "%w: record %d is not what was appended", ErrDiverged, at.Sequence+1)
			}
			at = Reach{r.sequence, r.hash.String}
			return nil
		})
	})
	if err == nil && at != to {
		return ovenbird.Errorf(ovenbird.Held, "%w: record %d is missing", ErrDiverged, at.Sequence+1)
	}
	return err
}

// eachRow calls fn with the records after a number, in order.
func eachRow(ctx context.Context, tx *sql.Tx, after int64, fn func(*row) error) error {
	rows, err := tx.QueryContext(ctx, `SELECT `+columns+` FROM ledger_records WHERE sequence > $1 ORDER BY sequence`, after)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// knownCheckpoint returns the number of the newest checkpoint that the database
// has heard of.
func (s *Store) knownCheckpoint(ctx context.Context) (number int64, err error) {
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT checkpoint FROM ledger_head`).Scan(&number)
	})
	return number, err
}

// know notes that a checkpoint is there. A restored database may know of some that
// are not in this bucket: it forgets them.
func (s *Store) know(ctx context.Context, n *Note) error {
	return s.deps.DB.Tx(ctx, func(tx *sql.Tx) error {
		const learn = `UPDATE ledger_head SET checkpoint = $1 WHERE checkpoint < $1 OR $2 = 1`
		_, err := tx.ExecContext(ctx, learn, n.Number, number(n.Restored))
		return err
	})
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
