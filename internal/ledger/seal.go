package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"ovenbird/internal/ovenbird"
)

const (
	// sealEntries is how many entries of the feed one seal has at most.
	sealEntries = 1000
	// markSize is how many hexadecimal digits of an entry's hash a seal keeps.
	markSize = 16
	// noMark stands for an entry that is not there.
	noMark = "................"
)

// seal says what the running hash over the feed is after some entries.
type seal struct {
	first, last    int64
	previous, hash string
	marks          string
}

// extend returns the running hash after an entry with a hash.
func extend(running, entry string) string {
	return digest([]sql.NullString{text(running), text(entry)})
}

const newestSeal = `SELECT last, first, previous, hash, marks FROM ledger_seals ORDER BY last DESC LIMIT 1`

// lastSeal returns the newest seal, the zero one before the first.
func lastSeal(ctx context.Context, tx *sql.Tx) (s seal, err error) {
	err = tx.QueryRowContext(ctx, newestSeal).Scan(&s.last, &s.first, &s.previous, &s.hash, &s.marks)
	if errors.Is(err, sql.ErrNoRows) {
		return seal{}, nil
	}
	return s, err
}

// sealFeed seals all entries of the feed that there are, a batch at a time.
func (s *Store) sealFeed(ctx context.Context) error {
	for {
		more, err := s.sealBatch(ctx)
		if err != nil {
			return fmt.Errorf("seal the feed of changes: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// sealBatch reads and hashes without holding anybody up, and then writes the seal,
// unless another process was faster. It reports whether there may be more.
func (s *Store) sealBatch(ctx context.Context) (more bool, err error) {
	var base, next seal
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		if base, err = lastSeal(ctx, tx); err != nil {
			return err
		}
		next, err = s.sealAfter(ctx, tx, base)
		return err
	})
	if err != nil || next.last == base.last {
		return false, err
	}
	err = s.deps.DB.Tx(ctx, func(tx *sql.Tx) error {
		now, err := lastSeal(ctx, tx)
		if err != nil || now != base {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO ledger_seals (last, first, previous, hash, marks) VALUES ($1, $2, $3, $4, $5)`,
			next.last, next.first, next.previous, next.hash, next.marks)
		return err
	})
	return err == nil, err
}

// sealAfter returns the seal of the entries that follow another; it ends like that
// one where there are none.
func (s *Store) sealAfter(ctx context.Context, tx *sql.Tx, base seal) (seal, error) {
	next := seal{first: base.last + 1, last: base.last, previous: base.hash, hash: base.hash}
	var marks strings.Builder
	err := s.deps.Feed.EachWritten(ctx, tx, base.last, sealEntries, func(sequence int64, columns []sql.NullString) error {
		if sequence <= next.last || sequence > next.last+sealEntries {
			return ovenbird.Errorf(ovenbird.Held, "%w: after change %d of the catalog comes %d", ErrDiverged, next.last, sequence)
		}
		// What is missing is Verify's to tell of, and stops nothing.
		marks.WriteString(strings.Repeat(noMark, int(sequence-next.last-1)))
		entry := digest(columns)
		next.last, next.hash = sequence, extend(next.hash, entry)
		marks.WriteString(entry[:markSize])
		return nil
	})
	next.marks = marks.String()
	return next, err
}
