package tree

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/release"
)

// Deps is what a publisher works with.
type Deps struct {
	Releases releases
	Store    store
	Log      *slog.Logger // of Start; nil: nothing is logged
	// Now is the clock by which windows open and close; nil means time.Now.
	Now func() time.Time
	// Approve is asked before anything is written; an error stops it. Nil means yes.
	Approve func(Plan) error
	// Progress is told now and then how many files of how many were dealt with. Nil
	// means nobody wants to know.
	Progress func(done, of int)
	// Published is called by Start's loop after each run that changed something. Nil
	// means nobody wants to know.
	Published func(*Report)
}

// releases is where the release to publish comes from; *release.Reader is one.
type releases interface {
	// Version changes with every change of the head, and is cheap to ask for.
	Version(ctx context.Context) (bucket.Version, error)
	Head(ctx context.Context) (release.Head, error)
	Load(ctx context.Context, ref release.Ref) (*release.Release, error)
}

// store is where the files lie; *bucket.Bucket is one.
type store interface {
	Put(ctx context.Context, key string, body []byte, headers bucket.Headers) error
	Delete(ctx context.Context, key string) error
	Swap(ctx context.Context, key string, body []byte, expect bucket.Version) (bucket.Version, error)
	Read(ctx context.Context, key string) ([]byte, bucket.Version, error)
	List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error]
}

// files is what a tree is read through.
type files interface {
	Read(ctx context.Context, key string) ([]byte, bucket.Version, error)
	List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error]
}
