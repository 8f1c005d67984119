package release

import (
	"context"
	"errors"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

// Config adjusts a Store. The zero value is good.
type Config struct {
	// Keep is how many releases Collect keeps, the newest ones; 0 means 20.
	// Pinned releases and the current one are kept beside them.
	Keep int
	// PackSize is the size, in bytes, at which a pack is closed and the next one
	// begun; 0 means 16 MiB.
	PackSize int
	// MaxPacks is how many packs a release may refer to before small ones are
	// merged; 0 means 32.
	MaxPacks int
}

const (
	defaultKeep     = 20
	defaultPackSize = 16 << 20
	defaultMaxPacks = 32
)

// Store is the releases in a bucket, to read and to add to. Any number of
// goroutines and processes may use the same bucket.
type Store struct {
	*Reader
	bucket *bucket.Bucket
	config Config
}

// Open returns the releases in a bucket. The bucket stays the caller's to close.
func Open(b *bucket.Bucket, config Config) (*Store, error) {
	reader, err := NewReader(b)
	if err != nil {
		return nil, err
	}
	if config.Keep <= 0 {
		config.Keep = defaultKeep
	}
	if config.PackSize <= 0 {
		config.PackSize = defaultPackSize
	}
	if config.MaxPacks <= 0 {
		config.MaxPacks = defaultMaxPacks
	}
	return &Store{Reader: reader, bucket: b, config: config}, nil
}

// bucketFailed gives a failure of the bucket its code.
func bucketFailed(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, bucket.ErrNotFound):
		return ovenbird.Errorf(ovenbird.NotFound, "%w", err)
	case errors.Is(err, bucket.ErrChanged):
		return ovenbird.Errorf(ovenbird.Conflict, "%w", err)
	default:
		return ovenbird.Errorf(ovenbird.Unavailable, "%w", err)
	}
}
