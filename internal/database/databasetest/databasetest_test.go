package databasetest_test

import (
	"bufio"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ovenbird/internal/database/databasetest"
)

// child makes this program print the URL of a database, and wait to be killed.
const child = "DATABASETEST_CHILD"

func TestEachDatabaseIsNewAndEmpty(t *testing.T) {
	for range 2 {
		conn, err := pgx.Connect(t.Context(), databasetest.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE here (id INTEGER)"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestTextIsNotSortedByBytes(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), databasetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var less bool
	if err := conn.QueryRow(t.Context(), "SELECT 'a' < 'B'").Scan(&less); err != nil || !less {
		t.Errorf("a < B is %t, %v: tests would not find a query that counts on the order of bytes", less, err)
	}
}

func TestAKilledProcessLeavesNothing(t *testing.T) {
	if os.Getenv(child) != "" {
		_, _ = os.Stdout.WriteString(databasetest.Postgres(t) + "\n")
		select {}
	}
	_ = databasetest.Postgres(t) // skips where there is no PostgreSQL
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestAKilledProcessLeavesNothing$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the child said nothing")
	}
	address, err := url.Parse(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	dir := address.Query().Get("host")
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("there is no cluster to leave behind: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("%s is still there", dir)
		}
	}
}
