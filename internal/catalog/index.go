package catalog

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"ovenbird/internal/database"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// The index of words follows the feed: each small write takes it along, in its own
// transaction, and what it has missed (because much was written at once, or by a
// program that does not know it, or it was made by other rules) is made up for
// before it is asked.

// bulk is from how many changes in a batch on the index is left behind, which makes
// imports a quarter faster.
const bulk = 100

//go:embed search/sqlite/*.sql search/postgres/*.sql
var searchMigrations embed.FS

const (
	indexState = `SELECT s.version, s.sequence, f.sequence FROM search_state s, feed f`
	indexMoves = `UPDATE search_state SET sequence = $1 WHERE sequence = $2 AND version = $3`
	indexIsAt  = `UPDATE search_state SET version = $1, sequence = $2`
)

// migrateIndex makes the index's tables, which differ by database.
func migrateIndex(ctx context.Context, db *database.DB) error {
	folder := "search/sqlite"
	if db.Dialect() == database.PostgreSQL {
		folder = "search/postgres"
	}
	files, err := fs.Sub(searchMigrations, folder)
	if err != nil {
		return err
	}
	return db.Migrate(ctx, "search", files)
}

// owner is what a text belongs to.
type owner struct {
	typ RecordType
	id  string
}

// indexWriter gathers the words that change.
type indexWriter struct {
	index     indexer
	documents map[owner]*document // nil: it has no texts any more
}

// indexer is what SQLite and PostgreSQL do differently.
type indexer interface {
	// put replaces the words of owners.
	put(ctx context.Context, tx *sql.Tx, documents []indexed) error
	// remove forgets owners, all of them where none are given.
	remove(ctx context.Context, tx *sql.Tx, owners []owner) error
	// prepare goes before queries that find.
	prepare(ctx context.Context, tx *sql.Tx) error
	// find is a query for type and id of what has words (its arguments: see
	// finding), in the order of ids.
	find(without int) string
	// among is a condition on the column id: that the type has words. $1 is a question.
	among(typ RecordType) string
	// question writes what is asked for: whole words or the last one's beginning,
	// in names alone or anywhere.
	question(phrases []words.Phrase, whole, names bool) string
}

type indexed struct {
	owner
	*document
}

// follow writes what a batch has changed, whose changes have the numbers from first
// to last. It leaves an index alone that is not at the change before.
func (w *indexWriter) follow(ctx context.Context, tx *sql.Tx, first, last int64) error {
	moved, err := tx.ExecContext(ctx, indexMoves, last, first-1, words.Version)
	if err != nil {
		return fmt.Errorf("move the index of words on: %w", err)
	}
	if n, err := moved.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return w.flush(ctx, tx)
}

// documentsOf returns the words of what has other texts after a batch.
func documentsOf(effects []effect) map[owner]*document {
	documents := make(map[owner]*document)
	change := func(o owner, before, after ovenbird.Texts) {
		if !maps.EqualFunc(before, after, maps.Equal[map[ovenbird.Locale]string, map[ovenbird.Locale]string]) {
			documents[o] = documentOf(after)
		}
	}
	for i := range effects {
		switch e := &effects[i]; {
		case e.title != nil:
			change(owner{TypeTitle, e.id}, textsOf(e.title.before, titleTexts), textsOf(e.title.after, titleTexts))
		case e.collection != nil:
			before, after := e.collection.before, e.collection.after
			change(owner{TypeCollection, e.id}, textsOf(before, collectionTexts), textsOf(after, collectionTexts))
		}
	}
	return documents
}

func titleTexts(t *ovenbird.Title) ovenbird.Texts           { return t.Texts }
func collectionTexts(c *ovenbird.Collection) ovenbird.Texts { return c.Texts }

func textsOf[T any](v *T, texts func(*T) ovenbird.Texts) ovenbird.Texts {
	if v == nil {
		return nil
	}
	return texts(v)
}

func (w *indexWriter) flush(ctx context.Context, tx *sql.Tx) error {
	var put []indexed
	var gone []owner
	for o, d := range w.documents {
		if d == nil {
			gone = append(gone, o)
		} else {
			put = append(put, indexed{o, d})
		}
	}
	clear(w.documents)
	if len(gone) > 0 {
		if err := w.index.remove(ctx, tx, gone); err != nil {
			return fmt.Errorf("index words: %w", err)
		}
	}
	if err := w.index.put(ctx, tx, put); err != nil {
		return fmt.Errorf("index words: %w", err)
	}
	return nil
}

// Index brings the index of words up to date with the catalog. Searches do that by
// themselves; after a large import somebody else may wait for it.
func (s *Store) Index(ctx context.Context) error { return s.catchUp(ctx) }

// catchUp makes the index hold what the catalog does, in transactions that do not
// keep others waiting for long.
func (s *Store) catchUp(ctx context.Context) error {
	for {
		var at indexPosition
		if err := s.db.ReadTx(ctx, func(tx *sql.Tx) error { return at.read(ctx, tx) }); err != nil {
			return fmt.Errorf("read the state of the index of words: %w", err)
		}
		if at.current() {
			return nil
		}
		err := s.db.Tx(ctx, func(tx *sql.Tx) error {
			if err := at.read(ctx, tx); err != nil || at.current() {
				return err
			}
			w := &indexWriter{index: s.index, documents: make(map[owner]*document)}
			reached, err := w.catchUp(ctx, tx, at)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, indexIsAt, words.Version, reached)
			return err
		})
		if err != nil {
			return fmt.Errorf("bring the index of words up to date: %w", err)
		}
	}
}

// indexPosition is how far an index is, and how far it should be.
type indexPosition struct{ version, sequence, feed int64 }

func (p *indexPosition) read(ctx context.Context, tx *sql.Tx) error {
	return tx.QueryRowContext(ctx, indexState).Scan(&p.version, &p.sequence, &p.feed)
}

func (p *indexPosition) current() bool { return p.version == words.Version && p.sequence == p.feed }

// catchUp returns the change that the index is at afterwards.
func (w *indexWriter) catchUp(ctx context.Context, tx *sql.Tx, at indexPosition) (reached int64, err error) {
	r := newReader(tx)
	if at.version == words.Version && at.sequence < at.feed {
		return w.step(ctx, r, at)
	}
	if err := w.index.remove(ctx, tx, nil); err != nil {
		return 0, err
	}
	e := &exporter{reader: r}
	titles, err := exportIDs[ovenbird.TitleID](ctx, e, `SELECT id FROM titles`)
	if err != nil {
		return 0, err
	}
	collections, err := exportIDs[ovenbird.CollectionID](ctx, e, `SELECT id FROM collections`)
	if err != nil {
		return 0, err
	}
	return at.feed, w.again(ctx, r, titles, collections)
}

const selectTouched = `SELECT sequence, type, id FROM changes WHERE sequence > $1 ORDER BY sequence LIMIT $2`

// step follows some thousands of changes.
func (w *indexWriter) step(ctx context.Context, r *reader, at indexPosition) (reached int64, err error) {
	reached = at.sequence
	titles, collections := make(set[ovenbird.TitleID]), make(set[ovenbird.CollectionID])
	err = r.each(ctx, selectTouched, where{args: []any{at.sequence, refreshLimit}}, func(rows *sql.Rows) error {
		var o owner
		if err := rows.Scan(&reached, &o.typ, &o.id); err != nil {
			return err
		}
		switch o.typ {
		case TypeTitle:
			titles[ovenbird.TitleID(o.id)] = struct{}{}
		case TypeCollection:
			collections[ovenbird.CollectionID(o.id)] = struct{}{}
		case TypeLicense, TypeItem: // they have no texts
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return reached, w.again(ctx, r, keys(titles), keys(collections))
}

// again indexes titles and collections as they are, or that they are not there.
func (w *indexWriter) again(ctx context.Context, r *reader, titles []ovenbird.TitleID, collections []ovenbird.CollectionID) error {
	for ids := range slices.Chunk(titles, exportChunk) {
		found := make(map[ovenbird.TitleID]*ovenbird.Title, len(ids))
		if err := r.titles(ctx, found, in("id", ids)...); err != nil {
			return err
		}
		for _, id := range ids {
			w.documents[owner{TypeTitle, string(id)}] = documentOf(textsOf(found[id], titleTexts))
		}
		if err := w.flush(ctx, r.tx); err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(collections, exportChunk) {
		found := make(map[ovenbird.CollectionID]*ovenbird.Collection, len(ids))
		if err := r.collections(ctx, found, in("id", ids)...); err != nil {
			return err
		}
		for _, id := range ids {
			w.documents[owner{TypeCollection, string(id)}] = documentOf(textsOf(found[id], collectionTexts))
		}
		if err := w.flush(ctx, r.tx); err != nil {
			return err
		}
	}
	return nil
}
