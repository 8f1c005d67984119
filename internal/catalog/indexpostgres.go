package catalog

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"ovenbird/internal/words"
)

// postgresIndex is a column of type tsvector, written word by word, so that no
// configuration of the server has a say in what a word is.
type postgresIndex struct{}

// The parameters of type tsvector are known to be that by their column.
const (
	insertVectors = `INSERT INTO search_owners (type, id, terms) VALUES `
	putVectors    = ` ON CONFLICT (type, id) DO UPDATE SET terms = excluded.terms`
)

func (postgresIndex) put(ctx context.Context, tx *sql.Tx, documents []indexed) error {
	list := make([][]any, len(documents))
	for i, d := range documents {
		list[i] = []any{string(d.typ), d.id, d.vector()}
	}
	return writeAll(ctx, tx, list, func(rows int) string {
		var b strings.Builder
		b.WriteString(insertVectors)
		places(&b, rows, 3)
		b.WriteString(putVectors)
		return b.String()
	})
}

// vector writes a document as a tsvector, such as 'word':1A,7 'another':2.
func (d *document) vector() string {
	places := make(map[string][]string)
	var order []string
	n := 0
	for _, column := range []struct {
		terms  []string
		weight string
	}{{d.names, "A"}, {d.others, ""}} {
		for _, term := range column.terms {
			n++
			if term == words.Gap {
				continue
			}
			if places[term] == nil {
				order = append(order, term)
			}
			places[term] = append(places[term], strconv.Itoa(n)+column.weight)
		}
	}
	var b strings.Builder
	for _, term := range order {
		b.WriteString("'" + term + "':" + strings.Join(places[term], ",") + " ")
	}
	return b.String()
}

func (postgresIndex) remove(ctx context.Context, tx *sql.Tx, owners []owner) error {
	if owners == nil {
		_, err := tx.ExecContext(ctx, clearOwners)
		return err
	}
	for some := range slices.Chunk(owners, ownersAtOnce) {
		var list strings.Builder
		places(&list, len(some), 2)
		if _, err := tx.ExecContext(ctx, removeOwners+list.String()+")", ownerArgs(some)...); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the planner use the index. It takes a look at every row for cheap,
// because it does not count what it costs to read a long tsvector.
func (postgresIndex) prepare(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off`)
	return err
}

func (postgresIndex) find(without int) string {
	conditions := []string{`terms @@ $1::tsquery`, `NOT terms @@ $6::tsquery`, `NOT terms @@ $7::tsquery`}
	return `SELECT type, id FROM search_owners WHERE ` + strings.Join(conditions[:1+without], " AND ") + findOrder
}

func (postgresIndex) among(typ RecordType) string {
	return `id IN (SELECT id FROM search_owners WHERE type = '` + string(typ) + `' AND terms @@ $1::tsquery)`
}

// question writes a tsquery. Words hold letters, digits and marks: there is
// nothing to escape.
func (postgresIndex) question(phrases []words.Phrase, whole, names bool) string {
	weight := ""
	if names {
		weight = "A"
	}
	parts := make([]string, len(phrases))
	for i, p := range phrases {
		last := weight
		if !whole && i == len(phrases)-1 {
			last = "*" + weight
		}
		var list []string
		for n, word := range p.Words {
			flags := weight
			if n == len(p.Words)-1 {
				flags = last
			}
			list = append(list, "'"+word+"':"+flags)
		}
		parts[i] = "(" + strings.Join(list, " <-> ") + ")"
		if p.Joined != "" {
			parts[i] = "(" + parts[i] + " | '" + p.Joined + "':" + last + ")"
		}
	}
	return strings.Join(parts, " & ")
}
