package admin

import (
	"context"
	"log/slog"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/draft"
	"ovenbird/internal/facts"
	"ovenbird/internal/ledger"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
	"ovenbird/internal/webhook"
)

// Config is what of a site the API tells.
type Config struct {
	// Version is that of the program, for the OpenAPI document; "" means "dev".
	Version string
	// Rules and Editions decide what is visible, as in a bake.
	Rules    *facts.Rules
	Editions []*facts.Edition
	// Poll is how often the feed of changes is looked at while somebody follows
	// it; 0 means 250 ms.
	Poll time.Duration
	// Heartbeat is how often somebody who follows the feed hears that the
	// connection is alive; 0 means 15 s.
	Heartbeat time.Duration
	// MaxStreams is how many may follow the feed at once; 0 means 64.
	MaxStreams int
}

// Deps is what the API works with. The catalog, the drafts, the webhooks and the
// ledger have to be in DB.
type Deps struct {
	DB       *database.DB
	Catalog  *catalog.Store
	Releases *release.Store
	Bakes    baker
	Drafts   *draft.Store
	Webhooks *webhook.Store
	Ledger   *ledger.Store
	Now      func() time.Time // nil means time.Now
	Log      *slog.Logger     // nil discards
	// Tracer follows what is written; nil follows nothing.
	Tracer *trace.Tracer
}

// baker makes releases.
type baker interface {
	// Submit queues a bake and returns its id.
	Submit(ctx context.Context, request BakeRequest) (id string, err error)
	// Find returns a bake; its error is NotFound where there is none with the id.
	Find(ctx context.Context, id string) (Bake, error)
}
