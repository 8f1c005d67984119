package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// Action says what a Change did.
type Action string

// The actions.
const (
	Created Action = "created"
	Updated Action = "updated"
	Deleted Action = "deleted"
)

// changeTime is RFC 3339 with milliseconds, always three of them.
const changeTime = "2006-01-02T15:04:05.000Z07:00"

// Change is one entry of the feed: who changed what, when, from what, to what.
type Change struct {
	Sequence int64      `json:"sequence"` // 1, 2, 3… in the order of commits, without gaps
	At       time.Time  `json:"at"`
	Actor    string     `json:"actor"`
	Type     RecordType `json:"type"`
	ID       string     `json:"id"` // for a collection item: collection/title
	Action   Action     `json:"action"`
	// Before and After are put records, nil where there was or is nothing. Those
	// of a collection hold items where the change touched them.
	Before jsontext.Value `json:"before,omitempty"`
	After  jsontext.Value `json:"after,omitempty"`
}

const selectChanges = `SELECT sequence, at, actor, type, id, action, before, after FROM changes WHERE sequence > $1 ORDER BY sequence`

// Sequence returns the number of the last change, 0 for a new catalog. It is
// cheap enough to ask several times a second.
func (s *Store) Sequence(ctx context.Context) (n int64, err error) {
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, lastNumber).Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("read the number of the last change: %w", err)
	}
	return n, nil
}

// Changes returns up to limit entries of the feed that come after the given number, in order.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]Change, error) {
	var list []Change
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		list = nil
		return newReader(tx).each(ctx, selectChanges, where{" LIMIT $2", []any{after, limit}}, func(rows *sql.Rows) error {
			c, err := scanChange(rows)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the changes after %d: %w", after, err)
	}
	return list, nil
}

func scanChange(rows *sql.Rows) (c Change, err error) {
	var at string
	var before, after sql.NullString
	if err := rows.Scan(&c.Sequence, &at, &c.Actor, &c.Type, &c.ID, &c.Action, &before, &after); err != nil {
		return c, err
	}
	if before.Valid {
		c.Before = jsontext.Value(before.String)
	}
	if after.Valid {
		c.After = jsontext.Value(after.String)
	}
	c.At, err = time.Parse(time.RFC3339, at)
	return c, err
}

// titles returns the titles that a change is about: of a license, the one it was
// for and the one it is for now.
func (c *Change) titles() ([]ovenbird.TitleID, error) {
	switch c.Type {
	case TypeTitle:
		return []ovenbird.TitleID{ovenbird.TitleID(c.ID)}, nil
	case TypeLicense:
		var ids []ovenbird.TitleID
		for _, form := range []jsontext.Value{c.Before, c.After} {
			var license struct {
				Title ovenbird.TitleID `json:"title"`
			}
			if form == nil {
				continue
			}
			if err := json.Unmarshal(form, &license); err != nil {
				return nil, fmt.Errorf("change %d: %w", c.Sequence, err)
			}
			ids = append(ids, license.Title)
		}
		return ids, nil
	default:
		return nil, nil
	}
}

// collection returns the collection that a change is about, or "".
func (c *Change) collection() ovenbird.CollectionID {
	switch c.Type {
	case TypeCollection:
		return ovenbird.CollectionID(c.ID)
	case TypeItem:
		id, _, _ := strings.Cut(c.ID, "/")
		return ovenbird.CollectionID(id)
	default:
		return ""
	}
}
