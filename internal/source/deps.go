package source

import (
	"context"

	"ovenbird/internal/catalog"
)

// writer is the part of the catalog that a run needs.
type writer interface {
	// Apply writes a batch in one transaction and says what became of each record.
	Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error)
}
