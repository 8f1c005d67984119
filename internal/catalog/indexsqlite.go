package catalog

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"ovenbird/internal/words"
)

// sqliteIndex is an FTS5 table whose tokenizer takes words apart at spaces and
// does nothing else to them.
type sqliteIndex struct{}

const (
	insertOwners  = `INSERT INTO search_owners (type, id) VALUES `
	ownersNumbers = ` ON CONFLICT (type, id) DO UPDATE SET type = excluded.type RETURNING number, type, id`
	insertTerms   = `INSERT OR REPLACE INTO search_terms (rowid, names, others) VALUES ($1, $2, $3)`
	removeTerms   = `DELETE FROM search_terms WHERE rowid IN (SELECT number FROM search_owners WHERE (type, id) IN (VALUES `
	clearTerms    = `INSERT INTO search_terms (search_terms) VALUES ('delete-all')`
	clearOwners   = `DELETE FROM search_owners`
)

// put writes the words row by row, in the order of their numbers: with a statement
// that writes several, and with one that goes back, FTS5 begins a new segment.
func (sqliteIndex) put(ctx context.Context, tx *sql.Tx, documents []indexed) error {
	byNumber := make(map[int64]*document, len(documents))
	byOwner := make(map[owner]*document, len(documents))
	for some := range slices.Chunk(documents, ownersAtOnce) {
		args := make([]any, 0, 2*len(some))
		for _, d := range some {
			args = append(args, string(d.typ), d.id)
			byOwner[d.owner] = d.document
		}
		query := insertOwners + strings.Repeat("(?, ?), ", len(some)-1) + "(?, ?)"
		err := newReader(tx).each(ctx, query, where{ownersNumbers, args}, func(rows *sql.Rows) error {
			var number int64
			var o owner
			if err := rows.Scan(&number, &o.typ, &o.id); err != nil {
				return err
			}
			byNumber[number] = byOwner[o]
			return nil
		})
		if err != nil {
			return err
		}
	}
	terms := make([][]any, 0, len(documents))
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		d := byNumber[number]
		terms = append(terms, []any{number, strings.Join(d.names, " "), strings.Join(d.others, " ")})
	}
	return writeChunks(ctx, tx, terms, 1, insertTerms)
}

// ownersAtOnce is how many owners one statement names.
const ownersAtOnce = 500

func (sqliteIndex) remove(ctx context.Context, tx *sql.Tx, owners []owner) error {
	if owners == nil {
		if _, err := tx.ExecContext(ctx, clearTerms); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, clearOwners)
		return err
	}
	for some := range slices.Chunk(owners, ownersAtOnce) {
		var list strings.Builder
		places(&list, len(some), 2)
		if _, err := tx.ExecContext(ctx, removeTerms+list.String()+"))", ownerArgs(some)...); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, removeOwners+list.String()+")", ownerArgs(some)...); err != nil {
			return err
		}
	}
	return nil
}

const removeOwners = `DELETE FROM search_owners WHERE (type, id) IN (VALUES `

func ownerArgs(owners []owner) []any {
	var args []any
	for _, o := range owners {
		args = append(args, string(o.typ), o.id)
	}
	return args
}

func (sqliteIndex) prepare(context.Context, *sql.Tx) error { return nil }

func (sqliteIndex) find(without int) string {
	const has = `number IN (SELECT rowid FROM search_terms WHERE search_terms MATCH `
	conditions := []string{has + `$1)`, `NOT ` + has + `$6)`, `NOT ` + has + `$7)`}
	return `SELECT type, id FROM search_owners WHERE ` + strings.Join(conditions[:1+without], " AND ") + findOrder
}

func (sqliteIndex) among(typ RecordType) string {
	return `id IN (SELECT id FROM search_owners WHERE type = '` + string(typ) +
		`' AND number IN (SELECT rowid FROM search_terms WHERE search_terms MATCH $1))`
}

// question writes in FTS5's language. Words hold letters, digits and marks: there
// is nothing to escape.
func (sqliteIndex) question(phrases []words.Phrase, whole, names bool) string {
	parts := make([]string, len(phrases))
	for i, p := range phrases {
		begins := ""
		if !whole && i == len(phrases)-1 {
			begins = " *"
		}
		parts[i] = `"` + strings.Join(p.Words, " ") + `"` + begins
		if p.Joined != "" {
			parts[i] = `(` + parts[i] + ` OR "` + p.Joined + `"` + begins + `)`
		}
	}
	all := strings.Join(parts, " AND ")
	if names {
		return "names : (" + all + ")"
	}
	return all
}
