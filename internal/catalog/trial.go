package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"ovenbird/internal/database"
)

// content are the tables that hold the catalog, referred to before referring,
// and what stands in them. The feed's entries are not among them, its number is.
var content = []struct {
	table   string
	columns []string
}{
	{"titles", []string{
		"id", "kind", "parent", "sort_key", "number", "special", "published", "video", "year", "runtime_seconds", "added", "facts",
	}},
	{"title_texts", []string{"title", "field", "locale", "text"}},
	{"title_tombstones", []string{"id", "kind"}},
	{"licenses", []string{"id", "title", "territories", "excluded", "applications", "starts_at", "ends_at", "model"}},
	{"collections", []string{"id", "sort_key", "published"}},
	{"collection_texts", []string{"collection", "field", "locale", "text"}},
	{"collection_items", []string{"collection", "title", "position"}},
}

// Trial returns a copy of the catalog, as of now, in another database, which
// must be empty: what is tried there changes nothing here, and holds up nobody.
// Its feed is empty and goes on with the numbers of this one's.
func (s *Store) Trial(ctx context.Context, db *database.DB) (*Store, error) {
	trial, err := New(ctx, s.cfg, Deps{DB: db, Now: s.now})
	if err != nil {
		return nil, err
	}
	err = s.db.ReadTx(ctx, func(from *sql.Tx) error {
		return db.Tx(ctx, func(to *sql.Tx) error { return copyContent(ctx, to, from) })
	})
	if err != nil {
		return nil, fmt.Errorf("copy the catalog to try something on it: %w", err)
	}
	return trial, nil
}

func copyContent(ctx context.Context, to, from *sql.Tx) error {
	// A title may stand in the table before its parent.
	if err := copyTitles(ctx, to, from); err != nil {
		return err
	}
	for _, t := range content[1:] {
		if err := copyTable(ctx, to, from, t.table, t.columns, ""); err != nil {
			return err
		}
	}
	var sequence int64
	if err := from.QueryRowContext(ctx, lastNumber).Scan(&sequence); err != nil {
		return err
	}
	_, err := to.ExecContext(ctx, takeNumbers, sequence)
	return err
}

// copyTitles copies parents before what they hold.
func copyTitles(ctx context.Context, to, from *sql.Tx) error {
	for _, kind := range kindOrder {
		condition := " WHERE kind = '" + string(kind) + "'"
		if err := copyTable(ctx, to, from, content[0].table, content[0].columns, condition); err != nil {
			return err
		}
	}
	return nil
}

func copyTable(ctx context.Context, to, from *sql.Tx, table string, columns []string, condition string) (err error) {
	list := strings.Join(columns, ", ")
	places := make([]string, len(columns))
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range columns {
		places[i] = "$" + strconv.Itoa(i+1)
		into[i] = &values[i]
	}
	//nolint:gosec,sqlclosecheck // names of tables and columns of ours; closed right below
	insert, err := to.PrepareContext(ctx, "INSERT INTO "+table+" ("+list+") VALUES ("+strings.Join(places, ", ")+")")
	if err != nil {
		return err
	}
	defer insert.Close() //nolint:errcheck // the transaction closes it too
	return newReader(from).each(ctx, "SELECT "+list+" FROM "+table, where{text: condition}, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		_, err := insert.ExecContext(ctx, values...)
		return err
	})
}
