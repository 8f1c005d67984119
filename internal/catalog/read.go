package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"ovenbird/internal/ovenbird"
)

// reader reads entities in one transaction, all of them or those of given ids.
type reader struct {
	tx      *sql.Tx
	locales map[string]ovenbird.Locale // one copy of each string, shared by all texts
}

func newReader(tx *sql.Tx) *reader {
	return &reader{tx: tx, locales: make(map[string]ovenbird.Locale)}
}

// facts are the lists of a title that no query looks into.
type facts struct {
	Genres    []string           `json:"genres,omitempty"`
	Cast      []string           `json:"cast,omitempty"`
	Directors []string           `json:"directors,omitempty"`
	Origins   []ovenbird.Country `json:"origins,omitempty"`
	Images    []ovenbird.Image   `json:"images,omitempty"`
	Ratings   []ovenbird.Rating  `json:"ratings,omitempty"`
}

const (
	selectTitles = `SELECT id, kind, parent, sort_key, number, special, published, video, year, runtime_seconds, added, facts
		FROM titles`
	selectTitleTexts  = `SELECT title, field, locale, text FROM title_texts`
	selectLicenses    = `SELECT id, title, territories, excluded, applications, starts_at, ends_at, model FROM licenses`
	selectCollections = `SELECT id, sort_key, published FROM collections`
	selectTexts       = `SELECT collection, field, locale, text FROM collection_texts`
	selectItems       = `SELECT collection, title, position FROM collection_items`
)

// where is a condition on one column, with its arguments; zero means all rows.
type where struct {
	text string
	args []any
}

// in splits ids into conditions that every database takes. The last id is
// repeated up to a power of two: there are few statements then, which databases
// remember, instead of one for each number of ids.
func in[K ~string](column string, ids []K) []where {
	var list []where
	for chunk := range slices.Chunk(ids, 512) {
		var b strings.Builder
		args := make([]any, 1<<bits.Len(uint(len(chunk)-1)))
		b.WriteString(" WHERE " + column + " IN (")
		for i := range args {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i + 1))
			args[i] = string(chunk[min(i, len(chunk)-1)])
		}
		b.WriteByte(')')
		list = append(list, where{b.String(), args})
	}
	return list
}

// each runs a query and scans every row with scan.
func (r *reader) each(ctx context.Context, query string, w where, scan func(*sql.Rows) error) (err error) {
	rows, err := r.tx.QueryContext(ctx, query+w.text, w.args...)
	if err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read the catalog: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	return nil
}

// titles adds the titles, with their texts, to out.
func (r *reader) titles(ctx context.Context, out map[ovenbird.TitleID]*ovenbird.Title, ids ...where) error {
	for _, w := range ids {
		err := r.each(ctx, selectTitles, w, func(rows *sql.Rows) error {
			t, err := scanTitle(rows)
			if err == nil {
				out[t.ID] = t
			}
			return err
		})
		if err != nil {
			return err
		}
		w.text = strings.Replace(w.text, " id ", " title ", 1)
		err = r.texts(ctx, selectTitleTexts, w, func(id string) *ovenbird.Texts {
			if t := out[ovenbird.TitleID(id)]; t != nil {
				return &t.Texts
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func scanTitle(rows *sql.Rows) (*ovenbird.Title, error) {
	t := new(ovenbird.Title)
	var parent, added sql.NullString
	var seconds int64
	var lists sql.RawBytes
	err := rows.Scan(&t.ID, &t.Kind, &parent, &t.SortKey, &t.Number, &t.Special, &t.Published, &t.Video, &t.Year, &seconds, &added, &lists)
	if err != nil {
		return nil, err
	}
	t.Parent = ovenbird.TitleID(parent.String)
	t.Runtime = time.Duration(seconds) * time.Second
	if t.Added, err = storedInstant(added); err != nil {
		return nil, err
	}
	var f facts
	if err := json.Unmarshal(lists, &f); err != nil {
		return nil, fmt.Errorf("facts of title %s: %w", t.ID, err)
	}
	t.Genres, t.Cast, t.Directors, t.Origins, t.Images, t.Ratings = f.Genres, f.Cast, f.Directors, f.Origins, f.Images, f.Ratings
	return t, nil
}

// texts puts each text where its owner keeps them.
func (r *reader) texts(ctx context.Context, query string, w where, of func(id string) *ovenbird.Texts) error {
	var owner, field, locale sql.RawBytes
	var id string
	var texts *ovenbird.Texts
	return r.each(ctx, query, w, func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&owner, &field, &locale, &text); err != nil {
			return err
		}
		if string(owner) != id { // rows of one owner mostly come together
			id = string(owner)
			texts = of(id)
		}
		if texts == nil {
			return nil
		}
		if *texts == nil {
			*texts = make(ovenbird.Texts, 4)
		}
		byLocale := (*texts)[ovenbird.TextField(field)]
		if byLocale == nil {
			byLocale = make(map[ovenbird.Locale]string)
			(*texts)[ovenbird.TextField(field)] = byLocale
		}
		byLocale[r.locale(locale)] = text
		return nil
	})
}

func (r *reader) locale(tag []byte) ovenbird.Locale {
	if locale, ok := r.locales[string(tag)]; ok {
		return locale
	}
	locale := ovenbird.Locale(tag)
	r.locales[string(locale)] = locale
	return locale
}

func (r *reader) licenses(ctx context.Context, out func(*ovenbird.License), ids ...where) error {
	for _, w := range ids {
		err := r.each(ctx, selectLicenses, w, func(rows *sql.Rows) error {
			l, err := scanLicense(rows)
			if err == nil {
				out(l)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func scanLicense(rows *sql.Rows) (*ovenbird.License, error) {
	l := new(ovenbird.License)
	var start, end sql.NullString
	var territories, excluded, applications sql.RawBytes
	err := rows.Scan(&l.ID, &l.Title, &territories, &excluded, &applications, &start, &end, &l.Model)
	if err != nil {
		return nil, err
	}
	lists := []struct {
		text []byte
		list *[]string
	}{{territories, &l.Territories}, {excluded, &l.Exclude}, {applications, &l.Applications}}
	for _, f := range lists {
		if err := json.Unmarshal(f.text, f.list); err != nil {
			return nil, fmt.Errorf("license %s: %w", l.ID, err)
		}
		if len(*f.list) == 0 {
			*f.list = nil
		}
	}
	if l.Window.Start, err = storedInstant(start); err != nil {
		return nil, err
	}
	l.Window.End, err = storedInstant(end)
	return l, err
}

// collections adds the collections, with texts and without items, to out.
func (r *reader) collections(ctx context.Context, out map[ovenbird.CollectionID]*ovenbird.Collection, ids ...where) error {
	for _, w := range ids {
		err := r.each(ctx, selectCollections, w, func(rows *sql.Rows) error {
			c := new(ovenbird.Collection)
			err := rows.Scan(&c.ID, &c.SortKey, &c.Published)
			out[c.ID] = c
			return err
		})
		if err != nil {
			return err
		}
		w.text = strings.Replace(w.text, " id ", " collection ", 1)
		err = r.texts(ctx, selectTexts, w, func(id string) *ovenbird.Texts {
			if c := out[ovenbird.CollectionID(id)]; c != nil {
				return &c.Texts
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) items(ctx context.Context, out func(ovenbird.CollectionID, ovenbird.TitleID, string), ids ...where) error {
	for _, w := range ids {
		err := r.each(ctx, selectItems, w, func(rows *sql.Rows) error {
			var collection, title, position string
			err := rows.Scan(&collection, &title, &position)
			out(ovenbird.CollectionID(collection), ovenbird.TitleID(title), position)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func storedInstant(s sql.NullString) (time.Time, error) {
	if !s.Valid {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, s.String)
}
