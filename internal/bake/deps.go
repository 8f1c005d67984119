package bake

import (
	"context"

	"ovenbird/internal/catalog"
	"ovenbird/internal/engine"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
)

// catalogReader is what a bake asks of the catalog.
type catalogReader interface {
	// Snapshot reads all of it.
	Snapshot(ctx context.Context) (*ovenbird.Snapshot, error)
	// Refresh brings a snapshot up to date and says what it touched.
	Refresh(ctx context.Context, prev *ovenbird.Snapshot) (*ovenbird.Snapshot, ovenbird.Touched, error)
	// Sequence is the number of the last change.
	Sequence(ctx context.Context) (int64, error)
}

// Deps is what a Service works with.
type Deps struct {
	Catalog  catalogReader
	Releases *release.Store
	Engine   *engine.Engine
	// Changes has something in it after this process has changed the catalog. What
	// others change is asked for every 10 ms; nil leaves it at that.
	Changes <-chan struct{}
	// Published is called after a release was published; nil is fine.
	Published func()
	// Steps is told, after Published, how long the steps of a release took. After a
	// crash it may be told a second time. Nil is fine.
	Steps func(ctx context.Context, release string, steps Steps)
	// Origin tells where the changes of the catalog after one number, up to
	// another, come from; nil tells nothing.
	Origin func(ctx context.Context, after, last int64) (Origin, error)
	// Tracer follows bakes; nil follows none.
	Tracer *trace.Tracer
}

// Origin says where changes come from.
type Origin = catalog.Origin
