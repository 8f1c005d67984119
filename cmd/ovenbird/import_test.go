package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
)

// binary returns the program, which this test is when it is called like that.
func binary(t *testing.T, dir string, arguments ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	toons, err := filepath.Abs("../../examples/toons")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"ovenbird", "--site", toons}, arguments...)
	cmd.Dir = dir
	return cmd
}

// longFile is an import that takes a while: children before parents, titles,
// licenses, and lines that are wrong.
func longFile(rows int) []byte {
	var b bytes.Buffer
	for i := range rows {
		switch {
		case i%50 == 7:
			fmt.Fprintf(&b, "nonsense %d\n", i)
		case i%3 == 0:
			fmt.Fprintf(&b, `{"type":"title","id":"e%d","kind":"episode","parent":"s%d"}`+"\n", i, i%90)
		case i%3 == 1:
			fmt.Fprintf(&b, `{"type":"title","id":"m%d","kind":"movie","texts":{"name":{"en":"Movie %d"}}}`+"\n", i, i)
		default:
			fmt.Fprintf(&b, `{"type":"license","id":"l%d","title":"m%d","territories":["FI"],"applications":["*"],"model":"svod"}`+"\n", i, i-1)
		}
	}
	for i := range 90 {
		fmt.Fprintf(&b, `{"type":"title","id":"s%d","kind":"series"}`+"\n", i)
	}
	return b.Bytes()
}

// feed reads the feed of an environment, without times.
func feed(t *testing.T, dir string, from int64) (lines []string) {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{Path: filepath.Join(dir, ".ovenbird", "dev", "catalog.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it was only read
	store, err := catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := store.Changes(t.Context(), from, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		lines = append(lines, fmt.Sprint(c.Sequence, c.Type, c.ID, c.Action, string(c.After)))
	}
	return lines
}

// runUntil runs an import and kills it when the feed has come to a number. It
// reports what the import wrote, and whether it was killed.
func runUntil(t *testing.T, dir, file string, number int64) (output string, killed bool) {
	t.Helper()
	cmd := binary(t, dir, "import", file)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // rejects make it fail
		close(done)
	}()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-done:
			return out.String(), false
		case <-look.C:
			if number > 0 && len(feed(t, dir, number-1)) > 0 {
				_ = cmd.Process.Kill()
				<-done
				return out.String(), true
			}
		}
	}
}

// However often an import is killed, in the end the catalog, its feed and the
// rejects are those of one that was not.
func TestAnImportThatIsKilledGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it imports twice, with kills")
	}
	const rows = 12_000
	for _, name := range []string{"in.ndjson", "in.ndjson.gz"} {
		content := longFile(rows)
		if strings.HasSuffix(name, ".gz") {
			var zipped bytes.Buffer
			w := gzip.NewWriter(&zipped)
			_, _ = w.Write(content)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			content = zipped.Bytes()
		}
		whole, broken := t.TempDir(), t.TempDir()
		for _, dir := range []string{whole, broken} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out, killed := runUntil(t, whole, name, 0); killed || !strings.Contains(out, "320 rejected") {
			t.Fatalf("the import that is not killed: %s", out)
		}
		kills, resumed := 0, 0
		for number := int64(1); ; number += 2500 {
			out, killed := runUntil(t, broken, name, number)
			if strings.Contains(out, "goes on after row") {
				resumed++
			}
			if !killed {
				if !strings.Contains(out, "320 rejected") {
					t.Fatalf("%s: after %d kills: %s", name, kills, out)
				}
				break
			}
			kills++
		}
		if kills < 3 || resumed == 0 {
			t.Errorf("%s: %d kills, after which it went on %d times", name, kills, resumed)
		}
		a, b := feed(t, whole, 0), feed(t, broken, 0)
		if len(a) < rows/2 || strings.Join(a, "\n") != strings.Join(b, "\n") {
			t.Errorf("%s: the feed has %d changes, that of the import that was not killed %d", name, len(b), len(a))
		}
		first, err := os.ReadFile(filepath.Join(whole, "rejects.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := os.ReadFile(filepath.Join(broken, "rejects.ndjson"))
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: the rejects differ: %d bytes and %d; %v", name, len(first), len(second), err)
		}
	}
}
