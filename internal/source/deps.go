package source

import (
	"context"

	"ovenbird/internal/catalog"
)

// catalogStore is the part of the catalog that a run needs.
type catalogStore interface {
	// Apply writes a batch in one transaction and says what became of each record.
	Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error)
	// Sequence is the number of the last change.
	Sequence(ctx context.Context) (int64, error)
	// Changes returns up to limit changes that come after one, in order.
	Changes(ctx context.Context, after int64, limit int) ([]catalog.Change, error)
}
