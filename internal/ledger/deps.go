package ledger

import (
	"context"
	"database/sql"
	"time"

	"ovenbird/internal/database"
)

// Deps is what a ledger stands on. The feed has to be in DB.
type Deps struct {
	DB *database.DB
	// Feed is the catalog's feed of changes; nil is one without entries.
	Feed feed
	// Author stands in records of events that name no actor or no commit.
	Author Author
	Now    func() time.Time // nil means time.Now
}

// feed is a log of changes that keeps itself: the ledger seals it and shows it.
type feed interface {
	// SequenceIn returns the number of the last entry, 0 where there is none.
	SequenceIn(ctx context.Context, tx *sql.Tx) (int64, error)
	// EachWritten calls fn with up to limit entries that come after a number, in
	// order, each with its columns as the table has them; fn may keep those.
	EachWritten(ctx context.Context, tx *sql.Tx, after int64, limit int, fn func(sequence int64, columns []sql.NullString) error) error
	// Find returns entries that a filter lets through and whose number is below
	// before, newest first, up to limit.
	Find(ctx context.Context, tx *sql.Tx, f Filter, before int64, limit int) ([]Entry, error)
}

// noFeed is a feed without entries.
type noFeed struct{}

func (noFeed) SequenceIn(context.Context, *sql.Tx) (int64, error) { return 0, nil }

func (noFeed) EachWritten(context.Context, *sql.Tx, int64, int, func(int64, []sql.NullString) error) error {
	return nil
}

func (noFeed) Find(context.Context, *sql.Tx, Filter, int64, int) ([]Entry, error) { return nil, nil }
