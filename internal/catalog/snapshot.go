package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"ovenbird/internal/ovenbird"
)

// Snapshot reads the whole catalog as of one moment.
func (s *Store) Snapshot(ctx context.Context) (*ovenbird.Snapshot, error) {
	var snapshot *ovenbird.Snapshot
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		snapshot, err = readSnapshot(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	return snapshot, nil
}

func readSnapshot(ctx context.Context, tx *sql.Tx) (*ovenbird.Snapshot, error) {
	r := newReader(tx)
	var sequence int64
	if err := tx.QueryRowContext(ctx, lastNumber).Scan(&sequence); err != nil {
		return nil, err
	}
	titles := make(map[ovenbird.TitleID]*ovenbird.Title)
	if err := r.titles(ctx, titles, where{}); err != nil {
		return nil, err
	}
	var licenses []*ovenbird.License
	if err := r.licenses(ctx, func(l *ovenbird.License) { licenses = append(licenses, l) }, where{}); err != nil {
		return nil, err
	}
	collections, err := r.wholeCollections(ctx, where{}, where{})
	if err != nil {
		return nil, err
	}
	return ovenbird.NewSnapshot(sequence, slices.Collect(maps.Values(titles)), licenses, slices.Collect(maps.Values(collections))), nil
}

// wholeCollections reads collections with their items, given a condition on the
// id of a collection and the same on the collection of an item.
func (r *reader) wholeCollections(ctx context.Context, ids, items where) (map[ovenbird.CollectionID]*ovenbird.Collection, error) {
	collections := make(map[ovenbird.CollectionID]*ovenbird.Collection)
	if err := r.collections(ctx, collections, ids); err != nil {
		return nil, err
	}
	byCollection := make(map[ovenbird.CollectionID]positions)
	err := r.items(ctx, func(c ovenbird.CollectionID, t ovenbird.TitleID, position string) {
		if byCollection[c] == nil {
			byCollection[c] = make(positions)
		}
		byCollection[c][t] = position
	}, items)
	for id, c := range collections {
		c.Items = byCollection[id].ordered()
	}
	return collections, err
}

// refreshLimit is how many changes Refresh follows one by one. Beyond it,
// reading everything is simpler and no slower.
const refreshLimit = 5000

// Refresh returns prev brought up to date by reading again only what the feed
// says has changed since, and what that is, for an incremental bake. The result
// equals what Snapshot would return, and shares with prev what did not change.
// With nothing new it returns prev itself.
func (s *Store) Refresh(ctx context.Context, prev *ovenbird.Snapshot) (*ovenbird.Snapshot, ovenbird.Touched, error) {
	var next *ovenbird.Snapshot
	var touched ovenbird.Touched
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		next, touched, err = refresh(ctx, tx, prev)
		return err
	})
	if err != nil {
		return nil, ovenbird.Touched{}, fmt.Errorf("refresh the snapshot at change %d: %w", prev.Sequence, err)
	}
	return next, touched, nil
}

func refresh(ctx context.Context, tx *sql.Tx, prev *ovenbird.Snapshot) (*ovenbird.Snapshot, ovenbird.Touched, error) {
	r := newReader(tx)
	var sequence int64
	if err := tx.QueryRowContext(ctx, lastNumber).Scan(&sequence); err != nil {
		return nil, ovenbird.Touched{}, err
	}
	touched, err := r.touchedSince(ctx, prev.Sequence)
	switch {
	case err != nil:
		return nil, ovenbird.Touched{}, err
	case sequence < prev.Sequence:
		return nil, ovenbird.Touched{}, ovenbird.Errorf(ovenbird.Conflict,
			"the catalog is at change %d, behind the snapshot: it was restored from a backup; take a new snapshot", sequence)
	case sequence == prev.Sequence:
		return prev, touched, nil
	case sequence-prev.Sequence > refreshLimit:
		next, err := readSnapshot(ctx, tx)
		return next, touched, err
	}
	edit := ovenbird.Edit{Sequence: sequence, Touched: touched}
	if err := r.edit(ctx, &edit); err != nil {
		return nil, ovenbird.Touched{}, err
	}
	return prev.With(edit), touched, nil
}

// touchedSince collects what the feed names after a change.
func (r *reader) touchedSince(ctx context.Context, after int64) (ovenbird.Touched, error) {
	titles, collections := make(set[ovenbird.TitleID]), make(set[ovenbird.CollectionID])
	err := r.each(ctx, selectChanges, where{args: []any{after}}, func(rows *sql.Rows) error {
		c, err := scanChange(rows)
		if err != nil {
			return err
		}
		ids, err := c.titles()
		for _, id := range ids {
			titles[id] = struct{}{}
		}
		if id := c.collection(); id != "" {
			collections[id] = struct{}{}
		}
		return err
	})
	return ovenbird.Touched{Titles: keys(titles), Collections: keys(collections)}, err
}

// edit reads the present state of what an edit touches.
func (r *reader) edit(ctx context.Context, e *ovenbird.Edit) error {
	titles := make(map[ovenbird.TitleID]*ovenbird.Title)
	if err := r.titles(ctx, titles, in("id", e.Touched.Titles)...); err != nil {
		return err
	}
	e.Titles = slices.Collect(maps.Values(titles))
	err := r.licenses(ctx, func(l *ovenbird.License) { e.Licenses = append(e.Licenses, l) }, in("title", e.Touched.Titles)...)
	if err != nil {
		return err
	}
	ids, items := in("id", e.Touched.Collections), in("collection", e.Touched.Collections)
	for i := range ids {
		collections, err := r.wholeCollections(ctx, ids[i], items[i])
		if err != nil {
			return err
		}
		e.Collections = append(e.Collections, slices.Collect(maps.Values(collections))...)
	}
	return nil
}
