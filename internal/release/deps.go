package release

import (
	"context"

	"ovenbird/internal/bucket"
)

// source is where releases are read: a *bucket.Bucket, or what stands before
// one. Its errors are those of a bucket.
type source interface {
	// Version changes with every change of the object, and is cheap to ask for.
	Version(ctx context.Context, key string) (bucket.Version, error)
	Read(ctx context.Context, key string) ([]byte, bucket.Version, error)
	ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error)
	Stat(ctx context.Context, key string) (bucket.Info, error)
}
