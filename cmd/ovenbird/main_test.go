package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ovenbird/internal/database/databasetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ovenbird": func() { os.Exit(Main()) }, "receiver": receive, "collector": collect})
}

// The scripts run the real program as a user would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			working, err := os.Getwd()
			env.Setenv("TOONS", working+"/../../examples/toons")
			env.Setenv("VERIFY", working+"/../../internal/webhook/client/verify.js")
			if t, ok := env.T().(testing.TB); ok && strings.HasPrefix(filepath.Base(env.WorkDir), "script-postgres") {
				env.Setenv("DATABASE", databasetest.Postgres(t))
			}
			return err
		},
		Condition: condition,
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"expand": expand},
	})
}

// condition knows [verifier]: whether the npm packages that check signatures are
// there. In CI they have to be.
func condition(name string) (bool, error) {
	if name != "verifier" {
		return false, fmt.Errorf("no script has the condition %q", name)
	}
	_, err := os.Stat("../../internal/webhook/client/node_modules")
	return err == nil || os.Getenv("CI") == "true", nil
}

var (
	escapedByte = regexp.MustCompile(`\\x[0-9a-f]{2}`)
	repeated    = regexp.MustCompile(`<(\d+)\*(\w)>`)
)

// expand is the command `expand FILE…`, for what a script can not hold: it
// rewrites the files with the byte for each \xNN, and with n times the letter for
// each <n*letter>.
func expand(ts *testscript.TestScript, neg bool, files []string) {
	if neg || len(files) == 0 {
		ts.Fatalf("usage: expand FILE…")
	}
	for _, file := range files {
		text := escapedByte.ReplaceAllStringFunc(ts.ReadFile(file), func(s string) string {
			b, err := strconv.ParseUint(s[2:], 16, 8)
			ts.Check(err)
			return string([]byte{byte(b)})
		})
		text = repeated.ReplaceAllStringFunc(text, func(s string) string {
			parts := repeated.FindStringSubmatch(s)
			n, err := strconv.Atoi(parts[1])
			ts.Check(err)
			return strings.Repeat(parts[2], n)
		})
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}
