package edge

import (
	"context"
	"log/slog"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/preview"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
)

// Deps is what an edge works with.
type Deps struct {
	Releases releases
	// Cached is what an earlier process of this edge kept of them. The edge serves
	// from it at once, and goes on to what Releases has; nil means nothing.
	Cached releases
	// Retain is called with the packs of each release that was taken over: others
	// need not be kept any more. Nil means nobody wants to know.
	Retain func(packs []release.Hash)
	// Prepare is called with each release before the first answer from it, and the
	// edge waits for it. Nil means nobody wants to know.
	Prepare func(next *release.Release)
	// Progress is told of each release that the edge serves, of the first failure
	// of a row, and of the end of a row, in order and by one goroutine. It must not
	// wait for anything. Nil means nobody wants to know.
	Progress func(Progress)
	// Previews judges the tokens of editors; nil means that there are none.
	Previews previews
	// Tracer follows releases from their publication on; nil follows none.
	Tracer *trace.Tracer
	Log    *slog.Logger // nil: nothing is logged
	// Now is the clock that opens and closes windows; nil means time.Now.
	Now func() time.Time
	// Elapsed is a clock that nobody can set, against which Now is held; nil means
	// the monotonic reading that Now's instants have, if they have one.
	Elapsed func() time.Duration
}

// previews judges tokens; *preview.Verifier does.
type previews interface {
	Verify(token string) (preview.Grant, error)
}

// releases is where an edge finds the release to serve; *release.Store is one.
type releases interface {
	// Version changes with every change of the head, and is cheap to ask for.
	Version(ctx context.Context) (bucket.Version, error)
	Head(ctx context.Context) (release.Head, error)
	Load(ctx context.Context, ref release.Ref) (*release.Release, error)
}

// Progress is how an edge came to serve a release, or that it can not follow.
type Progress struct {
	Release  string    // the release that is served from now on; "" where that has not changed
	Previous string    // the one served before; "" where it is the first
	Known    time.Time // when the edge saw that it was to be served
	Served   time.Time // when it was
	// Fetch is how long reading and checking it took, Swap all else up to Served.
	Fetch, Swap time.Duration
	// Failure is why the edge can not follow, as of the first failure of a row.
	Failure error
	// Recovered says that a row of failures has ended.
	Recovered bool
}
