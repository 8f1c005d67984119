package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// Entry is one title, license or collection as its complete put record.
type Entry struct {
	ID   string
	Form jsontext.Value
}

// Page asks for a part of a list, which is ordered by id. The order is the
// database's (bytewise in SQLite, its collation's in PostgreSQL) and the same
// from page to page, so an entry that is there all the time is in exactly one.
type Page struct {
	After string // the last id of the page before; "" begins
	Limit int    // entries; 0 means 100
	// Scan is how many entries are looked at, so that a filter that lets little
	// through takes bounded time; 0 means 5000. A page that ends there has fewer
	// entries, even none.
	Scan int
	// ChangedAfter leaves out what the feed does not name after this number; 0
	// leaves out nothing.
	ChangedAfter int64
}

// scanChunk is how many entries are read at once.
const scanChunk = 250

// Listing is a page of a list.
type Listing struct {
	Entries []Entry
	// Next is what to go on after; "" where the list has ended.
	Next string
}

// TitleFilter says which titles to list. Its zero value lists all.
type TitleFilter struct {
	Kind      ovenbird.Kind
	Parent    *ovenbird.TitleID // "" lists those at the top
	Published *bool
	// Text is words that some text has, as in Search; "" takes all.
	Text  string
	Match func(*ovenbird.Title) bool // decides what the others leave; nil takes all
}

// LicenseFilter says which licenses to list. Its zero value lists all.
type LicenseFilter struct {
	Title ovenbird.TitleID
	Match func(*ovenbird.License) bool // nil takes all
}

// CollectionFilter says which collections to list. Its zero value lists all.
type CollectionFilter struct {
	Published *bool
	Text      string                          // words that some text has, as in Search; "" takes all
	Match     func(*ovenbird.Collection) bool // nil takes all
}

// Titles lists titles.
func (s *Store) Titles(ctx context.Context, page Page, filter TitleFilter) (Listing, error) {
	q := newListQuery("titles", page, "title")
	if filter.Kind != "" {
		q.and("kind = ", string(filter.Kind))
	}
	if filter.Parent != nil && *filter.Parent == "" {
		q.conditions = append(q.conditions, "parent IS NULL")
	} else if filter.Parent != nil {
		q.and("parent = ", string(*filter.Parent))
	}
	if filter.Published != nil {
		q.and("published = ", *filter.Published)
	}
	if err := s.having(ctx, q, TypeTitle, filter.Text); err != nil {
		return Listing{}, err
	}
	q.filtered = filter.Match != nil
	return s.list(ctx, q, func(ctx context.Context, r *reader, ids []string) (map[string]jsontext.Value, error) {
		titles := make(map[ovenbird.TitleID]*ovenbird.Title, len(ids))
		err := r.titles(ctx, titles, in("id", ids)...)
		return formsOf(titles, titleForm, filter.Match), err
	})
}

// Licenses lists licenses.
func (s *Store) Licenses(ctx context.Context, page Page, filter LicenseFilter) (Listing, error) {
	q := newListQuery("licenses", page, "license")
	if filter.Title != "" {
		q.and("title = ", string(filter.Title))
	}
	q.filtered = filter.Match != nil
	return s.list(ctx, q, func(ctx context.Context, r *reader, ids []string) (map[string]jsontext.Value, error) {
		licenses := make(map[ovenbird.LicenseID]*ovenbird.License, len(ids))
		err := r.licenses(ctx, func(l *ovenbird.License) { licenses[l.ID] = l }, in("id", ids)...)
		return formsOf(licenses, licenseForm, filter.Match), err
	})
}

// Collections lists collections. That an item came or went changes a collection.
func (s *Store) Collections(ctx context.Context, page Page, filter CollectionFilter) (Listing, error) {
	changed, after := set[ovenbird.CollectionID](nil), page.ChangedAfter
	page.ChangedAfter = 0 // the feed names items by collection and title
	q := newListQuery("collections", page, "")
	if filter.Published != nil {
		q.and("published = ", *filter.Published)
	}
	if err := s.having(ctx, q, TypeCollection, filter.Text); err != nil {
		return Listing{}, err
	}
	q.filtered = after > 0 || filter.Match != nil
	match := func(c *ovenbird.Collection) bool {
		_, named := changed[c.ID]
		return (after == 0 || named) && (filter.Match == nil || filter.Match(c))
	}
	return s.list(ctx, q, func(ctx context.Context, r *reader, ids []string) (map[string]jsontext.Value, error) {
		if after > 0 && changed == nil {
			var err error
			if changed, err = r.changedCollections(ctx, after); err != nil {
				return nil, err
			}
		}
		out := make(map[string]jsontext.Value, len(ids))
		wheres, items := in("id", ids), in("collection", ids)
		for i := range wheres {
			collections, err := r.wholeCollections(ctx, wheres[i], items[i])
			if err != nil {
				return nil, err
			}
			maps.Copy(out, formsOf(collections, wholeForm, match))
		}
		return out, nil
	})
}

// changedCollections returns the collections that the feed names after a number.
func (r *reader) changedCollections(ctx context.Context, after int64) (set[ovenbird.CollectionID], error) {
	changed := make(set[ovenbird.CollectionID])
	const query = `SELECT DISTINCT type, id FROM changes WHERE sequence > $1 AND type IN ('collection', 'collection_item')`
	err := r.each(ctx, query, where{args: []any{after}}, func(rows *sql.Rows) error {
		var c Change
		err := rows.Scan(&c.Type, &c.ID)
		changed[c.collection()] = struct{}{}
		return err
	})
	return changed, err
}

// One returns the title, license or collection with an id; ok is false where
// there is none.
func (s *Store) One(ctx context.Context, typ RecordType, id string) (entry Entry, ok bool, err error) {
	var form jsontext.Value
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		form, err = newReader(tx).one(ctx, typ, id)
		return err
	})
	if err != nil {
		return Entry{}, false, fmt.Errorf("read %s %s: %w", typ, id, err)
	}
	return Entry{ID: id, Form: form}, form != nil, nil
}

func (r *reader) one(ctx context.Context, typ RecordType, id string) (form jsontext.Value, err error) {
	ids := in("id", []string{id})
	switch typ {
	case TypeTitle:
		titles := make(map[ovenbird.TitleID]*ovenbird.Title, 1)
		err = r.titles(ctx, titles, ids...)
		return formOf(titles[ovenbird.TitleID(id)], titleForm), err
	case TypeLicense:
		err = r.licenses(ctx, func(l *ovenbird.License) { form = licenseForm(l) }, ids...)
		return form, err
	case TypeCollection:
		collections, err := r.wholeCollections(ctx, ids[0], in("collection", []string{id})[0])
		return formOf(collections[ovenbird.CollectionID(id)], wholeForm), err
	default:
		return nil, unknownType(typ)
	}
}

// formsOf returns the forms of what match takes, by id.
func formsOf[K ~string, T any](things map[K]*T, form func(*T) jsontext.Value, match func(*T) bool) map[string]jsontext.Value {
	out := make(map[string]jsontext.Value, len(things))
	for id, thing := range things {
		if match == nil || match(thing) {
			out[string(id)] = form(thing)
		}
	}
	return out
}

// listQuery finds the ids of a list in order.
type listQuery struct {
	table      string
	page       Page
	filtered   bool // whether entries are left out after they were read
	conditions []string
	args       []any
}

func newListQuery(table string, page Page, changed RecordType) *listQuery {
	page.Limit = cmp.Or(page.Limit, 100)
	page.Scan = cmp.Or(page.Scan, 5000)
	q := &listQuery{table: table, page: page}
	if page.ChangedAfter > 0 {
		q.and("id IN (SELECT id FROM changes WHERE type = '"+string(changed)+"' AND sequence > ", page.ChangedAfter)
		q.conditions[0] += ")"
	}
	return q
}

// having adds the condition that texts have words.
func (s *Store) having(ctx context.Context, q *listQuery, typ RecordType, text string) error {
	if text == "" {
		return nil
	}
	phrases := words.Phrases(text, mostWords)
	if len(phrases) == 0 {
		q.conditions = append(q.conditions, "1 = 0")
		return nil
	}
	q.args = append(q.args, s.index.question(phrases, false, false))
	q.conditions = append(q.conditions, strings.Replace(s.index.among(typ), "$1", "$"+strconv.Itoa(len(q.args)), 1))
	return s.catchUp(ctx)
}

// and adds a condition that ends in an argument.
func (q *listQuery) and(condition string, arg any) {
	q.args = append(q.args, arg)
	q.conditions = append(q.conditions, condition+"$"+strconv.Itoa(len(q.args)))
}

// ids returns the next ids after one.
func (q *listQuery) ids(ctx context.Context, r *reader, after string, limit int) ([]string, error) {
	args := slices.Concat(q.args, []any{after, limit})
	conditions := slices.Concat(q.conditions, []string{"id > $" + strconv.Itoa(len(args)-1)})
	var ids []string
	err := r.each(ctx, "SELECT id FROM "+q.table, where{
		" WHERE " + strings.Join(conditions, " AND ") + " ORDER BY id LIMIT $" + strconv.Itoa(len(args)), args,
	}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// list reads chunks of entries until the page is full, all is read, or enough
// was looked at. All of it is of one moment.
func (s *Store) list(
	ctx context.Context, q *listQuery, read func(context.Context, *reader, []string) (map[string]jsontext.Value, error),
) (Listing, error) {
	var out Listing
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		out = Listing{Next: q.page.After}
		r := newReader(tx)
		for scanned := 0; scanned < q.page.Scan; {
			chunk := min(scanChunk, q.page.Scan-scanned)
			if !q.filtered {
				chunk = min(chunk, q.page.Limit+1)
			}
			ids, err := q.ids(ctx, r, out.Next, chunk)
			if err != nil {
				return err
			}
			forms, err := read(ctx, r, ids)
			if err != nil {
				return err
			}
			if out.fill(ids, forms, q.page.Limit) {
				return nil
			}
			if len(ids) < chunk {
				out.Next = ""
				return nil
			}
			scanned += len(ids)
		}
		return nil
	})
	if err != nil {
		return Listing{}, fmt.Errorf("list %s: %w", q.table, err)
	}
	return out, nil
}

// fill takes entries in order and reports whether the page is full. One entry
// more than fits has to be there for the page to have a next.
func (l *Listing) fill(ids []string, forms map[string]jsontext.Value, limit int) (full bool) {
	for _, id := range ids {
		form, ok := forms[id]
		if ok && len(l.Entries) == limit {
			return true
		}
		if ok {
			l.Entries = append(l.Entries, Entry{id, form})
		}
		l.Next = id
	}
	return false
}
