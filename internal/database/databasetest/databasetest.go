package databasetest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
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
