// Package databasetest gives tests and benchmarks databases of a temporary
// PostgreSQL: a cluster in a folder of its own, reached through a socket in that
// folder, that is gone when the process that started it is, however that ends.
package databasetest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// ErrNotInstalled is in the chain of what Start returns where there is no PostgreSQL.
var ErrNotInstalled = errors.New("PostgreSQL is not installed: run scripts/tools, or install the package postgresql")

// Config says what kind of cluster Start starts.
type Config struct {
	// Durable makes commits wait for the disk, as they do outside of tests.
	Durable bool
}

// Cluster is a running PostgreSQL. Any number of goroutines may use it.
type Cluster struct {
	dir   string
	alive io.WriteCloser // when it closes, by Stop or with this process, the cluster goes
	lines *bufio.Reader  // what the script says
	done  func() error
}

// superuser may do everything without a password. Other users have to give one.
const superuser = "postgres"

// script makes a cluster in $1 with the programs in $2 and the settings in $3,
// says that it is ready, and crashes and starts it again for each line that it
// reads. When its input ends it removes everything: the kernel ends that input even
// when the process at its other end is killed.
//
//nolint:dupword // that is how pg_hba.conf says every database, every user
const script = `
set -eu
log=$1/log
trap '"$2/pg_ctl" -D "$1/data" -m immediate stop >>"$log" 2>&1 || true; rm -rf "$1"' EXIT
fail() { cat "$log"; exit 1; }
"$2/initdb" -D "$1/data" -U postgres -E UTF8 --locale=C --auth=trust --no-sync >>"$log" 2>&1 || fail
printf 'local all postgres trust\nlocal all all scram-sha-256\n' >"$1/data/pg_hba.conf"
start() { "$2/pg_ctl" -D "$1/data" -l "$log" -o "-k '$1' $3" -w start >>"$log" 2>&1 || fail; echo ready; }
start "$@"
while read -r _; do
	"$2/pg_ctl" -D "$1/data" -m immediate -w stop >>"$log" 2>&1 || fail
	start "$@"
done
`

// Start starts a cluster and waits until it answers. The caller stops it.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	programs, err := programs()
	if err != nil {
		return nil, err
	}
	// The path of a socket may have about a hundred bytes: a long TMPDIR would not do.
	dir, err := os.MkdirTemp("/tmp", "ovenbird-postgres-")
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	settings := "-c listen_addresses='' -c max_connections=200"
	if !cfg.Durable {
		settings += " -c fsync=off -c full_page_writes=off"
	}
	c := &Cluster{dir: dir}
	if err := c.start(ctx, programs, settings); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), os.RemoveAll(dir))
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, programs, settings string) error {
	// It outlives the call: Stop ends it, not the end of ctx.
	//nolint:gosec // the arguments are paths that this package has found or made
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "sh", "-c", script, "postgres", c.dir, programs, settings)
	credential, err := c.user()
	if err != nil {
		return err
	}
	// A session of its own: Ctrl-C is for the tests, which take the cluster with them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential}
	cmd.Dir = c.dir
	if c.alive, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.done, c.lines = cmd.Wait, bufio.NewReader(out)
	if err := c.ready(); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

// ready waits until the script says that the cluster answers.
func (c *Cluster) ready() error {
	line, err := c.lines.ReadString('\n')
	if err == nil && line == "ready\n" {
		return nil
	}
	rest, err := io.ReadAll(c.lines)
	return errors.Join(fmt.Errorf("it says: %s%s", line, rest), err)
}

// Crash ends the server in the middle of what it does, and starts it again.
func (c *Cluster) Crash() error {
	if _, err := io.WriteString(c.alive, "crash\n"); err != nil {
		return fmt.Errorf("crash PostgreSQL: %w", err)
	}
	if err := c.ready(); err != nil {
		return fmt.Errorf("start PostgreSQL after a crash: %w", err)
	}
	return nil
}

// user hands the folder to who will run PostgreSQL, which refuses to run as root.
func (c *Cluster) user() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no credential: as who runs the tests
	}
	account, err := user.Lookup("postgres") // Debian's package has made it
	if err != nil {
		return nil, fmt.Errorf("root can not run PostgreSQL, and there is no other user for it: %w", err)
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if err := errors.Join(uidErr, gidErr, os.Chown(c.dir, uid, gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Stop ends the cluster, without writing anything back, and removes its folder.
func (c *Cluster) Stop() error {
	if err := errors.Join(c.alive.Close(), c.done()); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// Create makes an empty database and returns its URL, with the superuser's name
// in it. It sorts text like a dictionary rather than by bytes, so that a query
// which counts on PostgreSQL to sort as Go does will be found out.
func (c *Cluster) Create(ctx context.Context) (string, error) {
	name := "test_" + strings.ToLower(rand.Text())
	return c.url(name), execute(ctx, c.url(superuser), "CREATE DATABASE "+name+
		" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'")
}

func (c *Cluster) url(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: url.Values{"host": {c.dir}}.Encode(),
	}).String()
}

func execute(ctx context.Context, address, statement string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// programs returns the folder of the newest PostgreSQL's programs, which Debian
// keeps out of the way of others.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Abs(filepath.Dir(path))
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", ErrNotInstalled
	}
	newest := slices.MaxFunc(found, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) // 9 before 15
	})
	return filepath.Dir(newest), nil
}
