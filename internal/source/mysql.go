package source

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"ovenbird/internal/ovenbird"
)

// mariadb reads MariaDB and MySQL. Queries are sent as plain text, so values
// come as the server writes them.
type mariadb struct {
	pool *sql.DB
	conn *sql.Conn
}

func openMySQL(ctx context.Context, address *url.URL, timeout time.Duration) (_ snapshot, err error) {
	config, err := mysqlConfig(address)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errAddress
	}
	m := &mariadb{pool: sql.OpenDB(connector)}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close(ctx))
		}
	}()
	if m.conn, err = m.pool.Conn(ctx); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "connect to MySQL: %w", err)
	}
	var version string
	if err := m.conn.QueryRowContext(ctx, `SELECT version()`).Scan(&version); err != nil {
		return nil, mysqlError(err)
	}
	limit := fmt.Sprintf("SET SESSION max_execution_time = %d", timeout.Milliseconds())
	if strings.Contains(version, "MariaDB") {
		limit = fmt.Sprintf("SET SESSION max_statement_time = %d", int(timeout.Seconds()))
	}
	for _, statement := range []string{
		limit, "SET SESSION time_zone = '+00:00'", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"SET SESSION TRANSACTION READ ONLY", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	} {
		if _, err := m.conn.ExecContext(ctx, statement); err != nil {
			return nil, mysqlError(fmt.Errorf("%s: %w", statement, err))
		}
	}
	return m, nil
}

// mysqlConfig reads mysql://user:password@host:port/name?tls=true, or with
// socket=PATH in the place of host and port.
func mysqlConfig(address *url.URL) (*mysql.Config, error) {
	config := mysql.NewConfig()
	config.User = address.User.Username()
	config.Passwd, _ = address.User.Password()
	config.DBName = strings.TrimPrefix(address.Path, "/")
	config.Timeout = connectTimeout
	// What it has to say comes back as errors, too.
	config.Logger = &mysql.NopLogger{}
	config.Net, config.Addr = "tcp", address.Host
	if address.Port() == "" {
		config.Addr += ":3306"
	}
	for key, values := range address.Query() {
		switch {
		case key == "socket" && len(values) == 1:
			config.Net, config.Addr = "unix", values[0]
		case key == "tls" && len(values) == 1:
			config.TLSConfig = values[0]
		default:
			return nil, ovenbird.Errorf(ovenbird.Invalid,
				"the address has the option %q; use tls (true, skip-verify, preferred) or socket", key)
		}
	}
	if address.Hostname() == "" && config.Net == "tcp" || config.DBName == "" {
		return nil, errAddress
	}
	return config, nil
}

func (m *mariadb) close(context.Context) error {
	var err error
	if m.conn != nil {
		err = m.conn.Close() // the server ends the transaction
	}
	return errors.Join(err, m.pool.Close())
}

func (m *mariadb) columns(ctx context.Context, query string) (columns []Column, err error) {
	err = m.rows(ctx, none(query), func(list []Column) error { columns = list; return nil }, func([]string) error { return nil })
	return columns, err
}

func (m *mariadb) read(ctx context.Context, query string, begin func([]Column) error, row func([]string) error) error {
	return m.rows(ctx, query, begin, row)
}

func (m *mariadb) rows(ctx context.Context, query string, begin func([]Column) error, row func([]string) error) error {
	// A connection whose context ends is closed, rather than emptied to the last row.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := m.conn.QueryContext(ctx, query)
	if err != nil {
		return mysqlError(err)
	}
	defer func() { cancel(); _ = rows.Close() }() // what it says, rows.Err has said
	types, err := rows.ColumnTypes()
	if err != nil {
		return mysqlError(err)
	}
	columns := make([]Column, len(types))
	for i, t := range types {
		columns[i] = Column{Name: t.Name(), Kind: mysqlKind(t.DatabaseTypeName())}
	}
	if err := begin(columns); err != nil {
		return err
	}
	err = scanTexts(rows, len(columns), func(i int, value any) string { return mysqlText(columns[i].Kind, value) }, row)
	if err != nil {
		return err
	}
	return mysqlError(rows.Err())
}

// mysqlKinds are the kinds of types. A BIT counts as a number.
var mysqlKinds = map[string]Kind{
	"TINYINT": Integer, "SMALLINT": Integer, "MEDIUMINT": Integer, "INT": Integer, "BIGINT": Integer, "YEAR": Integer, "BIT": "bit",
	"DECIMAL": Decimal, "FLOAT": Float, "DOUBLE": Float,
	"CHAR": Text, "VARCHAR": Text, "TEXT": Text, "TINYTEXT": Text, "MEDIUMTEXT": Text, "LONGTEXT": Text, "ENUM": Text, "SET": Text,
	"DATE": Date, "TIME": TimeOfDay, "DATETIME": Timestamp, "TIMESTAMP": Instant, "JSON": JSON,
	"BINARY": Bytes, "VARBINARY": Bytes, "BLOB": Bytes, "TINYBLOB": Bytes, "MEDIUMBLOB": Bytes, "LONGBLOB": Bytes, "GEOMETRY": Bytes,
}

func mysqlKind(name string) Kind {
	name = strings.TrimPrefix(name, "UNSIGNED ")
	if kind, ok := mysqlKinds[name]; ok {
		return kind
	}
	return Kind(strings.ToLower(name))
}

func mysqlText(kind Kind, value any) string {
	raw, ok := value.([]byte)
	if !ok {
		return plainText(value)
	}
	switch kind {
	case "bit":
		var number uint64
		for _, b := range raw {
			number = number<<8 | uint64(b)
		}
		return plainText(number)
	case Bytes:
		return hex.EncodeToString(raw)
	case Date, Timestamp, Instant:
		return mysqlTime(kind, string(raw))
	default:
		return string(raw)
	}
}

// mysqlTime formats a date or time. The date 0000-00-00 is how MySQL says that
// there is none; a fraction is written as far as the column keeps it.
func mysqlTime(kind Kind, text string) string {
	if strings.HasPrefix(text, "0000-00-00") {
		return ""
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if kind == Instant {
		return strings.Replace(text, " ", "T", 1) + "Z" // the session is in UTC
	}
	return text
}

// writes are the rights to change anything, as SHOW GRANTS writes them.
var writes = regexp.MustCompile(`\b(ALL PRIVILEGES|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|TRIGGER|SUPER|FILE)\b`)

func (m *mariadb) rights(ctx context.Context) (string, error) {
	rows, err := m.conn.QueryContext(ctx, `SHOW GRANTS`)
	if err != nil {
		return "", mysqlError(err)
	}
	defer rows.Close() //nolint:errcheck // what it says, rows.Err has said
	found := ""
	for rows.Next() {
		var grant string
		if err := rows.Scan(&grant); err != nil {
			return "", mysqlError(err)
		}
		// What stands behind ON are names, and a hash of the password.
		grant, _, _ = strings.Cut(grant, " ON ")
		found = cmp.Or(found, writes.FindString(grant))
	}
	if err := rows.Err(); err != nil || found == "" {
		return "", mysqlError(err)
	}
	return fmt.Sprintf("the user has the right %s; give it a user that may only read: GRANT SELECT ON database.* TO reader", found), nil
}

// queryErrors are the numbers of errors that say that a query is wrong: names
// that are not there, syntax, rights, writing.
var queryErrors = map[uint16]bool{
	1044: true, 1049: true, 1052: true, 1054: true, 1060: true, 1064: true, 1142: true, 1143: true, 1146: true, 1370: true, 1792: true,
}

// mysqlError says whether trying again may help.
func mysqlError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && queryErrors[e.Number] {
		return ovenbird.Errorf(ovenbird.Invalid, "MySQL refuses the query: %w", err)
	}
	return ovenbird.Errorf(ovenbird.Unavailable, "read from MySQL: %w", err)
}
