package main

import (
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
	"ovenbird/internal/site"
)

// The scripts run the real program with its releases in a store that speaks S3.
func TestScriptsOnS3(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/s3",
		Setup: func(env *testscript.Env) error {
			working, err := os.Getwd()
			if err != nil {
				return err
			}
			env.Setenv("TOONS", working+"/../../examples/toons")
			for name, value := range gateway.Env() {
				env.Setenv(name, value)
			}
			name := gateway.NewBucket(t)
			env.Setenv("BUCKET", gateway.URL(name+"/prod"))
			env.Setenv("NO_BUCKET", gateway.URL("no-such-bucket"))
			env.Setenv("FOLDER", gateway.Folder(name)+"/prod")
			return nil
		},
	})
}

func TestEdgesAskARemoteBucketLessOften(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	for _, test := range []struct {
		url       string
		set, want time.Duration
	}{
		{"mem://", 0, 0}, // what an edge does by itself
		{gateway.URL(gateway.NewBucket(t)), 0, time.Second},
		{gateway.URL(gateway.NewBucket(t)), 3 * time.Second, 3 * time.Second},
		{"mem://", 3 * time.Second, 3 * time.Second},
	} {
		b, err := bucket.Open(t.Context(), bucket.Config{URL: test.url})
		if err != nil {
			t.Fatal(err)
		}
		e := &environment{settings: &site.Environment{Poll: test.set}, bucket: b}
		if got := e.edgeConfig().Poll; got != test.want {
			t.Errorf("%s with %s: got %s, want %s", test.url, test.set, got, test.want)
		}
	}
}
