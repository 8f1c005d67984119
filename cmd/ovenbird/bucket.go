package main

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/site"
)

// remotePoll is how often an edge asks a remote bucket for the head, unless its
// environment says otherwise: docs/decisions/0013-remote-poll.md.
const remotePoll = time.Second

// openWithReleases opens the environment that the flags name, with its releases,
// to read them and to move the head.
func (c *cli) openWithReleases(ctx context.Context) (*environment, error) {
	e, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.openBucket(ctx, cmp.Or(c.bucket, e.settings.Bucket)); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// openToBake is openWithReleases for who writes releases too, which not every
// store is fit for.
func (c *cli) openToBake(ctx context.Context) (*environment, error) {
	e, err := c.openWithReleases(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.bucket.Probe(ctx); err != nil {
		return nil, errors.Join(bucketFailed(err), e.close())
	}
	return e, nil
}

// openBucket opens the bucket at a URL; "" is the folder in the environment's.
func (e *environment) openBucket(ctx context.Context, url string) (err error) {
	if e.bucket, err = bucket.Open(ctx, bucket.Config{URL: cmp.Or(url, filepath.Join(e.dir, "bucket"))}); err != nil {
		return bucketFailed(err)
	}
	e.releases, err = release.Open(e.bucket, release.Config{Keep: e.site.Content.Releases.Keep})
	return err
}

// bucketFailed gives a failure to open or to probe a bucket its code.
func bucketFailed(err error) error {
	if errors.Is(err, bucket.ErrSettings) {
		return ovenbird.Errorf(ovenbird.Invalid, "%w", err)
	}
	return ovenbird.Errorf(ovenbird.Unavailable, "%w", err)
}

// edgeConfig is the edge's part of the environment.
func (e *environment) edgeConfig() edge.Config {
	config := edgeConfig(e.settings)
	config.Poll = e.settings.Poll
	if config.Poll == 0 && e.bucket.Remote() {
		config.Poll = remotePoll
	}
	return config
}

// checkBucket opens a bucket, tries out whether releases can be written to it,
// and returns what it found.
func checkBucket(ctx context.Context, url string) site.Finding {
	b, err := bucket.Open(ctx, bucket.Config{URL: url})
	if err != nil {
		return site.Finding{Level: site.Error, What: err.Error()}
	}
	if err := errors.Join(b.Probe(ctx), b.Close()); err != nil {
		return site.Finding{Level: site.Error, What: err.Error()}
	}
	return site.Finding{Level: site.OK, What: "the bucket can be written to, and keeps conditions"}
}
