package bucket_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

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

func TestAnybodyReadsAPublicBucketWithoutCredentials(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	name := gateway.NewBucket(t)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` +
		name + `/*"}]}`
	if _, err := gateway.Client().PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	mustCreateIn(t, openS3(t, gateway.URL(name)), "a", "x")
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	b := openS3(t, gateway.URL(name)+"&anonymous=true")
	if body, _, err := b.Read(t.Context(), "a"); err != nil || string(body) != "x" {
		t.Errorf("got %q, %v", body, err)
	}
	if err := b.Create(t.Context(), "b", []byte("x")); !errors.Is(err, bucket.ErrSettings) {
		t.Errorf("wrote: %v", err)
	}
}
