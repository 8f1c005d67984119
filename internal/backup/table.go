package backup

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// tablesOf returns the tables of an SQLite database, but for those that keep the
// versions of others.
func tablesOf(ctx context.Context, tx *sql.Tx) ([]Table, error) {
	const query = `SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.name NOT LIKE '%\_migrations' ESCAPE '\'
		ORDER BY m.name, c.name`
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	var tables []Table
	for rows.Next() {
		var table, column, declared string
		if err := rows.Scan(&table, &column, &declared); err != nil {
			return nil, err
		}
		kind, ok := kinds[declared]
		if !ok {
			return nil, ovenbird.Errorf(ovenbird.Internal, "column %s of table %s is %s, which no backup can hold", column, table, declared)
		}
		if len(tables) == 0 || tables[len(tables)-1].Name != table {
			tables = append(tables, Table{Name: table})
		}
		last := &tables[len(tables)-1]
		last.Columns = append(last.Columns, Column{column, kind})
	}
	return tables, rows.Err()
}

// kinds are the types that migrations declare.
var kinds = map[string]Kind{"TEXT": Text, "INTEGER": Integer, "BIGINT": Integer, "BOOLEAN": Boolean}

// quoted is a name in SQL.
func quoted(name string) string { return `"` + name + `"` }

// selection is the statement that reads all rows of a table.
func (t *Table) selection() string {
	return `SELECT ` + t.columnNames() + ` FROM ` + quoted(t.Name)
}

func (t *Table) columnNames() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quoted(c.Name)
	}
	return strings.Join(names, ", ")
}

// insertion is the statement that writes a number of rows.
func (t *Table) insertion(rows int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + quoted(t.Name) + ` (` + t.columnNames() + `) VALUES `)
	for row := range rows {
		for column := range t.Columns {
			switch {
			case column > 0:
				b.WriteString(", ")
			case row > 0:
				b.WriteString("), (")
			default:
				b.WriteString("(")
			}
			b.WriteString("$" + strconv.Itoa(row*len(t.Columns)+column+1))
		}
	}
	b.WriteString(")")
	return b.String()
}

// each calls fn with every row of the table as a line of JSON, which is fn's
// until it returns.
func (t *Table) each(ctx context.Context, tx *sql.Tx, fn func(line []byte) error) error {
	rows, err := tx.QueryContext(ctx, t.selection())
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		into[i] = &values[i]
	}
	var line []byte
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if line, err = t.appendRow(line[:0], values); err != nil {
			return err
		}
		if err := fn(line); err != nil {
			return err
		}
	}
	return rows.Err()
}

// appendRow writes a row as JSON, the same for the same values.
func (t *Table) appendRow(line []byte, values []any) ([]byte, error) {
	var err error
	separator := byte('[')
	for i, value := range values {
		line = append(line, separator)
		separator = ','
		if line, err = appendValue(line, t.Columns[i].Kind, value); err != nil {
			return nil, ovenbird.Errorf(ovenbird.Internal, "column %s of table %s: %w", t.Columns[i].Name, t.Name, err)
		}
	}
	return append(line, ']'), nil
}

func appendValue(line []byte, kind Kind, value any) ([]byte, error) {
	if value == nil {
		return append(line, "null"...), nil
	}
	switch v := value.(type) {
	case string:
		if kind == Text {
			return jsontext.AppendQuote(line, v)
		}
	case []byte:
		if kind == Text {
			return jsontext.AppendQuote(line, v)
		}
	case int64:
		if kind == Integer {
			return strconv.AppendInt(line, v, 10), nil
		}
		if kind == Boolean { // SQLite has no other way to say it
			return strconv.AppendBool(line, v != 0), nil
		}
	case bool:
		if kind == Boolean {
			return strconv.AppendBool(line, v), nil
		}
	}
	return nil, fmt.Errorf("it holds a %T where there should be %s", value, kind)
}

var errRow = errors.New("a row does not have the form of its table")

// parseRow appends the values of a line that appendRow has written.
func (t *Table) parseRow(values []any, line []byte) ([]any, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(line))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, errRow
	}
	for _, column := range t.Columns {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, errRow
		}
		value, ok := valueOf(column.Kind, token)
		if !ok {
			return nil, errRow
		}
		values = append(values, value)
	}
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != ']' {
		return nil, errRow
	}
	return values, nil
}

func valueOf(kind Kind, token jsontext.Token) (value any, ok bool) {
	switch token.Kind() {
	case 'n':
		return nil, true
	case '"':
		return token.String(), kind == Text
	case '0':
		n, err := strconv.ParseInt(token.String(), 10, 64)
		return n, err == nil && kind == Integer
	case 't', 'f':
		return token.Bool(), kind == Boolean
	default:
		return nil, false
	}
}
