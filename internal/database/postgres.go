package database

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	goosedb "github.com/pressly/goose/v3/database"
)

// minimum is the oldest PostgreSQL that Open takes: the oldest that its makers
// still mend, and that the tests run on.
const minimum = 15

// idle is how long the server lets a write transaction do nothing: a machine that
// has vanished in the middle of one would otherwise hold up all writers for hours.
const idle = time.Minute

// lockKey is the advisory lock of alone: "ovenbird" in ASCII. Advisory locks are
// per database.
const lockKey = 0x6f76656e62697264

// makeTurns makes the table that writers lock to take turns. It has no columns
// and no rows.
const makeTurns = `CREATE TABLE IF NOT EXISTS ovenbird_writer ()`

// takeTurn waits for the writer before. It goes ahead of the first query, because
// a serializable transaction sees the state as of that: one that waited later,
// having seen the state before the other's commit, could only fail.
const takeTurn = `LOCK TABLE ovenbird_writer IN EXCLUSIVE MODE`

// postgres is the backend of a database on a PostgreSQL server.
type postgres struct{ label string }

func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	config, err := parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	p := postgres{label(config)}
	reading, writing := config.Copy(), config.Copy()
	writing.RuntimeParams["lock_timeout"] = milliseconds(cfg.BusyTimeout)
	writing.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(idle)
	db := &DB{
		backend: p, busy: cfg.BusyTimeout,
		write: limit(stdlib.OpenDB(*writing), 1), read: limit(stdlib.OpenDB(*reading), cfg.Readers),
	}
	err = p.check(ctx, db.read)
	if err == nil {
		err = p.alone(ctx, db.read, func() error {
			_, err := db.write.ExecContext(ctx, makeTurns)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", p.label, explain(config, err)), db.Close())
	}
	return db, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }

// parse reads a URL. Its error repeats nothing of the URL: whatever can not be
// read may be a part of the password.
func parse(address string) (*pgx.ConnConfig, error) {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return nil, errors.New("open database: its URL is none of PostgreSQL: write postgres://USER@HOST:PORT/NAME")
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("open database: its URL, or a PG* variable, can not be read: write postgres://USER@HOST:PORT/NAME, with " +
			"the password in PGPASSWORD or the file ~/.pgpass; in a URL, %, /, ?, # and @ of a password are %25, %2F, %3F, %23 and %40")
	}
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, 10*time.Second) // TCP itself would try for minutes
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "ovenbird"
	}
	return config, nil
}

// label is the URL for messages.
func label(config *pgx.ConnConfig) string {
	u := url.URL{Scheme: "postgres", User: url.User(config.User), Path: "/" + config.Database}
	if strings.HasPrefix(config.Host, "/") {
		u.RawQuery = "host=" + config.Host
	} else {
		u.Host = net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	}
	return u.String()
}

// check refuses a server on which the program would fail later.
func (p postgres) check(ctx context.Context, pool *sql.DB) error {
	var version int
	var text, encoding string
	var replica bool
	err := pool.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		current_setting('server_encoding'), pg_is_in_recovery()`).Scan(&version, &text, &encoding, &replica)
	switch {
	case err != nil:
		return err
	case version < minimum*10_000:
		return fmt.Errorf("the server is PostgreSQL %s; ovenbird needs %d or newer, the oldest that PostgreSQL still mends: upgrade it",
			text, minimum)
	case encoding != "UTF8":
		return fmt.Errorf("the database is encoded in %s, which can not hold every text: make a new one with createdb --encoding=UTF8 "+
			"--template=template0", encoding)
	case replica:
		return errors.New("the server is a replica, which nobody can write to: give the address of the primary")
	default:
		return nil
	}
}

// explain says what to do about what went wrong when a database was opened.
func explain(config *pgx.ConnConfig, err error) error {
	var remedy string
	switch code := sqlState(err); {
	case code == "28P01" || code == "28000":
		remedy = "the server refuses the user or the password; give the password in PGPASSWORD or the file ~/.pgpass"
	case code == "3D000":
		remedy = fmt.Sprintf("there is no such database; make it with createdb --encoding=UTF8 --template=template0 --owner=%s %s",
			config.User, config.Database)
	case code == "42501":
		remedy = fmt.Sprintf("the user may not make tables; let it: ALTER DATABASE %s OWNER TO %s", config.Database, config.User)
	case code == "53300":
		remedy = "the server has no connection left; raise its max_connections: a process of ovenbird takes up to twenty"
	case code == "" && postgres{}.lost(err):
		remedy = "the server does not answer; is it running, and are host and port right"
	default:
		return err
	}
	return fmt.Errorf("%s: %w", remedy, err)
}

func (p postgres) name() string { return p.label }

func (postgres) goose() goosedb.Dialect { return goosedb.DialectPostgres }

func (postgres) writing() *sql.TxOptions { return &sql.TxOptions{Isolation: sql.LevelSerializable} }

// reading is a snapshot: it sees one state, and takes no part in the conflicts
// of serializable transactions, so it never has to be tried again.
func (postgres) reading() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func (postgres) turn(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, takeTurn)
	return err
}

func (postgres) busy(err error) bool {
	switch sqlState(err) {
	case "40001", // could not serialize
		"40P01", // deadlock
		"55P03": // lock_timeout
		return true
	default:
		return false
	}
}

func (postgres) lost(err error) bool {
	if code := sqlState(err); code != "" {
		// Class 08: the connection. 57P0x: the server shuts down, has crashed, is
		// starting. 25P03: idle in a transaction for too long.
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P0") || code == "25P03"
	}
	_, network := errors.AsType[net.Error](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return network || connecting || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// alone holds a lock that the server drops when this process dies.
func (p postgres) alone(ctx context.Context, read *sql.DB, fn func() error) (err error) {
	conn, err := read.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(lockKey)); err != nil {
		return fmt.Errorf("lock the database: %w", err)
	}
	defer func() {
		if _, unlock := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(lockKey)); unlock != nil {
			err = errors.Join(err, fmt.Errorf("unlock the database: %w", unlock))
		}
	}()
	return fn()
}

// sqlState returns the code of an error that the server reported, or "".
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
