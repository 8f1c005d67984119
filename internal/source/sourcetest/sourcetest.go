// Package sourcetest gives tests databases of a temporary MariaDB: a server in a
// folder of its own, reached through a socket in that folder, that is gone when
// the process that started it is, however that ends.
package sourcetest

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// errNotInstalled says that there is no MariaDB.
var errNotInstalled = errors.New("MariaDB is not installed: run scripts/tools, or install the package mariadb-server")

// script makes a server in $1, says that it is ready, and waits for its input to
// end before it removes everything: the kernel ends that input even when the
// process at its other end is killed.
const script = `
set -eu
log=$1/log
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$1"' EXIT
fail() { cat "$log"; exit 1; }
mkdir "$1/tmp"
TMPDIR=$1/tmp mariadb-install-db --no-defaults --datadir="$1/data" --auth-root-authentication-method=normal --skip-test-db \
	>>"$log" 2>&1 || fail
mariadbd --no-defaults --datadir="$1/data" --tmpdir="$1/tmp" --socket="$1/socket" --pid-file="$1/pid" --skip-networking \
	--innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=32M --character-set-server=latin1 \
	--default-time-zone=+05:30 </dev/null >>"$log" 2>&1 &
server=$!
until [ -S "$1/socket" ]; do kill -0 "$server" 2>/dev/null || fail; sleep 0.05; done
echo ready
cat >/dev/null
`

// server is a running MariaDB.
type server struct {
	dir   string
	alive io.Closer // when it closes, with this process, the server goes
}

// shared is the one of this process, started when a test first wants it. It is
// in a far zone and in an old character set, so that who counts on the server's
// settings will be found out.
var shared = sync.OnceValues(func() (*server, error) { return start(context.Background()) })

// MariaDB returns the address of a new, empty database, with a user that may do
// everything, and a connection to it. Where there is no MariaDB it skips the
// test, or, with CI=true, fails it.
func MariaDB(t testing.TB) (address string, db *sql.DB) {
	t.Helper()
	s, err := shared()
	if errors.Is(err, errNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	all := s.connect(t, "root", "", "")
	if _, err := all.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	return s.address("root", "", name), s.connect(t, "root", "", name)
}

// As returns the address of a database for another user.
func As(t testing.TB, address, name, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}

func (s *server) address(name, password, database string) string {
	return (&url.URL{
		Scheme: "mysql", User: url.UserPassword(name, password), Host: "localhost", Path: "/" + database,
		RawQuery: url.Values{"socket": {s.dir + "/socket"}}.Encode(),
	}).String()
}

func (s *server) connect(t testing.TB, name, password, database string) *sql.DB {
	t.Helper()
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr, config.DBName = name, password, "unix", s.dir+"/socket", database
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func start(ctx context.Context) (*server, error) {
	for _, program := range []string{"mariadb-install-db", "mariadbd"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w: %w", errNotInstalled, err)
		}
	}
	// The path of a socket may have about a hundred bytes: a long TMPDIR would not do.
	dir, err := os.MkdirTemp("/tmp", "ovenbird-mariadb-")
	if err != nil {
		return nil, fmt.Errorf("start MariaDB: %w", err)
	}
	s := &server{dir: dir}
	if err := s.run(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start MariaDB: %w", err), os.RemoveAll(dir))
	}
	return s, nil
}

func (s *server) run(ctx context.Context) error {
	//nolint:gosec // the argument is a path that this package has made
	cmd := exec.CommandContext(ctx, "sh", "-c", script, "mariadb", s.dir)
	credential, err := s.user()
	if err != nil {
		return err
	}
	// A session of its own: Ctrl-C is for the tests, which take the server with them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential}
	cmd.Dir = s.dir
	if s.alive, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err == nil && line == "ready\n" {
		return nil
	}
	rest, readErr := io.ReadAll(lines)
	return errors.Join(fmt.Errorf("it says: %s%s", line, rest), readErr, s.alive.Close(), cmd.Wait())
}

// user hands the folder to who will run MariaDB, which refuses to run as root.
func (s *server) user() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no credential: as who runs the tests
	}
	account, err := user.Lookup("mysql") // Debian's package has made it
	if err != nil {
		return nil, fmt.Errorf("root can not run MariaDB, and there is no other user for it: %w", err)
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if err := errors.Join(uidErr, gidErr, os.Chown(s.dir, uid, gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
