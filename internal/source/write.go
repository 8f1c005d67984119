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
	"ovenbird/internal/site"
)

// batchSize is how many records a transaction has at most: those of most sources
// reach the catalog in one, and none holds others up for long.
const batchSize = 10_000

// unpublished is the merge patch that hides a title or a collection.
const unpublished = `{"published":false}`

// removals returns what removes the records that vanished, and those that are
// left as they are.
func (r *runner) removals(vanished []key) (keep []key, removals []catalog.Record) {
	for _, k := range vanished {
		published := k.Type == catalog.TypeTitle || k.Type == catalog.TypeCollection
		switch {
		case r.Vanished == site.KeepVanished:
			keep = append(keep, k)
		case r.Vanished == site.UnpublishVanished && published:
			removals = append(removals, catalog.Record{Type: k.Type, ID: k.ID, Op: catalog.Merge, Patch: jsontext.Value(unpublished)})
		case k.Type == catalog.TypeItem:
			collection, title, _ := strings.Cut(k.ID, "/")
			item := &catalog.ItemRecord{Collection: collection, Title: title}
			removals = append(removals, catalog.Record{Type: k.Type, Op: catalog.Delete, Item: item})
		default:
			removals = append(removals, catalog.Record{Type: k.Type, ID: k.ID, Op: catalog.Delete})
		}
	}
	return keep, removals
}

// write imports what was read, and then what removes the rest: a license that
// moved to another title has left the old one before that is deleted.
func (r *runner) write(ctx context.Context, read *reading, removals []catalog.Record, seen *observer) error {
	refuse := func(one importer.Reject) {
		read.refused++
		read.note(Refusal{Record: one.Record, Reason: one.Reason})
	}
	imports, err := importer.New(importer.Config{
		Actor: "source:" + r.Name, BatchSize: batchSize, LineBytes: 4 * rowBytes, TempDir: r.tempDir, OnReject: refuse,
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
	catalog           writer
	changed, vanished int64
	removed, hidden   []key // as was asked for, whether or not there was anything left to do
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
		case catalog.Merge:
			o.hidden = append(o.hidden, keyOf(record))
		default:
			counted = &o.changed
		}
		if result.Changed {
			*counted++
		}
	}
	return results, err
}
