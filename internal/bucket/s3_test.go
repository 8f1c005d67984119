package bucket_test

import (
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

func TestS3(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	buckettest.Run(t, func(t *testing.T) *bucket.Bucket {
		t.Helper()
		return openS3(t, gateway.URL(gateway.NewBucket(t)))
	})
}

func TestS3WithAPrefix(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	buckettest.Run(t, func(t *testing.T) *bucket.Bucket {
		t.Helper()
		return openS3(t, gateway.URL(gateway.NewBucket(t)+"/sites/one"))
	})
}

// openS3 opens a bucket that tries again soon.
func openS3(t *testing.T, url string) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(t.Context(), quick(url))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func quick(url string) bucket.Config {
	return bucket.Config{URL: url, Stall: time.Minute, Attempts: 4, LongestPause: time.Millisecond}
}
