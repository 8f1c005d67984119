package bucket

import (
	"context"

	"gocloud.dev/blob"
)

// OpenBlobs returns what a bucket in S3 reads through, set up like the bucket's,
// without asking the store anything.
func OpenBlobs(ctx context.Context, url string) (*blob.Bucket, error) {
	store, err := newS3Store(ctx, Config{URL: url}.withDefaults())
	if err != nil {
		return nil, err
	}
	return store.blobs, nil
}
