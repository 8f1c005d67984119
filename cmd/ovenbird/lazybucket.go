package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"ovenbird/internal/bucket"
)

// lazyBucket is a bucket that is opened when it can be: a remote one may be out
// of reach when an edge starts.
type lazyBucket struct {
	url string

	mu     sync.Mutex
	bucket *bucket.Bucket
}

func (l *lazyBucket) open(ctx context.Context) (*bucket.Bucket, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bucket != nil {
		return l.bucket, nil
	}
	if !strings.Contains(l.url, "://") {
		// An edge only reads: a folder that is not there is a mistake, not one to be made.
		if _, err := os.Stat(l.url); err != nil {
			return nil, errors.Join(bucket.ErrSettings, fmt.Errorf("there is no bucket in %s: %w", l.url, err))
		}
	}
	opened, err := bucket.Open(ctx, bucket.Config{URL: l.url})
	if err != nil {
		return nil, err
	}
	l.bucket = opened
	return opened, nil
}

func (l *lazyBucket) close(log *slog.Logger) {
	if l.bucket == nil {
		return
	}
	if err := l.bucket.Close(); err != nil {
		log.Warn("closing the bucket failed", "error", err)
	}
}

// Version implements bucket.Origin.
func (l *lazyBucket) Version(ctx context.Context, key string) (bucket.Version, error) {
	b, err := l.open(ctx)
	if err != nil {
		return "", err
	}
	return b.Version(ctx, key)
}

// Read implements bucket.Origin.
func (l *lazyBucket) Read(ctx context.Context, key string) ([]byte, bucket.Version, error) {
	b, err := l.open(ctx)
	if err != nil {
		return nil, "", err
	}
	return b.Read(ctx, key)
}

// ReadRange implements bucket.Origin.
func (l *lazyBucket) ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	b, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return b.ReadRange(ctx, key, offset, length)
}

// Stat implements bucket.Origin.
func (l *lazyBucket) Stat(ctx context.Context, key string) (bucket.Info, error) {
	b, err := l.open(ctx)
	if err != nil {
		return bucket.Info{}, err
	}
	return b.Stat(ctx, key)
}

// Open returns an object that stays open: see bucket.Bucket.
func (l *lazyBucket) Open(ctx context.Context, key string) (*bucket.File, error) {
	b, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return b.Open(ctx, key)
}
