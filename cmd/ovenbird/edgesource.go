package main

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/release"
)

// edgeSource returns where an edge reads objects, and how often it looks there
// unless it is told otherwise; 0, where that is on this machine.
func (c *cli) edgeSource(ctx context.Context, lazy *lazyBucket, origins *origins) (source bucket.Origin, poll time.Duration, err error) {
	if origins != nil && c.bucket == "" {
		return origins.client, originPoll, nil
	}
	opening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	opened, err := lazy.open(opening)
	switch {
	case errors.Is(err, bucket.ErrSettings) || ctx.Err() != nil:
		return nil, 0, bucketFailed(err)
	case err != nil || opened.Remote(): // one that can not be reached may come back, and must be remote
		return lazy, remotePoll, nil
	default:
		return lazy, 0, nil
	}
}

// edgeDeps returns what an edge reads of: the source, with a cache before it where
// it is remote or a folder for one is given.
func (c *cli) edgeDeps(source bucket.Origin, remote bool, dir string, watching *observing) (deps edge.Deps, err error) {
	log := watching.log
	deps.Log = log
	if dir == "" && !remote {
		deps.Releases, err = release.NewReader(source)
		return deps, err
	}
	cache, err := bucket.NewCache(source, bucket.CacheConfig{
		Dir: cmp.Or(dir, filepath.Join(c.data, c.env, "edge")), Sum: packSum, Log: log,
	})
	if err != nil {
		return deps, err
	}
	watching.watch(cacheMetrics(cache))
	cached, err := release.NewReader(cache.Local())
	if err != nil {
		return deps, err
	}
	deps.Cached = cached
	deps.Retain = func(packs []release.Hash) {
		keys := make([]string, len(packs))
		for i, pack := range packs {
			keys[i] = release.PackKey(pack)
		}
		if err := cache.Retain(keys); err != nil {
			log.Warn("removing what is not needed from the cache failed", "error", err)
		}
	}
	deps.Releases, err = release.NewReader(cache)
	return deps, err
}

// patience is how long an edge waits for a bucket before it begins without.
const patience = 3 * time.Second

func packSum(key string) (sum [32]byte, ok bool) {
	hash, ok := release.PackOfKey(key)
	return hash, ok
}
