package catalog

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"ovenbird/internal/words"
)

// sqliteIndex is an FTS5 table whose tokenizer takes words apart at spaces and
// does nothing else to them.
type sqliteIndex struct{}

const (
	insertOwners = `INSERT INTO search_owners (type, id) VALUES `
	insertTerms  = `INSERT OR REPLACE INTO search_terms (rowid, names, others) SELECT o.number, v.column3, v.column4 FROM (VALUES `
	ownersTerms  = `) v JOIN search_owners o ON o.type = v.column1 AND o.id = v.column2`
	removeTerms  = `DELETE FROM search_terms WHERE rowid IN (SELECT number FROM search_owners WHERE (type, id) IN (VALUES `
	clearTerms   = `INSERT INTO search_terms (search_terms) VALUES ('delete-all')`
	clearOwners  = `DELETE FROM search_owners`
)

func (sqliteIndex) put(ctx context.Context, tx *sql.Tx, documents []indexed) error {
	for some := range slices.Chunk(documents, chunks[0]) {
		var owners, terms strings.Builder
		owners.WriteString(insertOwners)
		places(&owners, len(some), 2)
		owners.WriteString(" ON CONFLICT (type, id) DO NOTHING")
		terms.WriteString(insertTerms)
		places(&terms, len(some), 4)
		terms.WriteString(ownersTerms)
		var of, all []any
		for _, d := range some {
			of = append(of, string(d.typ), d.id)
			all = append(all, string(d.typ), d.id, strings.Join(d.names, " "), strings.Join(d.others, " "))
		}
		if _, err := tx.ExecContext(ctx, owners.String(), of...); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, terms.String(), all...); err != nil {
			return err
		}
	}
	return nil
}

func (sqliteIndex) remove(ctx context.Context, tx *sql.Tx, owners []owner) error {
	if owners == nil {
		if _, err := tx.ExecContext(ctx, clearTerms); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, clearOwners)
		return err
	}
	for some := range slices.Chunk(owners, 1000) {
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
