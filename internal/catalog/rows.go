package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// table is what a batch writes rows to. The key columns come first.
type table struct {
	name    string
	columns []string
	key     int  // how many columns are the key
	once    bool // a row that is there already is an error, not one to replace
}

// The tables, in an order in which rows can be written: each refers to those before.
var (
	titlesTable          = &table{name: "titles", key: 1, columns: titleColumns}
	titleTextsTable      = &table{name: "title_texts", key: 3, columns: []string{"title", "field", "locale", "text"}}
	tombstonesTable      = &table{name: "title_tombstones", key: 1, columns: []string{"id", "kind"}}
	licensesTable        = &table{name: "licenses", key: 1, columns: licenseColumns}
	collectionsTable     = &table{name: "collections", key: 1, columns: []string{"id", "sort_key", "published"}}
	collectionTextsTable = &table{name: "collection_texts", key: 3, columns: []string{"collection", "field", "locale", "text"}}
	itemsTable           = &table{name: "collection_items", key: 2, columns: []string{"collection", "title", "position"}}
	changesTable         = &table{name: "changes", key: 1, once: true, columns: changeColumns}
)

var (
	titleColumns = []string{
		"id", "kind", "parent", "sort_key", "number", "special", "published", "video", "year", "runtime_seconds", "added", "facts",
	}
	licenseColumns = []string{"id", "title", "territories", "excluded", "applications", "starts_at", "ends_at", "model"}
	changeColumns  = []string{"sequence", "at", "actor", "type", "id", "action", "before", "after"}
)

// titleParent is the column of a title that refers to another one.
const titleParent = 2

// insert is the statement that writes a number of rows.
func (t *table) insert(rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", t.name, strings.Join(t.columns, ", "))
	places(&b, rows, len(t.columns))
	if t.once {
		return b.String()
	}
	fmt.Fprintf(&b, " ON CONFLICT (%s) DO UPDATE SET ", strings.Join(t.columns[:t.key], ", "))
	for i, column := range t.columns[t.key:] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(column + " = excluded." + column)
	}
	return b.String()
}

// remove is the statement that removes a number of rows.
func (t *table) remove(rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "DELETE FROM %s WHERE (%s) IN (VALUES ", t.name, strings.Join(t.columns[:t.key], ", "))
	places(&b, rows, t.key)
	b.WriteByte(')')
	return b.String()
}

// places writes ($1, $2), ($3, $4) and so on.
func places(b *strings.Builder, rows, columns int) {
	n := 0
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for column := range columns {
			if column > 0 {
				b.WriteString(", ")
			}
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteByte(')')
	}
}

// key tells the rows of a table apart; a table uses as many as it has key columns.
type key [3]string

func (t *table) keyArgs(k key) []any {
	args := make([]any, t.key, len(t.columns))
	for i := range args {
		args[i] = k[i]
	}
	return args
}

// rows are what a batch does to a table. What it does last to a row is all that
// counts, because nobody sees the middle of a transaction.
type rows struct {
	table *table
	place map[key]int
	list  []row
}

// row is written or removed: one of values and key is there, or none where the
// batch came back to it.
type row struct {
	values []any // of all columns
	gone   []any // of the key's columns
}

func newRows(t *table) *rows { return &rows{table: t, place: make(map[key]int)} }

// write adds a row to write, with the values behind its key.
func (r *rows) write(k key, values ...any) {
	r.add(k, row{values: append(r.table.keyArgs(k), values...)})
}

// remove adds a row to remove, where it is there.
func (r *rows) remove(k key) { r.add(k, row{gone: r.table.keyArgs(k)}) }

func (r *rows) add(k key, added row) {
	if before, ok := r.place[k]; ok {
		r.list[before] = row{}
	}
	r.place[k] = len(r.list)
	r.list = append(r.list, added)
}

// written returns the rows to write.
func (r *rows) written() [][]any {
	list := make([][]any, 0, len(r.list))
	for i := range r.list {
		if values := r.list[i].values; values != nil {
			list = append(list, values)
		}
	}
	return list
}

// removed returns the keys of the rows to remove.
func (r *rows) removed() [][]any {
	var list [][]any
	for i := range r.list {
		if gone := r.list[i].gone; gone != nil {
			list = append(list, gone)
		}
	}
	return list
}

// parentsFirst returns the titles to write, each behind the one that it refers to.
func (r *rows) parentsFirst() [][]any {
	ordered := make([][]any, 0, len(r.list))
	placed := make([]bool, len(r.list))
	var visit func(i int)
	visit = func(i int) {
		values := r.list[i].values
		if placed[i] || values == nil {
			return
		}
		placed[i] = true
		if parent, ok := values[titleParent].(string); ok {
			if above, ok := r.place[key{parent}]; ok {
				visit(above)
			}
		}
		ordered = append(ordered, values)
	}
	for i := range r.list {
		visit(i)
	}
	return ordered
}

// chunks are how many rows one statement writes: enough to save round trips, and
// no more than SQLite, which looks each parameter up by its name, takes without
// getting slower. They are few sizes, so that both databases remember the statements.
var chunks = []int{16, 4, 1}

// insertAll writes rows in few round trips.
func (t *table) insertAll(ctx context.Context, tx *sql.Tx, list [][]any) error {
	if err := writeAll(ctx, tx, list, t.insert); err != nil {
		return fmt.Errorf("write to %s: %w", t.name, err)
	}
	return nil
}

// writeAll writes rows with the statement for a number of them.
func writeAll(ctx context.Context, tx *sql.Tx, list [][]any, statement func(rows int) string) error {
	for _, size := range chunks {
		whole := len(list) / size * size
		if err := writeChunks(ctx, tx, list[:whole], size, statement(size)); err != nil {
			return err
		}
		list = list[whole:]
	}
	return nil
}

// oftenEnough is from how many times on a statement is worth the two round trips
// of preparing it. SQLite, which has no round trips, would like it at once.
const oftenEnough = 5

// writeChunks writes rows that are a multiple of size.
func writeChunks(ctx context.Context, tx *sql.Tx, list [][]any, size int, text string) error {
	if len(list) < oftenEnough*size {
		for chunk := range slices.Chunk(list, size) {
			if _, err := tx.ExecContext(ctx, text, slices.Concat(chunk...)...); err != nil {
				return err
			}
		}
		return nil
	}
	statement, err := tx.PrepareContext(ctx, text) //nolint:sqlclosecheck // it is, right below
	if err != nil {
		return err
	}
	defer statement.Close() //nolint:errcheck // the transaction closes it as well
	for chunk := range slices.Chunk(list, size) {
		if _, err := statement.ExecContext(ctx, slices.Concat(chunk...)...); err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes rows by key. Rows that refer to each other have to go in one
// statement; ten thousand fit.
func (t *table) removeAll(ctx context.Context, tx *sql.Tx, keys [][]any) error {
	for some := range slices.Chunk(keys, 10_000) {
		if _, err := tx.ExecContext(ctx, t.remove(len(some)), slices.Concat(some...)...); err != nil {
			return fmt.Errorf("remove from %s: %w", t.name, err)
		}
	}
	return nil
}
