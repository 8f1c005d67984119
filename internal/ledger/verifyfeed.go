package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
)

// feed verifies the catalog's feed of changes, seal by seal.
func (v *verification) feed(ctx context.Context, tx *sql.Tx) error {
	w := &feedWalk{v: v, tx: tx, hashes: make(map[int64]string)}
	for _, n := range v.signed() {
		w.hashes[n.Feed.Sequence] = ""
	}
	seals, err := w.seals(ctx)
	if err != nil {
		return err
	}
	for _, last := range seals {
		if err := w.seal(ctx, last); err != nil {
			return err
		}
	}
	sealed := w.last
	v.report.Feed = Reach{sealed, w.running}
	if err := w.rest(ctx); err != nil {
		return err
	}
	return w.end(ctx, sealed)
}

// feedWalk goes through the feed in order.
type feedWalk struct {
	v  *verification
	tx *sql.Tx

	last    int64  // number of the last entry, or of the last that a seal is over
	running string // hash after it
	skipped bool   // whether a seal could not be used: what it was over comes before the next
	hashes  map[int64]string
	top     int64 // the last entry that is there
}

// sealRow is a seal as the table has it.
type sealRow struct{ last, first, previous, hash, marks sql.NullString }

// seals returns the keys of all seals, in order.
func (w *feedWalk) seals(ctx context.Context) (keys []string, err error) {
	rows, err := w.tx.QueryContext(ctx, `SELECT last FROM ledger_seals ORDER BY last`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

// entry is an entry of the feed, for who compares.
type entry struct {
	number int64
	hash   string
}

// seal judges what one seal is over.
func (w *feedWalk) seal(ctx context.Context, key string) error {
	s, ok, err := w.readSeal(ctx, key)
	if err != nil {
		return err
	}
	if !ok {
		return nil
	}
	if s.first > w.last+1 {
		if !w.skipped {
			w.v.find("seal", Missing, s.first-1, "it is not there, and one behind it is")
		}
		if err := w.through(ctx, s.first-1); err != nil {
			return err
		}
	}
	w.skipped = false
	entries, err := w.read(ctx, s.last)
	if err != nil {
		return err
	}
	w.judge(s, entries)
	return nil
}

// readSeal reads a seal; ok is false, and told, where it can not be one.
func (w *feedWalk) readSeal(ctx context.Context, key string) (s seal, ok bool, err error) {
	number, notNumber := strconv.ParseInt(key, 10, 64)
	var r sealRow
	const one = `SELECT last, first, previous, hash, marks FROM ledger_seals WHERE last = $1`
	if notNumber == nil {
		if err := w.tx.QueryRowContext(ctx, one, number).Scan(&r.last, &r.first, &r.previous, &r.hash, &r.marks); err != nil {
			return s, false, err
		}
	}
	first, notFirst := strconv.ParseInt(r.first.String, 10, 64)
	s = seal{first, number, r.previous.String, r.hash.String, r.marks.String}
	entries := s.last - s.first + 1
	numbers := notNumber == nil && notFirst == nil && s.first > w.last && entries > 0
	if !numbers || int64(len(s.marks)) != entries*markSize {
		w.v.find("seal", Edited, number, "it does not have the form of one")
		w.skipped = true
		return s, false, nil
	}
	return s, true, nil
}

// read reads the entries up to a number.
func (w *feedWalk) read(ctx context.Context, last int64) (list []entry, err error) {
	err = w.page(ctx, w.last, int(last-w.last), func(e entry) bool {
		if e.number > last {
			return false
		}
		list = append(list, e)
		return true
	})
	return list, err
}

// errEnough ends reading.
var errEnough = errors.New("enough")

// page calls fn with entries after a number, until it returns false.
func (w *feedWalk) page(ctx context.Context, after int64, limit int, fn func(entry) bool) error {
	err := w.v.store.deps.Feed.EachWritten(ctx, w.tx, after, limit, func(number int64, columns []sql.NullString) error {
		if !fn(entry{number, digest(columns)}) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// judge holds entries against their seal, and goes on behind it: from the hash
// that it says, unless that is what is wrong.
func (w *feedWalk) judge(s seal, entries []entry) {
	computed, next := w.running, s.first
	var different []entry
	missing := false
	for _, e := range entries {
		missing = w.gap(next, e.number) || missing
		next = e.number + 1
		w.top = e.number
		computed = extend(computed, e.hash)
		if s.mark(e.number) != e.hash[:markSize] {
			different = append(different, e)
		}
	}
	missing = w.gap(next, s.last+1) || missing
	switch {
	case missing:
		w.changed(s, different)
		computed = s.hash
	case computed == s.hash && len(different) == 0 && s.previous == w.running:
	case computed == s.hash:
		w.v.find("seal", Edited, s.last, "it is over changes %d to %d, and does not say what they are", s.first, s.last)
	case len(different) > 0:
		w.changed(s, different)
		computed = s.hash
	default:
		w.v.find("seal", Edited, s.last, "its hash is not that of changes %d to %d", s.first, s.last)
	}
	w.reach(s.last, computed)
}

// mark is what the seal keeps of an entry's hash.
func (s *seal) mark(number int64) string {
	at := int(number-s.first) * markSize
	return s.marks[at : at+markSize]
}

// gap reports entries that are missing before a number.
func (w *feedWalk) gap(expected, found int64) bool {
	if found <= expected {
		return false
	}
	w.v.findRange("change", Missing, expected, found-1, "it is not there")
	return true
}

// changed reports entries that are not what was sealed.
func (w *feedWalk) changed(s seal, different []entry) {
	for _, e := range different {
		kind, what := Edited, "it is not what was sealed"
		for _, other := range different {
			if other.number != e.number && s.mark(other.number) == e.hash[:markSize] {
				kind, what = OutOfOrder, "what stands there belongs in another place"
			}
		}
		w.v.find("change", kind, e.number, "%s", what)
	}
}

// reach goes on behind an entry.
func (w *feedWalk) reach(number int64, running string) {
	w.last, w.running = number, running
	if _, asked := w.hashes[number]; asked {
		w.hashes[number] = running
	}
}

// through goes through entries that no seal is over, up to a number.
func (w *feedWalk) through(ctx context.Context, last int64) error {
	for w.last < last {
		before := w.last
		err := w.page(ctx, w.last, sealEntries, func(e entry) bool {
			if e.number > last {
				return false
			}
			if e.number <= w.last {
				w.v.find("change", Extra, e.number, "its number is none")
				return false
			}
			w.gap(w.last+1, e.number)
			w.top = e.number
			w.reach(e.number, extend(w.running, e.hash))
			return true
		})
		if err != nil || w.last == before {
			return err
		}
	}
	return nil
}

// rest goes through what is not sealed yet.
func (w *feedWalk) rest(ctx context.Context) error {
	const farthest = 1<<63 - 1
	return w.through(ctx, farthest)
}

// end holds the end of the feed against how far it was, and all of it against
// what was signed.
func (w *feedWalk) end(ctx context.Context, sealed int64) error {
	counted, err := w.v.store.deps.Feed.SequenceIn(ctx, w.tx)
	if err != nil {
		return err
	}
	for sequence, hash := range w.hashes {
		if hash == "" {
			delete(w.hashes, sequence)
		}
	}
	signed := w.v.against("change", func(n *Note) Reach { return n.Feed }, w.hashes)
	if signed > sealed {
		w.v.findRange("seal", CutOff, sealed+1, signed, "the feed is sealed up to %d, and checkpoint says up to %d", sealed, signed)
	}
	if end := max(counted, signed); w.top < end && w.last < end {
		w.v.findRange("change", CutOff, w.last+1, end, "it is not there, and the feed had come to %d", end)
	}
	if w.top > counted {
		w.v.findRange("change", Extra, counted+1, w.top, "the feed had come to %d", counted)
	}
	w.v.report.Changes = max(0, w.top-signed)
	return nil
}
