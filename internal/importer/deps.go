package importer

import (
	"context"

	"ovenbird/internal/catalog"
)

// writer is the part of the catalog that an import needs.
type writer interface {
	// Apply writes a batch in one transaction and says what became of each record.
	// It calls the batch's Also in that transaction.
	Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error)
}
