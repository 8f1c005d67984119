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

// writer writes the effects of a batch in one transaction. It prepares each
// statement once.
type writer struct {
	tx         *sql.Tx
	statements map[string]*sql.Stmt
}

const (
	upsertTitle = `INSERT INTO titles (id, kind, parent, sort_key, number, special, published, video, year, runtime_seconds, added, facts)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, sort_key = excluded.sort_key, number = excluded.number,
		special = excluded.special, published = excluded.published, video = excluded.video, year = excluded.year,
		runtime_seconds = excluded.runtime_seconds, added = excluded.added, facts = excluded.facts`
	deleteTitle   = `DELETE FROM titles WHERE id = $1`
	upsertDead    = `INSERT INTO title_tombstones (id, kind) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`
	upsertLicense = `INSERT INTO licenses (id, title, territories, excluded, applications, starts_at, ends_at, model)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET title = excluded.title, territories = excluded.territories, excluded = excluded.excluded,
		applications = excluded.applications, starts_at = excluded.starts_at, ends_at = excluded.ends_at, model = excluded.model`
	deleteLicense    = `DELETE FROM licenses WHERE id = $1`
	upsertCollection = `INSERT INTO collections (id, sort_key, published) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET sort_key = excluded.sort_key, published = excluded.published`
	deleteCollection = `DELETE FROM collections WHERE id = $1`
	upsertItem       = `INSERT INTO collection_items (collection, title, position) VALUES ($1, $2, $3)
		ON CONFLICT (collection, title) DO UPDATE SET position = excluded.position`
	deleteItem      = `DELETE FROM collection_items WHERE collection = $1 AND title = $2`
	upsertTitleText = `INSERT INTO title_texts (title, field, locale, text) VALUES ($1, $2, $3, $4)
		ON CONFLICT (title, field, locale) DO UPDATE SET text = excluded.text`
	deleteTitleText = `DELETE FROM title_texts WHERE title = $1 AND field = $2 AND locale = $3`
	upsertText      = `INSERT INTO collection_texts (collection, field, locale, text) VALUES ($1, $2, $3, $4)
		ON CONFLICT (collection, field, locale) DO UPDATE SET text = excluded.text`
	deleteText   = `DELETE FROM collection_texts WHERE collection = $1 AND field = $2 AND locale = $3`
	insertChange = `INSERT INTO changes (sequence, at, actor, type, id, action, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	takeNumbers  = `UPDATE feed SET sequence = sequence + $1`
	lastNumber   = `SELECT sequence FROM feed`
)

// write commits nothing itself: its transaction does, with the feed entries in it.
func write(ctx context.Context, tx *sql.Tx, actor string, at time.Time, effects []effect) error {
	if len(effects) == 0 {
		return nil
	}
	w := &writer{tx: tx, statements: make(map[string]*sql.Stmt)}
	var last int64
	if err := w.exec(ctx, takeNumbers, len(effects)); err != nil {
		return fmt.Errorf("number the changes: %w", err)
	}
	if err := tx.QueryRowContext(ctx, lastNumber).Scan(&last); err != nil {
		return fmt.Errorf("number the changes: %w", err)
	}
	first := last - int64(len(effects)) + 1
	stamp := at.UTC().Format(changeTime)
	for i := range effects {
		e := &effects[i]
		if err := w.effect(ctx, e); err != nil {
			return fmt.Errorf("write %s %s: %w", e.typ, e.id, err)
		}
		err := w.exec(ctx, insertChange, first+int64(i), stamp, actor, string(e.typ), e.id, string(e.action()),
			nullJSON(e.before), nullJSON(e.after))
		if err != nil {
			return fmt.Errorf("append %s %s to the feed: %w", e.typ, e.id, err)
		}
	}
	return nil
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

func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	statement := w.statements[query]
	if statement == nil {
		var err error
		// The transaction closes it.
		if statement, err = w.tx.PrepareContext(ctx, query); err != nil {
			return err
		}
		w.statements[query] = statement
	}
	_, err := statement.ExecContext(ctx, args...)
	return err
}

func (w *writer) effect(ctx context.Context, e *effect) error {
	if e.title != nil {
		return w.title(ctx, e.title)
	}
	if e.license != nil {
		return w.license(ctx, e.license)
	}
	if e.collection != nil && e.collection.after != nil {
		if err := w.collection(ctx, e.collection); err != nil {
			return err
		}
	}
	if e.items != nil {
		if err := w.items(ctx, string(e.of), e.items); err != nil {
			return err
		}
	}
	if e.collection != nil && e.collection.after == nil {
		return w.removeCollection(ctx, e.collection.before)
	}
	return nil
}

func (w *writer) title(ctx context.Context, p *pair[ovenbird.Title]) error {
	if p.after == nil {
		id := string(p.before.ID)
		if err := w.texts(ctx, upsertTitleText, deleteTitleText, id, p.before.Texts, nil); err != nil {
			return err
		}
		if err := w.exec(ctx, deleteTitle, id); err != nil {
			return err
		}
		return w.exec(ctx, upsertDead, id, string(p.before.Kind))
	}
	t := p.after
	lists := marshal(&facts{t.Genres, t.Cast, t.Directors, t.Origins, t.Images, t.Ratings})
	err := w.exec(ctx, upsertTitle, string(t.ID), string(t.Kind), null(string(t.Parent)), t.SortKey, t.Number, t.Special, t.Published,
		t.Video, t.Year, int64(t.Runtime/time.Second), null(instantText(t.Added)), string(lists))
	if err != nil {
		return err
	}
	var before ovenbird.Texts
	if p.before != nil {
		before = p.before.Texts
	}
	return w.texts(ctx, upsertTitleText, deleteTitleText, string(t.ID), before, t.Texts)
}

// texts writes the texts that differ.
func (w *writer) texts(ctx context.Context, upsert, remove, id string, before, after ovenbird.Texts) error {
	for field, byLocale := range before {
		for locale := range byLocale {
			if _, stays := after[field][locale]; stays {
				continue
			}
			if err := w.exec(ctx, remove, id, string(field), string(locale)); err != nil {
				return err
			}
		}
	}
	for field, byLocale := range after {
		for locale, text := range byLocale {
			if old, was := before[field][locale]; was && old == text {
				continue
			}
			if err := w.exec(ctx, upsert, id, string(field), string(locale), text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) license(ctx context.Context, p *pair[ovenbird.License]) error {
	if p.after == nil {
		return w.exec(ctx, deleteLicense, string(p.before.ID))
	}
	l := p.after
	return w.exec(ctx, upsertLicense, string(l.ID), string(l.Title), listText(l.Territories), listText(l.Exclude),
		listText(l.Applications), null(instantText(l.Window.Start)), null(instantText(l.Window.End)), string(l.Model))
}

func (w *writer) collection(ctx context.Context, p *pair[ovenbird.Collection]) error {
	c := p.after
	if err := w.exec(ctx, upsertCollection, string(c.ID), c.SortKey, c.Published); err != nil {
		return err
	}
	var before ovenbird.Texts
	if p.before != nil {
		before = p.before.Texts
	}
	return w.texts(ctx, upsertText, deleteText, string(c.ID), before, c.Texts)
}

func (w *writer) removeCollection(ctx context.Context, c *ovenbird.Collection) error {
	if err := w.texts(ctx, upsertText, deleteText, string(c.ID), c.Texts, nil); err != nil {
		return err
	}
	return w.exec(ctx, deleteCollection, string(c.ID))
}

// items writes the items that differ.
func (w *writer) items(ctx context.Context, collection string, p *pair[positions]) error {
	var before, after positions
	if p.before != nil {
		before = *p.before
	}
	if p.after != nil {
		after = *p.after
	}
	for title := range before {
		if _, stays := after[title]; stays {
			continue
		}
		if err := w.exec(ctx, deleteItem, collection, string(title)); err != nil {
			return err
		}
	}
	for title, position := range after {
		if old, was := before[title]; was && old == position {
			continue
		}
		if err := w.exec(ctx, upsertItem, collection, string(title), position); err != nil {
			return err
		}
	}
	return nil
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
