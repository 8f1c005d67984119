package databasetest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ovenbird/internal/database"
)

// cluster is the one of this process, started when a test first wants it.
var cluster = sync.OnceValues(func() (*Cluster, error) { return Start(context.Background(), Config{}) })

// schemas is a database of it for many schemas.
var schemas = sync.OnceValues(func() (string, error) {
	shared, err := cluster()
	if err != nil {
		return "", err
	}
	return shared.Create(context.Background())
})

// Postgres returns the URL of a new, empty database, which lasts as long as the
// test's process. Where there is no PostgreSQL it skips the test, or, with
// CI=true, fails it.
func Postgres(t testing.TB) string {
	t.Helper()
	shared, err := cluster()
	installed(t, err)
	address, err := shared.Create(t.Context())
	if err != nil {
		t.Fatalf("make a database: %v", err)
	}
	return address
}

// installed skips the test where err says that there is no PostgreSQL, and fails
// it on any other error.
func installed(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// backend is the environment variable that says where Empty puts databases.
const backend = "OVENBIRD_TEST_BACKEND"

// Empty returns where a new, empty database is: a file of the test, or, in the
// run of a package's tests that Again makes, a schema on PostgreSQL, which is a
// database of its own for who connects to it, and made in no time.
func Empty(t testing.TB) database.Config {
	t.Helper()
	if os.Getenv(backend) == "postgres" {
		return database.Config{URL: schema(t)}
	}
	return database.Config{Path: filepath.Join(t.TempDir(), "test.db")}
}

// Again runs all the other tests of a package, as they are, a second time, with
// their databases on PostgreSQL: one suite for both, that no test can be left out
// of. Call it from a test called TestAgainOnPostgreSQL.
func Again(t *testing.T, flags ...string) {
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	_ = Postgres(t) // without one, there is nothing to run on
	run := append([]string{"-test.skip", "^" + t.Name() + "$", "-test.count", "1"}, flags...)
	if testing.Verbose() {
		run = append(run, "-test.v")
	}
	//nolint:gosec // this very program
	cmd := exec.CommandContext(t.Context(), os.Args[0], run...)
	cmd.Env = slices.Concat(os.Environ(), []string{backend + "=postgres"})
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("on PostgreSQL: %v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("on PostgreSQL:\n%s", out)
	}
}

// schema returns the URL of a new schema.
func schema(t testing.TB) string {
	t.Helper()
	address, err := schemas()
	installed(t, err)
	name := "test_" + strings.ToLower(rand.Text())
	if err := execute(t.Context(), address, "CREATE SCHEMA "+name); err != nil {
		t.Fatalf("make a schema: %v", err)
	}
	return address + "&search_path=" + name
}
