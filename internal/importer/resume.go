package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// An import that was killed is gone on from: each batch commits how many rows
// are done and a hash of them. The next run reads those rows again, which tells
// whether the file is still the same and what it said about which id, and writes
// only what comes after.

// errChanged ends a run that can not go on from where an earlier one stopped.
var errChanged = errors.New("the file is not the one that was being imported")

// prepare finds what an interrupted run left. Where that can not be gone on
// from, reason says why.
func (r *run) prepare(ctx context.Context) (left *checkpoint, reason string, err error) {
	r.rejects, r.stored = r.temporary(), r.temporary()
	_, seekable := r.source.Reader.(io.Seeker)
	if r.cfg.StateDir == "" || r.source.Path == "" || !seekable {
		return nil, "", nil
	}
	sum := sha256.Sum256([]byte(r.source.Path + "\x00" + r.cfg.Source))
	r.key = hex.EncodeToString(sum[:8])
	if err := os.MkdirAll(r.cfg.StateDir, 0o750); err != nil {
		return nil, "", fmt.Errorf("make the folder for the state of imports: %w", err)
	}
	r.rejects.path = filepath.Join(r.cfg.StateDir, r.key+".rejects.ndjson")
	r.stored.path = filepath.Join(r.cfg.StateDir, r.key+".waiting.ndjson")
	left, err = r.ledger.checkpoint(ctx, r.key)
	switch {
	case err != nil || left == nil:
		return nil, "", err
	case left.How != r.how():
		return nil, "it was with another mapping or other flags", nil
	case left.Size != r.source.Size:
		return nil, "the file has another size now", nil
	}
	for _, j := range []struct {
		journal *journal
		size    int64
	}{{r.rejects, left.Rejects}, {r.stored, left.Waiting}} {
		if there, err := j.journal.open(j.size); err != nil || !there {
			return nil, "what it had set aside is gone", err
		}
	}
	return left, "", nil
}

// how is a hash of what decides what the rows of a file become.
func (r *run) how() string {
	h := sha256.New()
	if r.cfg.Mapping != nil {
		h.Write(r.cfg.Mapping.hash)
	}
	if r.cfg.Format != nil {
		h.Write([]byte(r.cfg.Format.Name))
	}
	h.Write([]byte(r.cfg.Source + strconv.FormatBool(r.cfg.Complete) + strconv.Itoa(r.cfg.LineBytes)))
	return hexSum(h)
}

// restore takes up where an interrupted run stopped.
func (r *run) restore(left *checkpoint) error {
	r.report = left.Progress
	r.report.Resumed = left.Rows
	r.number, r.owned = left.Run, left.Owned
	r.delivery.run = left.Run
	if r.report.Waiting == 0 {
		return nil
	}
	return eachSpilled(r.stored, func(e entry) error {
		r.waiting.add(r.id(&e.record))
		return nil
	})
}

// hashRow adds a row to the hash of those that were read.
func (r *run) hashRow(raw string) {
	_, _ = io.WriteString(r.hash, raw) // a hash never fails
	_, _ = r.hash.Write([]byte{'\n'})
}

// rowDone ends a row: it is counted, and the batch written when it is full.
func (r *run) rowDone(ctx context.Context, raw string) error {
	r.hashRow(raw)
	r.rows++
	if r.skipping != nil {
		return r.skipped(ctx)
	}
	r.report.Rows++
	if !r.full() {
		return nil
	}
	return r.flush(ctx)
}

// skipped ends a row that was done before.
func (r *run) skipped(ctx context.Context) error {
	switch {
	case r.rows < r.skipping.Rows:
		return ctx.Err()
	case hexSum(r.hash) != r.skipping.Hash:
		return errChanged
	}
	r.skipping = nil
	r.progress(r.report)
	return nil
}

// end forgets a run that is over.
func (r *run) end(ctx context.Context) error {
	var err error
	if r.key != "" {
		err = r.ledger.forget(ctx, r.key)
	}
	return errors.Join(err, r.rejects.remove(), r.spill.close(), r.stored.remove())
}

// close leaves what a later run goes on from.
func (r *run) close() error { return errors.Join(r.rejects.close(), r.spill.close(), r.stored.close()) }
