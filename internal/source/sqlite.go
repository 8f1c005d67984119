package source

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	// The driver "sqlite".
	_ "modernc.org/sqlite"

	"ovenbird/internal/ovenbird"
)

// sqlite reads an SQLite file.
type sqlite struct {
	pool *sql.DB
	conn *sql.Conn
}

func openSQLite(ctx context.Context, path string) (_ snapshot, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "find the database: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "open the SQLite database: %w", err)
	}
	options := url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)", "busy_timeout(5000)"}}
	pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "open the SQLite database: %w", err)
	}
	s := &sqlite{pool: pool}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.conn, err = pool.Conn(ctx); err != nil {
		return nil, sqliteError(err)
	}
	if _, err := s.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return nil, sqliteError(err)
	}
	return s, nil
}

func (s *sqlite) close(context.Context) error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	return errors.Join(err, s.pool.Close())
}

func (s *sqlite) columns(ctx context.Context, query string) (columns []Column, err error) {
	rows, err := s.conn.QueryContext(ctx, none(query))
	if err != nil {
		return nil, sqliteError(err)
	}
	defer rows.Close() //nolint:errcheck // what it says, rows.Err has said
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, sqliteError(err)
	}
	for _, t := range types {
		columns = append(columns, Column{Name: t.Name(), Kind: sqliteKind(t.DatabaseTypeName())})
	}
	return columns, sqliteError(rows.Err())
}

func (s *sqlite) read(ctx context.Context, query string, begin func([]Column) error, row func([]string) error) error {
	columns, err := s.columns(ctx, query)
	if err != nil {
		return err
	}
	if err := begin(columns); err != nil {
		return err
	}
	rows, err := s.conn.QueryContext(ctx, asStored(query, columns))
	if err != nil {
		return sqliteError(err)
	}
	defer rows.Close() //nolint:errcheck // what it says, rows.Err has said
	if err := scanTexts(rows, len(columns), func(_ int, value any) string { return plainText(value) }, row); err != nil {
		return err
	}
	return sqliteError(rows.Err())
}

// asStored puts a plus before every column, which changes no value and takes its
// declared type away: where it knows one, the driver would read dates and
// booleans out of texts and numbers in ways of its own.
func asStored(query string, columns []Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		name := `"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"`
		list[i] = "+" + name
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM (" + query + "\n)"
}

// sqliteKind reads a declared type as SQLite does (datatype3, section 3.1), and
// knows the usual words for dates and booleans, which SQLite has not.
func sqliteKind(declared string) Kind {
	declared = strings.ToUpper(declared)
	for _, rule := range []struct {
		word string
		kind Kind
	}{
		{"BOOL", Boolean},
		{"DATETIME", Timestamp},
		{"TIMESTAMP", Timestamp},
		{"DATE", Date},
		{"JSON", JSON},
		{"INT", Integer},
		{"CHAR", Text},
		{"CLOB", Text},
		{"TEXT", Text},
		{"BLOB", Bytes},
		{"REAL", Float},
		{"FLOAT", Float},
		{"DOUBLE", Float},
		{"DEC", Decimal},
		{"NUM", Decimal},
		{"TIME", TimeOfDay},
	} {
		if strings.Contains(declared, rule.word) {
			return rule.kind
		}
	}
	return Any
}

// rights says nothing: the file is opened for reading alone, and who else may
// write it is no matter of a user.
func (s *sqlite) rights(context.Context) (string, error) { return "", nil }

// sqliteError says whether trying again may help.
func sqliteError(err error) error {
	if err == nil {
		return nil
	}
	// SQL logic error: names that are not there, syntax; attempt to write.
	if text := err.Error(); strings.Contains(text, "(1)") || strings.Contains(text, "(8)") {
		return ovenbird.Errorf(ovenbird.Invalid, "SQLite refuses the query: %w", err)
	}
	return ovenbird.Errorf(ovenbird.Unavailable, "read from SQLite: %w", err)
}
