package source

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

// snapshot is a database as of one instant: a transaction that only reads. One
// goroutine uses it.
type snapshot interface {
	// columns returns the columns of a query without reading its rows.
	columns(ctx context.Context, sql string) ([]Column, error)
	// read runs a query: begin gets its columns, then row each row as text, valid
	// during the call, with "" for no value.
	read(ctx context.Context, sql string, begin func([]Column) error, row func([]string) error) error
	// rights says what the user could write, "" where that is nothing.
	rights(ctx context.Context) (string, error)
	close(ctx context.Context) error
}

// connectTimeout is how long a database may take to answer at all.
const connectTimeout = 15 * time.Second

// openDatabase begins to read a database. Dir is the site's folder, in which
// relative paths of SQLite databases lie. Statements that run longer than
// timeout are ended by the database where it can. No error contains address, in
// which there may be a password.
func openDatabase(ctx context.Context, address, dir string, timeout time.Duration) (snapshot, error) {
	if path, ok := strings.CutPrefix(address, site.SQLitePrefix); ok {
		path = strings.TrimPrefix(path, "//")
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return openSQLite(ctx, path)
	}
	scheme, _, _ := strings.Cut(address, "://")
	switch scheme {
	case "postgres", "postgresql":
		return openPostgres(ctx, address, timeout)
	case "mysql", "mariadb":
		parsed, err := url.Parse(address)
		if err != nil {
			return nil, errAddress
		}
		return openMySQL(ctx, parsed, timeout)
	}
	return nil, errAddress
}

// errAddress does not wrap the parser's error, which would quote the password.
var errAddress = ovenbird.Errorf(ovenbird.Invalid, "this is no address of a database; use postgres://user:password@host:port/name, "+
	"mysql://user:password@host:port/name, or sqlite:path; in a password write characters such as @ : / # as %%40 %%3A %%2F %%23")

// none is a query for the columns of a query.
func none(sql string) string {
	// The line break ends a comment in the last line.
	return fmt.Sprintf("SELECT * FROM (%s\n) AS one LIMIT 0", sql)
}
