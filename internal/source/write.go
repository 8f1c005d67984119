package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/catalog"
	"ovenbird/internal/importer"
)

// unpublished is the merge patch that hides a title or a collection.
const unpublished = `{"published":false}`

// removals returns what removes the records that vanished. Those that are left
// as they are, or hidden, are the source's no more.
func (r *runner) removals(vanished []key) (removals []catalog.Record, free []importer.Owner) {
	for _, k := range vanished {
		switch r.fate(k.Type) {
		case importer.LeftAsIs:
			free = append(free, r.owner(k))
		case importer.Hidden:
			free = append(free, r.owner(k))
			removals = append(removals, catalog.Record{Type: k.Type, ID: k.ID, Op: catalog.Merge, Patch: jsontext.Value(unpublished)})
		case importer.Deleted:
			removals = append(removals, deletion(k))
		}
	}
	return removals, free
}

func deletion(k key) catalog.Record {
	if k.Type != catalog.TypeItem {
		return catalog.Record{Type: k.Type, ID: k.ID, Op: catalog.Delete}
	}
	collection, title, _ := strings.Cut(k.ID, "/")
	return catalog.Record{Type: k.Type, Op: catalog.Delete, Item: &catalog.ItemRecord{Collection: collection, Title: title}}
}

// fate is what becomes of a record of a type that vanished, as the first of the
// mappings says that gives such records.
func (r *runner) fate(kind catalog.RecordType) importer.Fate {
	for _, q := range r.Queries {
		if fate, gives := r.mappings[q.Name].Fate(kind); gives {
			return fate
		}
	}
	return importer.Deleted // no mapping gives it any more
}

// write imports what was read, and then what removes the rest: a license that
// moved to another title has left the old one before that is deleted.
func (r *runner) write(ctx context.Context, read *reading, removals []catalog.Record, seen *observer) error {
	refuse := func(one importer.Reject) {
		read.refused++
		read.note(Refusal{Record: one.Record, Reason: one.Reason})
	}
	imports, err := importer.New(importer.Config{
		Actor: r.actor(), BatchSize: r.batch, LineBytes: 4 * rowBytes, TempDir: r.tempDir, OnReject: refuse,
	}, importer.Deps{Catalog: seen})
	if err != nil {
		return err
	}
	out, in := io.Pipe()
	go func() { in.CloseWithError(lines(in, read, removals)) }()
	_, err = imports.Run(ctx, importer.Source{Name: r.Name, Reader: out}, nil)
	// Where the import gave up, so does who writes to it.
	return errors.Join(err, out.Close())
}

// lines writes records as NDJSON.
func lines(w io.Writer, read *reading, removals []catalog.Record) error {
	err := read.each(func(_ key, line jsontext.Value) error {
		_, err := w.Write(append(line, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	for i := range removals {
		line, err := removals[i].MarshalJSON()
		if err != nil {
			return fmt.Errorf("write down %s: %w", &removals[i], err)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// observer passes records on to the catalog and notes what became of them.
type observer struct {
	catalog           catalogStore
	changed, vanished int64
	removed           []key // as was asked for, whether or not there was anything left to do
}

// Apply implements the importer's view of the catalog.
func (o *observer) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	results, err := o.catalog.Apply(ctx, b)
	for i, result := range results {
		if result.Err != nil {
			continue
		}
		record := &b.Records[i]
		counted := &o.vanished
		switch record.Op {
		case catalog.Delete:
			o.removed = append(o.removed, keyOf(record))
		case catalog.Merge: // hides what vanished
		default:
			counted = &o.changed
		}
		if result.Changed {
			*counted++
		}
	}
	return results, err
}
