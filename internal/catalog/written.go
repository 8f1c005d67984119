package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"strconv"
	"time"
)

// EachWritten calls fn with up to limit entries of the feed that come after a
// number, in order, each with its columns as the table has them, unparsed: for
// who seals the feed, so that nothing that anybody changes there goes unseen. The
// sequence of an entry whose own is no number is -1.
func EachWritten(
	ctx context.Context, tx *sql.Tx, after int64, limit int, fn func(sequence int64, columns []sql.NullString) error,
) error {
	return newReader(tx).each(ctx, selectChanges, where{" LIMIT $2", []any{after, limit}}, func(rows *sql.Rows) error {
		columns := make([]sql.NullString, 8)
		into := make([]any, len(columns))
		for i := range columns {
			into[i] = &columns[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		sequence, err := strconv.ParseInt(columns[0].String, 10, 64)
		if err != nil {
			sequence = -1
		}
		return fn(sequence, columns)
	})
}

// FeedFilter says which entries of the feed are asked for. What is zero lets
// everything through.
type FeedFilter struct {
	Since, Until time.Time // half-open
	Actor, ID    string
	Before       int64 // only entries with a lower number; 0 is any
}

const searchChanges = `SELECT sequence, at, actor, type, id, action, before, after FROM changes WHERE sequence < $1
	AND at >= $2 AND at < $3 AND ($4 = '' OR actor = $4) AND ($5 = '' OR id = $5) ORDER BY sequence DESC LIMIT $6`

// FindIn returns up to limit entries of the feed, newest first, as a transaction
// sees them.
func FindIn(ctx context.Context, tx *sql.Tx, s FeedFilter, limit int) (list []Change, err error) {
	until := "9999-12-31T23:59:59.999Z"
	if !s.Until.IsZero() {
		until = s.Until.UTC().Format(changeTime)
	}
	condition := where{"", []any{
		cmp.Or(s.Before, math.MaxInt64), s.Since.UTC().Format(changeTime), until, s.Actor, s.ID, limit,
	}}
	err = newReader(tx).each(ctx, searchChanges, condition, func(rows *sql.Rows) error {
		c, err := scanChange(rows)
		list = append(list, c)
		return err
	})
	return list, err
}
