package faulttest_test

import (
	"testing"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
	"ovenbird/internal/bucket/faulttest"
)

// In fine weather it is a bucket like any other.
func TestSuite(t *testing.T) {
	buckettest.Run(t, func(*testing.T) *bucket.Bucket { return faulttest.NewStore().Open(nil) })
}
