package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"path"
	"time"

	"ovenbird/internal/ovenbird"
)

// Filter says which entries are asked for. What is zero lets everything through.
type Filter struct {
	Since, Until time.Time // half-open: from Since on, before Until
	Actor        string
	Action       string // a pattern: "token.*"
	Target       string
}

// check reports a pattern that is none.
func (f *Filter) check() error {
	if _, err := path.Match(f.Action, ""); err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "%q is no pattern for actions: write it like token.* or *.delete", f.Action)
	}
	return nil
}

// Lets reports whether an entry is one of those asked for.
func (f *Filter) Lets(e *Entry) bool {
	matches, _ := path.Match(f.Action, e.Action)
	switch {
	case !f.Since.IsZero() && e.At.Before(f.Since), !f.Until.IsZero() && !e.At.Before(f.Until):
		return false
	case f.Actor != "" && e.Actor != f.Actor, f.Target != "" && e.Target != f.Target:
		return false
	}
	return f.Action == "" || matches
}

// Position is a place in both chains, between the entries that were listed and
// those that come next. The zero value is before the newest.
type Position struct{ Ledger, Feed int64 }

// pageSize is how many entries of a chain are read at once.
const pageSize = 200

// List returns up to limit entries of both chains together, newest first, from a
// position on, and the position behind them.
func (s *Store) List(ctx context.Context, f Filter, from Position, limit int) (list []Entry, next Position, err error) {
	if err := f.check(); err != nil {
		return nil, from, err
	}
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		list = nil
		ledger := s.cursor(tx, Ledger, f, from.Ledger)
		feed := s.cursor(tx, Feed, f, from.Feed)
		for len(list) < limit {
			a, err := ledger.peek(ctx)
			if err != nil {
				return err
			}
			b, err := feed.peek(ctx)
			switch {
			case err != nil:
				return err
			case a == nil && b == nil:
				next = Position{ledger.before, feed.before}
				return nil
			case b == nil || a != nil && a.At.After(b.At):
				list = append(list, ledger.take())
			default:
				list = append(list, feed.take())
			}
		}
		next = Position{ledger.before, feed.before}
		return nil
	})
	if err != nil {
		return nil, from, fmt.Errorf("read the audit: %w", err)
	}
	return list, next, nil
}

// cursor goes through one chain, newest first.
type cursor struct {
	read   func(ctx context.Context, before int64) ([]Entry, error)
	before int64 // all entries from this number on are taken
	ahead  []Entry
	ended  bool
}

func (s *Store) cursor(tx *sql.Tx, chain Chain, f Filter, before int64) *cursor {
	if before == 0 {
		before = math.MaxInt64
	}
	return &cursor{before: before, read: func(ctx context.Context, before int64) ([]Entry, error) {
		return s.page(ctx, tx, chain, f, before, pageSize)
	}}
}

// peek returns the next entry, nil where there is none.
func (c *cursor) peek(ctx context.Context) (*Entry, error) {
	if len(c.ahead) == 0 && !c.ended {
		var err error
		if c.ahead, err = c.read(ctx, c.before); err != nil {
			return nil, err
		}
		c.ended = len(c.ahead) == 0
	}
	if c.ended {
		return nil, nil //nolint:nilnil // there is none, and nothing failed
	}
	return &c.ahead[0], nil
}

func (c *cursor) take() Entry {
	e := c.ahead[0]
	c.ahead, c.before = c.ahead[1:], e.Sequence
	return e
}

// page returns entries of a chain below a number, newest first: some, unless
// there are none.
func (s *Store) page(ctx context.Context, tx *sql.Tx, chain Chain, f Filter, before int64, limit int) ([]Entry, error) {
	for {
		found, err := s.unfiltered(ctx, tx, chain, f, before, limit)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		before = found[len(found)-1].Sequence
		list := make([]Entry, 0, len(found))
		for _, e := range found {
			if f.Lets(&e) {
				list = append(list, e)
			}
		}
		if len(list) > 0 {
			return list, nil
		}
	}
}

// unfiltered returns entries that may pass a filter.
func (s *Store) unfiltered(ctx context.Context, tx *sql.Tx, chain Chain, f Filter, before int64, limit int) (list []Entry, err error) {
	if chain == Feed {
		return s.deps.Feed.Find(ctx, tx, f, before, limit)
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+columns+` FROM ledger_records WHERE sequence < $1 AND ($2 = '' OR actor = $2)
		AND ($3 = '' OR target = $3) ORDER BY sequence DESC LIMIT $4`, before, f.Actor, f.Target, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r.entry())
	}
	return list, rows.Err()
}
