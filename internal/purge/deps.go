package purge

import (
	"context"
	"log/slog"

	"ovenbird/internal/release"
)

// Deps is what a Service works with.
type Deps struct {
	Releases releases
	// Secret returns the value of a secret by its name, which is asked for each time.
	Secret func(name string) (string, error)
	Log    *slog.Logger // nil: nothing is logged
}

// releases is where releases are that an earlier process served.
type releases interface {
	Load(ctx context.Context, ref release.Ref) (*release.Release, error)
}
