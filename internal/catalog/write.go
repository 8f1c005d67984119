package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// writer gathers what the effects of a batch do to each table, and then writes it
// with few statements: each is a round trip on PostgreSQL.
type writer struct {
	titles, titleTexts, tombstones, licenses      *rows
	collections, collectionTexts, collectionItems *rows
	changes                                       [][]any
}

func newWriter() *writer {
	return &writer{
		titles: newRows(titlesTable), titleTexts: newRows(titleTextsTable), tombstones: newRows(tombstonesTable),
		licenses: newRows(licensesTable), collections: newRows(collectionsTable),
		collectionTexts: newRows(collectionTextsTable), collectionItems: newRows(itemsTable),
	}
}

const (
	takeNumbers = `UPDATE feed SET sequence = sequence + $1 RETURNING sequence`
	lastNumber  = `SELECT sequence FROM feed`
)

// write commits nothing itself: its transaction does, with the feed entries in it.
func (s *Store) write(ctx context.Context, tx *sql.Tx, actor string, effects []effect) error {
	if len(effects) == 0 {
		return nil
	}
	var last int64
	if err := tx.QueryRowContext(ctx, takeNumbers, len(effects)).Scan(&last); err != nil {
		return fmt.Errorf("number the changes: %w", err)
	}
	if err := noteTrace(ctx, tx, last); err != nil {
		return err
	}
	first := last - int64(len(effects)) + 1
	stamp := s.now().UTC().Format(changeTime)
	w := newWriter()
	for i := range effects {
		e := &effects[i]
		w.effect(e)
		w.changes = append(w.changes, []any{
			first + int64(i), stamp, actor, string(e.typ), e.id, string(e.action()), nullJSON(e.before), nullJSON(e.after),
		})
	}
	if len(effects) > bulk {
		return w.flush(ctx, tx)
	}
	// The words are found while the database writes the rest.
	documents := make(chan map[owner]*document, 1)
	go func() { documents <- documentsOf(effects) }()
	err := w.flush(ctx, tx)
	index := &indexWriter{index: s.index, documents: <-documents}
	if err != nil {
		return err
	}
	return index.follow(ctx, tx, first, last)
}

// flush writes in an order in which no row refers to one that is not there: what
// refers goes first and comes last.
func (w *writer) flush(ctx context.Context, tx *sql.Tx) error {
	for _, r := range []*rows{w.licenses, w.collectionItems, w.titleTexts, w.collectionTexts} {
		if err := r.table.removeAll(ctx, tx, r.removed()); err != nil {
			return err
		}
	}
	if err := titlesTable.insertAll(ctx, tx, w.titles.parentsFirst()); err != nil {
		return err
	}
	for _, r := range []*rows{w.titleTexts, w.tombstones, w.licenses, w.collections, w.collectionTexts, w.collectionItems} {
		if err := r.table.insertAll(ctx, tx, r.written()); err != nil {
			return err
		}
	}
	for _, r := range []*rows{w.titles, w.collections} {
		if err := r.table.removeAll(ctx, tx, r.removed()); err != nil {
			return err
		}
	}
	return changesTable.insertAll(ctx, tx, w.changes)
}

func (e *effect) action() Action {
	switch {
	case e.before == nil:
		return Created
	case e.after == nil:
		return Deleted
	default:
		return Updated
	}
}

func (w *writer) effect(e *effect) {
	switch {
	case e.title != nil:
		w.title(e.title)
	case e.license != nil:
		w.license(e.license)
	default:
		if e.collection != nil {
			w.collection(e.collection)
		}
		if e.items != nil {
			w.items(string(e.of), e.items)
		}
	}
}

func (w *writer) title(p *pair[ovenbird.Title]) {
	if p.after == nil {
		id := string(p.before.ID)
		writeTexts(w.titleTexts, id, p.before.Texts, nil)
		w.titles.remove(key{id})
		w.tombstones.write(key{id}, string(p.before.Kind))
		return
	}
	t := p.after
	lists := marshal(&facts{t.Genres, t.Cast, t.Directors, t.Origins, t.Images, t.Ratings})
	w.titles.write(key{string(t.ID)}, string(t.Kind), null(string(t.Parent)), t.SortKey, t.Number, t.Special, t.Published,
		t.Video, t.Year, int64(t.Runtime/time.Second), null(instantText(t.Added)), string(lists))
	var before ovenbird.Texts
	if p.before != nil {
		before = p.before.Texts
	}
	writeTexts(w.titleTexts, string(t.ID), before, t.Texts)
}

// writeTexts writes the texts that differ.
func writeTexts(to *rows, id string, before, after ovenbird.Texts) {
	for field, byLocale := range before {
		for locale := range byLocale {
			if _, stays := after[field][locale]; !stays {
				to.remove(key{id, string(field), string(locale)})
			}
		}
	}
	for field, byLocale := range after {
		for locale, text := range byLocale {
			if old, was := before[field][locale]; !was || old != text {
				to.write(key{id, string(field), string(locale)}, text)
			}
		}
	}
}

func (w *writer) license(p *pair[ovenbird.License]) {
	if p.after == nil {
		w.licenses.remove(key{string(p.before.ID)})
		return
	}
	l := p.after
	w.licenses.write(key{string(l.ID)}, string(l.Title), listText(l.Territories), listText(l.Exclude),
		listText(l.Applications), null(instantText(l.Window.Start)), null(instantText(l.Window.End)), string(l.Model))
}

func (w *writer) collection(p *pair[ovenbird.Collection]) {
	var before ovenbird.Texts
	if p.before != nil {
		before = p.before.Texts
	}
	c := p.after
	if c == nil {
		writeTexts(w.collectionTexts, string(p.before.ID), before, nil)
		w.collections.remove(key{string(p.before.ID)})
		return
	}
	w.collections.write(key{string(c.ID)}, c.SortKey, c.Published)
	writeTexts(w.collectionTexts, string(c.ID), before, c.Texts)
}

// items writes the items that differ.
func (w *writer) items(collection string, p *pair[positions]) {
	var before, after positions
	if p.before != nil {
		before = *p.before
	}
	if p.after != nil {
		after = *p.after
	}
	for title := range before {
		if _, stays := after[title]; !stays {
			w.collectionItems.remove(key{collection, string(title)})
		}
	}
	for title, position := range after {
		if old, was := before[title]; !was || old != position {
			w.collectionItems.write(key{collection, string(title)}, position)
		}
	}
}

func listText(list []string) string {
	text, _ := json.Marshal(list) // strings that checker has passed
	return string(text)
}

// null turns "" into NULL.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullJSON(v jsontext.Value) any {
	if v == nil {
		return nil
	}
	return string(v)
}
