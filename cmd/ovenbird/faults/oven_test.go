//go:build linux && amd64

package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // to read the engine's state
	_ "modernc.org/sqlite"             // the same

	"ovenbird/internal/bucket"
	"ovenbird/internal/release"
)

// collector is the name under which this program collects garbage, in place of a
// process that is up, which would do it once a minute.
const collector = "collect"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == collector {
		if err := collect(context.Background(), os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if err := os.RemoveAll(workshop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// collect collects the garbage of a bucket as the program does, with another grace.
func collect(ctx context.Context, dir, grace string) error {
	age, err := time.ParseDuration(grace)
	if err != nil {
		return err
	}
	b, err := bucket.OpenDisk(ctx, dir)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // what was deleted is deleted
	releases, err := release.Open(b, release.Config{Keep: 3})
	if err != nil {
		return err
	}
	_, err = releases.Collect(ctx, time.Now(), age)
	return err
}

// workshop is where programs are built: once for all tests.
var workshop = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "ovenbird-faults-")
	if err != nil {
		panic(err)
	}
	return dir
})

// build builds the program as `make build` does, unless OVENBIRD_PROGRAM is one.
var build = sync.OnceValues(func() (string, error) {
	if built := os.Getenv("OVENBIRD_PROGRAM"); built != "" {
		return built, nil
	}
	program := filepath.Join(workshop(), "ovenbird")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-o", program, "ovenbird/cmd/ovenbird")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return program, nil
})

// soak is how often to do what a short run does a few times; 0 is a short run.
func soak() int {
	n, err := strconv.Atoi(os.Getenv("OVENBIRD_SOAK"))
	if err != nil {
		return 0
	}
	return n
}

// draw returns what decides a run, and tells how to repeat it where it fails.
func draw(t *testing.T) (seed uint64, random *rand.Rand) {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("OVENBIRD_SEED"), 10, 64)
	if err != nil {
		seed = 1
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat it: OVENBIRD_SEED=%d OVENBIRD_SOAK=%d go test -run '^%s$' ./cmd/ovenbird/faults", seed, soak(), t.Name())
		}
	})
	return seed, rand.New(rand.NewPCG(seed, 0))
}

// oven is an environment of the site in testdata.
type oven struct {
	t       *testing.T
	program string
	dir     string // everything that the program writes is in here, but for
	url     string // the PostgreSQL database; "" is SQLite
}

func newOven(t *testing.T) *oven {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return &oven{t: t, program: program, dir: t.TempDir()}
}

// copied returns a copy of the environment as it lies on the disk, for a test.
func (o *oven) copied(t *testing.T) *oven {
	t.Helper()
	other := *o
	other.t, other.dir = t, t.TempDir()
	if err := os.CopyFS(other.dir, os.DirFS(o.dir)); err != nil {
		t.Fatal(err)
	}
	return &other
}

func (o *oven) path(name string) string { return filepath.Join(o.dir, "dev", name) }

// args returns the arguments of a command on the environment.
func (o *oven) args(args ...string) []string {
	all := append(slices.Clip(args), "--site", "testdata/site", "--data", o.dir)
	if o.url != "" {
		all = append(all, "--database", o.url)
	}
	return all
}

// run runs a command that has to succeed and returns what it printed.
func (o *oven) run(args ...string) []byte {
	o.t.Helper()
	out, err := o.try(args...)
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

func (o *oven) try(args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.program, o.args(args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("ovenbird %s: %w\n%s%s", strings.Join(args, " "), err, stderr.Bytes(), stdout.Bytes())
	}
	return stdout.Bytes(), nil
}

// current returns the release that is served, as `releases list` has it.
func (o *oven) current() release.Kept {
	o.t.Helper()
	var head release.Head
	if err := json.Unmarshal(o.run("releases", "list", "--json"), &head); err != nil {
		o.t.Fatal(err)
	}
	current, ok := head.CurrentRelease()
	if !ok {
		o.t.Fatal("no release is served")
	}
	return current
}

// sums returns what lies in the bucket, but for what is about to be written.
func (o *oven) sums() map[string]string {
	o.t.Helper()
	sums := make(map[string]string)
	root := o.path("bucket")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") || filepath.Base(filepath.Dir(path)) == ".tmp" {
			return nil
		}
		body, err := os.ReadFile(path)
		sum := sha256.Sum256(body)
		name, relErr := filepath.Rel(root, path)
		sums[name] = hex.EncodeToString(sum[:])
		return errors.Join(err, relErr)
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return sums
}

// unfinished counts the workflows that have not come to an end, -1 while nobody
// can tell.
func (o *oven) unfinished() int {
	driver, address, table := "sqlite", "file:"+o.path("engine.db")+"?mode=ro", "workflow_status"
	if o.url != "" {
		driver, address, table = "pgx", o.url, "dbos.workflow_status"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		o.t.Error(err)
		return -1
	}
	defer db.Close() //nolint:errcheck // it was only read
	n := -1
	row := db.QueryRowContext(o.t.Context(), "SELECT count(*) FROM "+table+" WHERE status IN ('PENDING', 'ENQUEUED')")
	if row.Scan(&n) != nil {
		return -1
	}
	return n
}

// output makes a file outside of the environment for what a program says.
func (o *oven) output(name string) *os.File {
	o.t.Helper()
	file, err := os.CreateTemp(o.t.TempDir(), name)
	if err != nil {
		o.t.Fatal(err)
	}
	return file
}

// said returns what a program has written to a file.
func (o *oven) said(file *os.File) string {
	body, err := os.ReadFile(file.Name())
	if err != nil {
		o.t.Error(err)
	}
	return string(body)
}

// collector returns this program by the name that makes it collect garbage.
func (o *oven) collector() string {
	o.t.Helper()
	self, err := os.Executable()
	if err != nil {
		o.t.Fatal(err)
	}
	link := filepath.Join(o.t.TempDir(), collector)
	if err := os.Symlink(self, link); err != nil {
		o.t.Fatal(err)
	}
	return link
}
