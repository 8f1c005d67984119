package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ovenbird/internal/bucket/buckettest"
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
