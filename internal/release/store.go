package release

import (
	"context"
	"errors"
	"fmt"

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

// Store is the releases in a bucket. Any number of goroutines and processes may
// use the same bucket.
type Store struct {
	bucket *bucket.Bucket
	config Config
	codec  *codec
}

// Open returns the releases in a bucket. The bucket stays the caller's to close.
func Open(b *bucket.Bucket, config Config) (*Store, error) {
	codec, err := newCodec()
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "preparing compression: %w", err)
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
	return &Store{bucket: b, config: config, codec: codec}, nil
}

// footerGuess is how much of a pack's end is read at first: mostly enough for
// the table and the manifest of the pack that an edit makes.
const footerGuess = 64 << 10

// openPack reads everything but the frames of a pack.
func (s *Store) openPack(ctx context.Context, hash Hash) (*pack, error) {
	key := PackKey(hash)
	info, err := s.bucket.Stat(ctx, key)
	if err != nil {
		return nil, bucketFailed(err)
	}
	tail, err := s.bucket.ReadRange(ctx, key, max(0, info.Size-footerGuess), min(info.Size, footerGuess))
	if err != nil {
		return nil, bucketFailed(err)
	}
	p, err := s.parseTail(ctx, key, hash, info.Size, tail)
	if err != nil {
		return nil, fmt.Errorf("opening pack %s: %w", hash, err)
	}
	return p, nil
}

func (s *Store) parseTail(ctx context.Context, key string, hash Hash, size int64, tail []byte) (*pack, error) {
	f, err := parseFooter(tail[max(0, len(tail)-packFooter):], size)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "the pack is damaged: %w", err)
	}
	tail = tail[:len(tail)-packFooter]
	if f.length() <= int64(len(tail)) {
		tail = tail[int64(len(tail))-f.length():]
	} else if tail, err = s.bucket.ReadRange(ctx, key, f.table, f.length()); err != nil {
		return nil, bucketFailed(err)
	}
	p, err := parsePack(hash, size, f, tail)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "the pack is damaged: %w", err)
	}
	return p, nil
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
