package databasetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"ovenbird/internal/database"
)

// cluster is the one of this process, started when a test first wants it.
var cluster = sync.OnceValues(func() (*Cluster, error) { return Start(context.Background(), Config{}) })

// Postgres returns the URL of a new, empty database, which lasts as long as the
// test's process. Where there is no PostgreSQL it skips the test, or, with
// CI=true, fails it.
func Postgres(t testing.TB) string {
	t.Helper()
	shared, err := cluster()
	if errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	url, err := shared.Create(t.Context())
	if err != nil {
		t.Fatalf("make a database: %v", err)
	}
	return url
}

// backend is the environment variable that says where Empty puts databases.
const backend = "OVENBIRD_TEST_BACKEND"

// Empty returns where a new, empty database is: a file of the test, or, in the
// run of a package's tests that Again makes, a database on PostgreSQL.
func Empty(t testing.TB) database.Config {
	t.Helper()
	if os.Getenv(backend) == "postgres" {
		return database.Config{URL: Postgres(t)}
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
