package backup_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ovenbird/internal/backup"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
)

// childOf is the variable by which a test makes this program a child that backs
// up the database that it describes, again and again, until it is killed.
const childOf = "BACKUP_TEST_CHILD"

type childWork struct {
	At   database.Config
	Path string
}

func TestMain(m *testing.M) {
	if work := os.Getenv(childOf); work != "" {
		fmt.Fprintln(os.Stderr, backUpForever(work))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func backUpForever(text string) error {
	var work childWork
	if err := json.Unmarshal([]byte(text), &work); err != nil {
		return err
	}
	db, err := database.Open(context.Background(), work.At)
	if err != nil {
		return err
	}
	cfg := config(1)
	sequence := cfg.Sequence
	cfg.Sequence = func(ctx context.Context, tx *sql.Tx) (int64, error) {
		fmt.Println("begun") //nolint:forbidigo // how the parent knows that it is in the middle of one
		return sequence(ctx, tx)
	}
	for {
		if _, err := backup.WriteFile(context.Background(), cfg, db, work.Path); err != nil {
			return err
		}
	}
}

func TestAKilledBackupLeavesNoHalfFile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	at := databasetest.Empty(t)
	db := filled(t, at, config(1))
	for i := range 200 {
		execute(t, db, fmt.Sprintf(`INSERT INTO labels (thing, label) SELECT id, 'label %d of ' || id FROM things`, i))
	}
	want := survey(t, config(1), db)
	path := filepath.Join(t.TempDir(), "backup")
	for n := range 6 {
		killAfter(t, childWork{at, path}, n%3+1)
		m, err := backup.Verify(path)
		if errors.Is(err, fs.ErrNotExist) && n%3 == 0 {
			continue // it was killed in the middle of the first
		}
		if err != nil || len(m.Differences(want)) > 0 {
			t.Fatalf("after %d it left %v, %v", n, m, err)
		}
	}
}

// killAfter kills a child after it has begun so many backups.
func killAfter(t *testing.T, work childWork, backups int) {
	t.Helper()
	text, err := json.Marshal(work)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range backups {
		if !lines.Scan() {
			t.Fatal("the child ended")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}
