package ledger

import (
	"context"
	"database/sql"
)

// mostBad is how many records that are wrong are compared with each other.
const mostBad = 1000

// records verifies the ledger's own chain.
func (v *verification) records(ctx context.Context, tx *sql.Tx) error {
	hashes := make(map[int64]string)
	for _, n := range v.signed() {
		hashes[n.Ledger.Sequence] = ""
	}
	walk := recordWalk{v: v}
	err := eachRow(ctx, tx, 0, func(r *row) error {
		walk.step(r)
		if _, asked := hashes[r.sequence]; asked {
			hashes[r.sequence] = r.hash.String
		}
		return nil
	})
	if err != nil {
		return err
	}
	walk.tellBad()
	v.recordsEnd(walk.last, hashes)
	return nil
}

// recordWalk goes through the records in order.
type recordWalk struct {
	v    *verification
	last row // sequence 0: none yet
	bad  []row
}

// step judges a record. What its hash is not over was edited; where the hash was
// made anew, the record behind says that it followed another one.
func (w *recordWalk) step(r *row) {
	if r.sequence <= w.last.sequence {
		w.v.find("record", Extra, r.sequence, "its number is none")
		return
	}
	gap := r.sequence != w.last.sequence+1
	if gap {
		w.v.findRange("record", Missing, w.last.sequence+1, r.sequence-1, "it is not there, and record %d is", r.sequence)
	}
	switch {
	case r.digest() != r.hash.String:
		w.bad = append(w.bad, *r)
	case !gap && r.previous.String != w.last.hash.String && r.sequence == 1:
		w.v.find("record", Edited, 1, "it says that it follows another one")
	case !gap && r.previous.String != w.last.hash.String:
		w.v.flagUnlessBad(w, w.last.sequence, r.sequence)
	}
	w.last = *r
}

// flagUnlessBad reports a record that is consistent, and that the one behind it
// does not follow.
func (v *verification) flagUnlessBad(w *recordWalk, number, behind int64) {
	if len(w.bad) > 0 && w.bad[len(w.bad)-1].sequence == number {
		return // there will be a finding
	}
	v.find("record", Edited, number, "it has another hash than record %d says that it follows", behind)
}

// tellBad reports records whose hash is not over what they say. One that was
// moved still has the hash for its own place.
func (w *recordWalk) tellBad() {
	for i := range w.bad {
		r := &w.bad[i]
		kind, what := Edited, "its hash is not over what it says"
		for j := range w.bad[:min(len(w.bad), mostBad)] {
			if own := w.bad[j].sequence; i != j && i < mostBad && digest(r.content(own)) == r.hash.String {
				kind, what = OutOfOrder, "what stands there belongs in another place"
			}
		}
		w.v.find("record", kind, r.sequence, "%s", what)
	}
}

// recordsEnd holds the end of the ledger against how far it was, and all of it
// against what was signed.
func (v *verification) recordsEnd(last row, hashes map[int64]string) {
	for sequence := range hashes {
		if sequence > last.sequence || hashes[sequence] == "" {
			delete(hashes, sequence) // it is not there, and that is told otherwise
		}
	}
	signed := v.against("record", func(n *Note) Reach { return n.Ledger }, hashes)
	end := max(v.head.Sequence, signed)
	switch {
	case last.sequence < end && signed > last.sequence:
		v.findRange("record", CutOff, last.sequence+1, end, "it is not there, and a checkpoint has signed it")
	case last.sequence < end:
		v.findRange("record", CutOff, last.sequence+1, end, "it is not there, and the ledger had come to %d", end)
	case last.sequence > v.head.Sequence:
		v.findRange("head", Edited, v.head.Sequence+1, last.sequence,
			"it says %d, and the last record is %d", v.head.Sequence, last.sequence)
	case last.hash.String != v.head.Hash && last.digest() == last.hash.String:
		v.find("record", Edited, last.sequence, "it is not the one that was appended last")
	}
	v.report.Ledger = Reach{last.sequence, last.hash.String}
	v.report.Records = max(0, last.sequence-signed)
}
