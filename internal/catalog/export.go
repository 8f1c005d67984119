package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"ovenbird/internal/ovenbird"
)

// exportChunk is how many things Export holds in memory at once, besides ids.
const exportChunk = 500

// inlineItems is how many items a collection may have for Export to write them
// as one list. More of them become records of their own, so that no line gets
// longer than an import reads.
const inlineItems = 1000

// kindOrder lists kinds so that what may hold others comes before them.
var kindOrder = []ovenbird.Kind{ovenbird.Movie, ovenbird.Series, ovenbird.Season, ovenbird.Episode, ovenbird.Clip}

// Export calls fn with every record of the given types, or of all types where
// none are given, as of one moment: put records in normalized form, each a line
// of an import file without its end. Equal catalogs give equal records in equal
// order: titles, parents first, then by id; licenses by id; collections by id,
// each followed by those of its items that a list in it can not say. Items go
// with their collections. The line belongs to fn.
//
// Memory holds the ids of everything and the content of a few hundred things.
func (s *Store) Export(ctx context.Context, fn func(line []byte) error, types ...RecordType) error {
	wanted := func(t RecordType) bool { return len(types) == 0 || slices.Contains(types, t) }
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		e := &exporter{newReader(tx), fn}
		if wanted(TypeTitle) {
			if err := e.exportTitles(ctx); err != nil {
				return err
			}
		}
		if wanted(TypeLicense) {
			if err := e.exportLicenses(ctx); err != nil {
				return err
			}
		}
		if wanted(TypeCollection) {
			return e.exportCollections(ctx)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("export the catalog: %w", err)
	}
	return nil
}

// exporter reads in chunks of ids that it has put in order: the order of text
// is not the same in every database.
type exporter struct {
	*reader
	out func([]byte) error
}

func (e *exporter) exportTitles(ctx context.Context) error {
	byKind := make(map[ovenbird.Kind][]ovenbird.TitleID)
	err := e.each(ctx, `SELECT id, kind FROM titles`, where{}, func(rows *sql.Rows) error {
		var id, kind string
		err := rows.Scan(&id, &kind)
		byKind[ovenbird.Kind(kind)] = append(byKind[ovenbird.Kind(kind)], ovenbird.TitleID(id))
		return err
	})
	if err != nil {
		return err
	}
	for _, kind := range kindOrder {
		slices.Sort(byKind[kind])
		for ids := range slices.Chunk(byKind[kind], exportChunk) {
			titles := make(map[ovenbird.TitleID]*ovenbird.Title, len(ids))
			if err := e.titles(ctx, titles, in("id", ids)...); err != nil {
				return err
			}
			for _, id := range ids {
				if err := e.out(titleForm(titles[id])); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// exportIDs returns the ids that a query selects, in order.
func exportIDs[K ~string](ctx context.Context, e *exporter, query string) ([]K, error) {
	var ids []K
	err := e.each(ctx, query, where{}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, K(id))
		return err
	})
	slices.Sort(ids)
	return ids, err
}

func (e *exporter) exportLicenses(ctx context.Context) error {
	all, err := exportIDs[ovenbird.LicenseID](ctx, e, `SELECT id FROM licenses`)
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(all, exportChunk) {
		licenses := make([]*ovenbird.License, 0, len(ids))
		if err := e.licenses(ctx, func(l *ovenbird.License) { licenses = append(licenses, l) }, in("id", ids)...); err != nil {
			return err
		}
		slices.SortFunc(licenses, func(a, b *ovenbird.License) int { return cmp.Compare(a.ID, b.ID) })
		for _, l := range licenses {
			if err := e.out(licenseForm(l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// exportCollections takes collections one by one: a single one may be large.
func (e *exporter) exportCollections(ctx context.Context) error {
	all, err := exportIDs[ovenbird.CollectionID](ctx, e, `SELECT id FROM collections`)
	if err != nil {
		return err
	}
	for _, id := range all {
		one := []ovenbird.CollectionID{id}
		found := make(map[ovenbird.CollectionID]*ovenbird.Collection, 1)
		if err := e.collections(ctx, found, in("id", one)...); err != nil {
			return err
		}
		places := make(positions)
		err := e.items(ctx, func(_ ovenbird.CollectionID, title ovenbird.TitleID, position string) {
			places[title] = position
		}, in("collection", one)...)
		if err != nil {
			return err
		}
		c := found[id]
		c.Items = places.ordered()
		// A list gives the positions 000000, 000001…: only those can be written as one.
		inline := len(c.Items) <= inlineItems && maps.Equal(places, listPositions(c.Items))
		if err := e.out(collectionForm(c, inline)); err != nil {
			return err
		}
		if inline {
			continue
		}
		for _, title := range c.Items {
			if err := e.out(itemForm(ItemRecord{string(id), string(title), places[title]})); err != nil {
				return err
			}
		}
	}
	return nil
}
