package bucket

import (
	"context"

	"gocloud.dev/blob/memblob"
)

// OpenMemory returns an empty bucket that lives in this process and dies with it.
func OpenMemory() *Bucket {
	turn := make(chan struct{}, 1)
	return New(memblob.OpenBucket(&memblob.Options{NoMD5: true}), func(ctx context.Context) (func(), error) {
		select {
		case turn <- struct{}{}:
			return func() { <-turn }, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}
