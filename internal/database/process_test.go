package database_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"testing/fstest"

	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
)

// The variables by which a test makes this program a child that does one thing
// with a database.
const (
	childTask     = "DATABASE_TEST_TASK"
	childDatabase = "DATABASE_TEST_DATABASE"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		if err := child(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// counters counts in a table that takes two migrations to make.
var counters = fstest.MapFS{
	"00001_counters.sql": migration("CREATE TABLE counters (name TEXT PRIMARY KEY);\nINSERT INTO counters (name) VALUES ('all');"),
	"00002_n.sql":        migration("ALTER TABLE counters ADD COLUMN n BIGINT NOT NULL DEFAULT 0;"),
}

// child waits for a line, so that all children begin at once, and does its task.
func child(task string) error {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	ctx := context.Background()
	var at database.Config
	if err := json.Unmarshal([]byte(os.Getenv(childDatabase)), &at); err != nil {
		return err
	}
	db, err := database.Open(ctx, at)
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, "counters", counters); err != nil {
		return err
	}
	switch task {
	case "count":
		for range perChild {
			if err := db.Tx(ctx, increment); err != nil {
				return err
			}
		}
		return db.Close()
	default:
		return db.Tx(ctx, func(tx *sql.Tx) error {
			err := increment(tx)
			_, _ = os.Stdout.WriteString("in a transaction\n")
			<-make(chan struct{}) // until it is killed
			return err
		})
	}
}

// increment reads, thinks and writes: two at once would lose one.
func increment(tx *sql.Tx) error {
	var n int
	if err := tx.QueryRowContext(context.Background(), `SELECT n FROM counters WHERE name = 'all'`).Scan(&n); err != nil {
		return err
	}
	_, err := tx.ExecContext(context.Background(), `UPDATE counters SET n = $1 WHERE name = 'all'`, n+1)
	return err
}

func counted(t *testing.T, db *database.DB) (n int) {
	t.Helper()
	err := db.ReadTx(t.Context(), func(tx *sql.Tx) error { return tx.QueryRowContext(t.Context(), `SELECT n FROM counters`).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// start starts a child that waits for its signal to begin.
func start(t *testing.T, task string, at database.Config) (cmd *exec.Cmd, begin func()) {
	t.Helper()
	place, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task, childDatabase+"="+string(place))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, func() {
		if _, err := in.Write([]byte("begin\n")); err != nil {
			t.Error(err)
		}
	}
}

const (
	children = 4
	perChild = 15
)

func TestManyProcessesMakeADatabaseAndWriteToItAtOnce(t *testing.T) {
	at := databasetest.Empty(t)
	var running sync.WaitGroup
	starts := make([]func(), 0, children)
	for range children {
		cmd, begin := start(t, "count", at)
		var out bytes.Buffer
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		starts = append(starts, begin)
		running.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, &out)
			}
		})
	}
	for _, begin := range starts {
		begin()
	}
	running.Wait()
	if n := counted(t, open(t, at)); n != children*perChild {
		t.Errorf("%d increments, want %d", n, children*perChild)
	}
}

func TestAKilledWriterHoldsUpNobodyAndLeavesNothing(t *testing.T) {
	at := databasetest.Empty(t)
	cmd, begin := start(t, "hold", at)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begin()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if err := errors.Join(cmd.Process.Kill(), ignoreKilled(cmd.Wait())); err != nil {
		t.Fatal(err)
	}
	db := open(t, at)
	if n := counted(t, db); n != 0 {
		t.Errorf("%d increments of a transaction that was not committed", n)
	}
	if err := db.Tx(t.Context(), increment); err != nil {
		t.Error(err)
	}
	if n := counted(t, db); n != 1 {
		t.Errorf("%d increments, want 1", n)
	}
}

func ignoreKilled(err error) error {
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		return nil
	}
	return err
}
