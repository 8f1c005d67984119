package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ovenbird": func() { os.Exit(Main()) }})
}

// The scripts run the real program as a user would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			working, err := os.Getwd()
			env.Setenv("TOONS", working+"/../../examples/toons")
			return err
		},
	})
}
