package importer

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// unpublished is the merge patch that hides a title or a collection.
const unpublished = `{"published":false}`

// vanishOrder lists the types so that a collection takes its items with it, and
// nothing stands in a title's way.
var vanishOrder = []catalog.RecordType{catalog.TypeCollection, catalog.TypeItem, catalog.TypeLicense, catalog.TypeTitle}

// vanishPage is how many vanished records are listed at once.
const vanishPage = 1000

func (d *delivery) empty() bool {
	return len(d.owned)+len(d.kept)+len(d.released)+len(d.complete)+len(d.refused) == 0
}

// settle accounts for an accepted record.
func (d *delivery) settle(e *entry) {
	owned := ownedOf(&e.record)
	if e.vanish || e.record.Op == catalog.Delete {
		d.released = append(d.released, owned)
		return
	}
	// A part is complete in its licenses: other things may be told in several parts.
	if owned.kind == catalog.TypeLicense {
		owned.part = e.part
	}
	d.owned = append(d.owned, owned)
}

// keep accounts for a refused record: what was accepted as that before stays.
func (d *delivery) keep(record *catalog.Record) { d.kept = append(d.kept, ownedOf(record)) }

func ownedOf(record *catalog.Record) ownedRecord {
	if record.Type == catalog.TypeItem {
		return ownedRecord{kind: record.Type, id: record.Item.Collection + "/" + record.Item.Title}
	}
	return ownedRecord{kind: record.Type, id: record.ID}
}

// vanish removes what the source delivered before and does not any more: all
// that is not in a complete file, and what is not in parts that are complete.
func (r *run) vanish(ctx context.Context) error {
	if r.cfg.Source == "" {
		return nil
	}
	if r.cfg.Complete {
		if err := r.guard(ctx); err != nil {
			return err
		}
	}
	for _, kind := range vanishOrder {
		if r.cfg.Mapping.vanished(kind) == vanishKeep {
			continue
		}
		if err := r.vanishType(ctx, kind); err != nil {
			return err
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	if err := r.retry(ctx); err != nil {
		return err
	}
	r.tell()
	return nil
}

// guard holds a complete import that would remove more than seems right.
func (r *run) guard(ctx context.Context) error {
	if r.cfg.AllowShrink {
		return nil
	}
	count, err := r.ledger.countGone(ctx, r.cfg.Source, r.number, true)
	if err != nil || count == 0 {
		return err
	}
	const done = "what is new or changed is in, nothing was removed"
	if r.report.Unread > 0 {
		return ovenbird.Errorf(ovenbird.Held,
			"%d records of %s are not in the file, but %d rows could not be read, which may be those; %s: "+
				"mend the rows, or allow it with --allow-shrink", count, r.cfg.Source, r.report.Unread, done)
	}
	if share := float64(count) / float64(max(r.owned, 1)); share > r.cfg.Shrink {
		return ovenbird.Errorf(ovenbird.Held, "%d of the %d records of %s are not in the file, %.0f%%, more than %.0f%%; %s: "+
			"see that the file is complete, or allow it with --allow-shrink",
			count, r.owned, r.cfg.Source, 100*share, 100*r.cfg.Shrink, done)
	}
	return nil
}

func (r *run) vanishType(ctx context.Context, kind catalog.RecordType) error {
	after := ""
	for {
		list, err := r.ledger.listGone(ctx, r.cfg.Source, r.number, r.cfg.Complete, kind, after, vanishPage)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].id
		for _, gone := range list {
			if gone.shared { // it is still somebody's
				r.delivery.released = append(r.delivery.released, gone.ownedRecord)
				continue
			}
			record, err := r.removal(gone.ownedRecord)
			if err != nil {
				return err
			}
			if err := r.add(ctx, &entry{record: record, vanish: true}); err != nil {
				return err
			}
		}
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
}

// removal is the record that removes one.
func (r *run) removal(gone ownedRecord) (catalog.Record, error) {
	if r.cfg.Mapping.vanished(gone.kind) == vanishUnpublish {
		return catalog.Record{Type: gone.kind, ID: gone.id, Op: catalog.Merge, Patch: jsontext.Value(unpublished)}, nil
	}
	if gone.kind != catalog.TypeItem {
		return catalog.Record{Type: gone.kind, ID: gone.id, Op: catalog.Delete}, nil
	}
	collection, title, ok := strings.Cut(gone.id, "/")
	if !ok {
		return catalog.Record{}, fmt.Errorf("the ledger has %q as an item of a collection", gone.id)
	}
	return catalog.Record{Type: gone.kind, Op: catalog.Delete, Item: &catalog.ItemRecord{Collection: collection, Title: title}}, nil
}
