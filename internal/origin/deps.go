package origin

import (
	"context"
	"errors"
	"log/slog"

	"ovenbird/internal/bucket"
	"ovenbird/internal/spread"
)

// ErrRefused is in the chain of what a check of a token returns for one that is
// not good.
var ErrRefused = errors.New("the token is not good")

// Deps is what an Origin works with.
type Deps struct {
	Objects objects
	Tokens  tokens
	Reports reports
	Log     *slog.Logger // nil discards
}

// objects is where releases lie; *bucket.Bucket is one.
type objects interface {
	Version(ctx context.Context, key string) (bucket.Version, error)
	Read(ctx context.Context, key string) ([]byte, bucket.Version, error)
	ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error)
	Stat(ctx context.Context, key string) (bucket.Info, error)
}

// tokens knows who may read releases.
type tokens interface {
	// Admit fails with ErrRefused for a secret that is no good token of an edge, and
	// with another error where that can not be told.
	Admit(ctx context.Context, secret string) error
}

// reports takes in what edges say of themselves; *spread.Service does.
type reports interface {
	Report(ctx context.Context, r spread.Report) error
}
