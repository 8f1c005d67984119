package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

// readers is how many checkpoints are read at once.
const readers = 16

// readNotes reads everything that the ledger has in the bucket. The copy of the
// newest goes first: all that it follows was there before.
func (v *verification) readNotes(ctx context.Context, objects *bucket.Bucket) error {
	latest, _, err := objects.Read(ctx, latestKey)
	if err != nil && !errors.Is(err, bucket.ErrNotFound) {
		return err
	}
	v.latest, v.bodies = latest, make(map[int64][]byte)
	var numbers []int64
	for object, err := range objects.List(ctx, numbered) {
		if err != nil {
			return err
		}
		number, err := strconv.ParseInt(strings.TrimPrefix(object.Key, numbered), 10, 64)
		if err == nil && checkpointKey(number) == object.Key {
			numbers = append(numbers, number)
		}
	}
	bodies, failed := make([][]byte, len(numbers)), make([]error, len(numbers))
	var group sync.WaitGroup
	for reader := range readers {
		group.Go(func() {
			for i := reader; i < len(numbers); i += readers {
				bodies[i], _, failed[i] = objects.Read(ctx, checkpointKey(numbers[i]))
			}
		})
	}
	group.Wait()
	for i, number := range numbers {
		v.bodies[number] = bodies[i]
	}
	return errors.Join(failed...)
}

// keys returns the keys that are trusted.
func (v *verification) keys(ctx context.Context, tx *sql.Tx) (note.Verifiers, error) {
	if len(v.cfg.Keys) > 0 {
		for _, public := range v.cfg.Keys {
			v.report.Keys = append(v.report.Keys, UsedKey{Public: public})
		}
		return v.verifiers(true)
	}
	if v.cfg.Own != "" {
		v.report.Keys = append(v.report.Keys, UsedKey{Public: v.cfg.Own})
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+columns+` FROM ledger_records WHERE action = $1 ORDER BY sequence`, KeyAction)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		known := slices.IndexFunc(v.report.Keys, func(k UsedKey) bool { return k.Public == r.target.String })
		switch {
		case known >= 0 && v.report.Keys[known].Record == 0:
			v.report.Keys[known].Record = r.sequence
		case known < 0:
			v.report.Keys = append(v.report.Keys, UsedKey{Public: r.target.String, Record: r.sequence})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return v.verifiers(false)
}

// verifiers makes keys of their text. What somebody has put into a record need not be one.
func (v *verification) verifiers(strict bool) (note.Verifiers, error) {
	var list []note.Verifier
	for _, k := range v.report.Keys {
		verifier, err := note.NewVerifier(k.Public)
		switch {
		case err == nil:
			list = append(list, verifier)
		case strict:
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%q is no public key: `ovenbird audit key` prints them", k.Public)
		}
	}
	return note.VerifierList(list...), nil
}

// judgeNotes checks every checkpoint by itself and that each follows the one before.
func (v *verification) judgeNotes(keys note.Verifiers) {
	last := v.known
	for number := range v.bodies {
		last = max(last, number)
	}
	if n, err := readNote(v.latest); err == nil {
		last = max(last, n.Number)
	}
	var before *Note
	for number := int64(1); number <= last; number++ {
		body, there := v.bodies[number]
		if !there {
			number = v.absent(number, last)
			before = nil
			continue
		}
		n := v.judgeNote(number, body, keys)
		if n != nil && (before != nil || number == 1) && n.Previous != before.hash() {
			v.find("checkpoint", Forged, number-1, "checkpoint %d follows another one", number)
		}
		if n != nil {
			v.notes = append(v.notes, n)
			v.declared(n, before)
		}
		before = n
	}
	v.judgeLatest(slices.Max(append(slices.Collect(maps.Keys(v.bodies)), 0)))
	v.judgeKept()
	if len(v.notes) > 0 {
		newest := v.notes[len(v.notes)-1]
		v.report.Checkpoint, v.report.SignedAt = newest.Number, newest.At
	}
}

// absent reports a run of checkpoints that are not there and returns its end.
func (v *verification) absent(first, last int64) int64 {
	end := first
	for end < last && v.bodies[end+1] == nil {
		end++
	}
	if end == last {
		v.findRange("checkpoint", CutOff, first, end, "it is not in the bucket, and there was one with the number %d", end)
	} else {
		v.findRange("checkpoint", Missing, first, end, "it is not in the bucket, and checkpoint %d is", end+1)
	}
	return end
}

// judgeNote returns a checkpoint that its key has signed for this place; nil
// where it is none.
func (v *verification) judgeNote(number int64, body []byte, keys note.Verifiers) *Note {
	n, err := readNote(body)
	if err != nil {
		v.find("checkpoint", Forged, number, "%s: %v", checkpointKey(number), err)
		return nil
	}
	opened, err := note.Open(body, keys)
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		why := "no record introduces it"
		if len(v.cfg.Keys) > 0 {
			why = "it is none of those given"
		}
		v.find("checkpoint", UnknownKey, number, "it is signed with the key %s, and %s", signers(unverified.Note), why)
		return nil
	case err != nil:
		v.find("checkpoint", Forged, number, "its signature is not one over what it says")
		return nil
	case n.Number != number:
		v.find("checkpoint", OutOfOrder, number, "what lies there is checkpoint %d", n.Number)
		return nil
	case n.Environment != v.cfg.Environment:
		v.find("checkpoint", Forged, number, "it is of the environment %s", n.Environment)
		return nil
	}
	v.used(opened)
	return n
}

func signers(n *note.Note) string {
	var names []string
	for _, s := range n.UnverifiedSigs {
		names = append(names, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return strings.Join(names, ", ")
}

// used counts what a key has signed.
func (v *verification) used(n *note.Note) {
	for i := range v.report.Keys {
		k := &v.report.Keys[i]
		for _, s := range n.Sigs {
			if strings.HasPrefix(k.Public, fmt.Sprintf("%s+%08x+", s.Name, s.Hash)) {
				k.Checkpoints++
			}
		}
	}
}

// declared notes what a restore has given up.
func (v *verification) declared(n, before *Note) {
	if !n.Restored {
		return
	}
	if before == nil || before.Restoring == "" || n.Continues >= n.Number || n.Continues < 0 {
		if before != nil {
			v.find("checkpoint", Forged, n.Number, "it says that the database was restored, and the one before does not announce it")
		}
		return
	}
	d := Declaration{Checkpoint: n.Number, At: n.At, Why: before.Restoring, Continues: n.Continues}
	var base, lost Checkpoint
	for _, earlier := range v.notes {
		switch {
		case earlier.Number == n.Continues:
			base = earlier.Checkpoint
		case earlier.Number > n.Continues && earlier.Number < n.Number:
			v.given[earlier.Number] = true
			lost.Ledger.Sequence = max(lost.Ledger.Sequence, earlier.Ledger.Sequence)
			lost.Feed.Sequence = max(lost.Feed.Sequence, earlier.Feed.Sequence)
		}
	}
	d.Records = max(0, lost.Ledger.Sequence-base.Ledger.Sequence)
	d.Changes = max(0, lost.Feed.Sequence-base.Feed.Sequence)
	v.report.Declared = append(v.report.Declared, d)
}

// judgeLatest checks the copy of the newest checkpoint, the last that is there. A
// process that was killed leaves it one behind.
func (v *verification) judgeLatest(last int64) {
	n, err := readNote(v.latest)
	switch {
	case v.latest == nil && last == 0:
	case v.latest == nil && last == 1: // killed at the first
	case v.latest == nil:
		v.find("checkpoint", Missing, 0, "%s is not in the bucket", latestKey)
	case err != nil:
		v.find("checkpoint", Forged, 0, "%s: %v", latestKey, err)
	case v.bodies[n.Number] != nil && !bytes.Equal(v.latest, v.bodies[n.Number]):
		v.find("checkpoint", Forged, 0, "%s is not checkpoint %d", latestKey, n.Number)
	case n.Number < last-1:
		v.find("checkpoint", Edited, 0, "%s is checkpoint %d, and there is %d", latestKey, n.Number, last)
	}
}

// judgeKept looks for the checkpoint that was kept elsewhere.
func (v *verification) judgeKept() {
	if v.cfg.Kept == nil {
		return
	}
	kept, err := readNote(v.cfg.Kept)
	if err != nil {
		v.find("checkpoint", Forged, 0, "the one that was kept elsewhere: %v", err)
		return
	}
	if !bytes.Equal(v.bodies[kept.Number], v.cfg.Kept) {
		v.find("checkpoint", Rewritten, kept.Number, "it is not the one that was kept elsewhere")
	}
}
