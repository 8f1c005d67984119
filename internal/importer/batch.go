package importer

import (
	"context"
	"database/sql"
	"errors"

	"ovenbird/internal/catalog"
)

// add adds a record and writes the batch when it is full.
func (r *run) add(ctx context.Context, e *entry) error {
	if err := r.take(e); err != nil {
		return err
	}
	if !r.full() {
		return nil
	}
	return r.flush(ctx)
}

// take puts a record into the batch, or behind those about its id that wait.
func (r *run) take(e *entry) error {
	r.report.Records++
	if r.waiting.has(r.id(&e.record)) {
		return r.wait(e)
	}
	r.batch = append(r.batch, *e)
	r.batchBytes += len(e.raw)
	return nil
}

// full reports whether it is time to write. What is refused counts as well: it
// is kept in memory until then.
func (r *run) full() bool {
	return len(r.batch)+len(r.untold)+len(r.delivery.complete)+len(r.delivery.kept) >= r.cfg.BatchSize || r.batchBytes >= batchBytes
}

// refuse refuses a row, or some of it, that does not say which record it is.
func (r *run) refuse(at origin, record string, reason error) error {
	if r.skipping == nil {
		r.report.Unread++
	}
	return r.refuseKnown(at, record, reason)
}

// refuseKnown refuses a record.
func (r *run) refuseKnown(at origin, record string, reason error) error {
	if r.skipping != nil {
		return nil // the interrupted run has told
	}
	if at.part != "" {
		r.delivery.refused = append(r.delivery.refused, at.part)
	}
	return r.reject(Reject{Line: at.line, Record: record, Raw: at.raw}, reason)
}

// flush writes the batch, and in its transaction what goes with it: what became
// of the records, whose they are now, and how far the import has come. Whenever
// this process is killed, either all of that has happened or nothing.
func (r *run) flush(ctx context.Context) error {
	if len(r.batch) == 0 && len(r.untold) == 0 && r.delivery.empty() {
		return nil
	}
	batch := catalog.Batch{Actor: r.cfg.Actor, Records: make([]catalog.Record, len(r.batch))}
	for i := range r.batch {
		batch.Records[i] = r.batch[i].record
	}
	before := mark{r.report, len(r.untold), r.rejects.size, r.spill.size, r.delivery}
	batch.Also = func(ctx context.Context, tx *sql.Tx, results []catalog.Result) error {
		if err := r.back(before); err != nil { // a transaction may be tried several times
			return err
		}
		for i, result := range results {
			if err := r.settle(&r.batch[i], result); err != nil {
				return err
			}
		}
		return r.record(ctx, tx)
	}
	if _, err := r.catalog.Apply(ctx, batch); err != nil {
		// Should it have been committed after all, the journals have what it says.
		r.report, r.untold, r.delivery = before.report, r.untold[:before.untold], before.delivery
		return err
	}
	clear(r.batch)
	r.batch, r.batchBytes = r.batch[:0], 0
	r.delivery = delivery{source: r.delivery.source, run: r.delivery.run}
	r.tell()
	r.progress(r.report)
	return nil
}

// mark is where a run was before a batch.
type mark struct {
	report         Report
	untold         int
	rejects, spill int64
	delivery       delivery
}

// back takes back what a transaction told that was not committed.
func (r *run) back(to mark) error {
	r.report, r.untold, r.delivery = to.report, r.untold[:to.untold], to.delivery
	return errors.Join(r.rejects.truncate(to.rejects), r.spill.truncate(to.spill))
}

// settle does what a result asks for.
func (r *run) settle(e *entry, result catalog.Result) error {
	switch {
	case result.Err == nil:
		r.report.count(e.record.Type, result)
		if e.vanish && result.Changed {
			r.report.Vanished++
		}
		r.delivery.settle(e)
		return nil
	case result.Waits && !r.final:
		return r.wait(e)
	default:
		if !e.vanish {
			r.delivery.keep(&e.record)
		}
		at := origin{e.line, e.part, e.raw}
		if e.vanish {
			at.part = ""
		}
		return r.refuseKnown(at, e.record.String(), result.Err)
	}
}

// record writes what is remembered of a batch, in its transaction.
func (r *run) record(ctx context.Context, tx *sql.Tx) error {
	r.report.Read = r.read()
	if r.ledger == nil {
		return nil
	}
	if r.cfg.Source != "" {
		if err := r.delivery.write(ctx, tx); err != nil {
			return err
		}
	}
	if r.key == "" || !r.reading {
		return nil
	}
	if err := errors.Join(r.rejects.sync(), r.spill.sync()); err != nil {
		return err
	}
	c := checkpoint{
		How: r.how(), Size: r.source.Size, Rows: r.rows, Hash: hexSum(r.hash), Run: r.number, Owned: r.owned,
		Rejects: r.rejects.size, Waiting: r.spill.size, Progress: r.report,
	}
	return c.write(ctx, tx, r.key)
}
