package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"ovenbird/internal/bucket"
)

// Kind says what is wrong.
type Kind string

// The kinds.
const (
	Edited     Kind = "edited"       // it is not what was written
	Missing    Kind = "missing"      // it was dropped, with others behind it
	OutOfOrder Kind = "out of order" // it is there, in the place of another
	CutOff     Kind = "cut off"      // it was dropped from the end
	Extra      Kind = "extra"        // it was not written by this program
	Rewritten  Kind = "rewritten"    // consistent, and not what was signed
	Forged     Kind = "forged"       // signed by nobody, or not what was signed
	UnknownKey Kind = "key unknown"  // signed with a key that nobody has introduced
)

// Finding is something that is wrong.
type Finding struct {
	// Where is "record", of the ledger, "change", of the catalog's feed, "seal", over
	// the feed, "checkpoint", or "head", which says how far the ledger is.
	Where string `json:"where"`
	Kind  Kind   `json:"kind"`
	First int64  `json:"first"` // number of the first that it is about
	Last  int64  `json:"last"`
	What  string `json:"what"` // for people
}

// Declaration is a break in the chains that a checkpoint announced and explains.
type Declaration struct {
	Checkpoint int64     `json:"checkpoint"`
	At         time.Time `json:"at"`
	Why        string    `json:"why"`
	Continues  int64     `json:"continues"` // the checkpoint that the chains go on from; 0: from nothing
	// What earlier checkpoints had signed behind that one.
	Records int64 `json:"records_given_up"`
	Changes int64 `json:"changes_given_up"`
}

// UsedKey is a key that checkpoints are signed with.
type UsedKey struct {
	Public      string `json:"key"`
	Record      int64  `json:"record,omitempty"` // of the ledger, that introduced it; 0: given by who verifies
	Checkpoints int64  `json:"checkpoints"`
}

// Report is what Verify found.
type Report struct {
	Environment string        `json:"environment"`
	Ledger      Reach         `json:"ledger"`
	Feed        Reach         `json:"feed"` // up to its last seal
	Checkpoint  int64         `json:"checkpoint"`
	SignedAt    time.Time     `json:"signed_at,omitzero"` // the newest checkpoint
	Records     int64         `json:"unsigned_records"`   // behind the newest checkpoint
	Changes     int64         `json:"unsigned_changes"`
	Keys        []UsedKey     `json:"keys"`
	Declared    []Declaration `json:"declared"`
	Findings    []Finding     `json:"findings"`
}

// Good reports whether nothing is wrong.
func (r *Report) Good() bool { return len(r.Findings) == 0 }

// VerifyConfig says what Verify holds the chains against.
type VerifyConfig struct {
	Environment string
	// Keys are the public keys that are trusted, as Key.Public; none: those that
	// records of the ledger introduce, and Own.
	Keys []string
	// Own is the public key of who verifies, "" where there is none: it is known even
	// where the record that introduced it is what was cut off.
	Own string
	// Kept is a checkpoint that was kept elsewhere, which has to be among those in the
	// bucket; nil is none.
	Kept []byte
}

// Verify reads the whole ledger, the whole feed and all checkpoints, and says what
// is not as it was written. An error is one of the machine, or of cfg.
func Verify(ctx context.Context, cfg VerifyConfig, store *Store, objects *bucket.Bucket) (*Report, error) {
	v := newVerification(cfg, store)
	// Before the database: what they say was in it already.
	if err := v.readNotes(ctx, objects); err != nil {
		return nil, fmt.Errorf("verify the ledger: %w", err)
	}
	if err := store.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error { return v.run(ctx, tx) }); err != nil {
		return nil, fmt.Errorf("verify the ledger: %w", err)
	}
	return v.report, nil
}

// verification is one run of Verify.
type verification struct {
	cfg    VerifyConfig
	store  *Store
	report *Report

	bodies map[int64][]byte // checkpoints, as they lie in the bucket
	latest []byte           // nil where there is none
	notes  []*Note          // those that are good, in order
	given  map[int64]bool   // numbers of checkpoints that a restore has given up

	head    Reach
	known   int64          // checkpoint
	flagged map[place]bool // what there is a finding about
}

func newVerification(cfg VerifyConfig, store *Store) *verification {
	return &verification{
		cfg: cfg, store: store,
		report: &Report{Environment: cfg.Environment, Keys: []UsedKey{}, Declared: []Declaration{}, Findings: []Finding{}},
		given:  make(map[int64]bool), flagged: make(map[place]bool),
	}
}

// place is one thing that may be wrong.
type place struct {
	where  string
	number int64
}

// find adds a finding about one thing, unless there is one.
func (v *verification) find(where string, kind Kind, number int64, format string, args ...any) {
	v.findRange(where, kind, number, number, format, args...)
}

func (v *verification) findRange(where string, kind Kind, first, last int64, format string, args ...any) {
	if v.flagged[place{where, first}] {
		return
	}
	v.flagged[place{where, first}], v.flagged[place{where, last}] = true, true
	v.report.Findings = append(v.report.Findings, Finding{where, kind, first, last, fmt.Sprintf(format, args...)})
}

func (v *verification) run(ctx context.Context, tx *sql.Tx) error {
	const head = `SELECT sequence, hash, checkpoint FROM ledger_head`
	if err := tx.QueryRowContext(ctx, head).Scan(&v.head.Sequence, &v.head.Hash, &v.known); err != nil {
		return fmt.Errorf("read how far the ledger is: %w", err)
	}
	keys, err := v.keys(ctx, tx)
	if err != nil {
		return err
	}
	v.judgeNotes(keys)
	if err := v.records(ctx, tx); err != nil {
		return err
	}
	if err := v.feed(ctx, tx); err != nil {
		return err
	}
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.First, b.First))
	})
	return nil
}

// signed returns the checkpoints that the chains as they are now have to agree with.
func (v *verification) signed() []*Note {
	return slices.DeleteFunc(slices.Clone(v.notes), func(n *Note) bool { return v.given[n.Number] })
}

// against holds what a chain hashes to against what was signed, and reports the
// first stretch that differs. furthest is how far the chain was signed.
func (v *verification) against(where string, reach func(*Note) Reach, hashes map[int64]string) (furthest int64) {
	var good int64
	told := false
	for _, n := range v.signed() {
		signed := reach(n)
		furthest = max(furthest, signed.Sequence)
		hash, there := hashes[signed.Sequence]
		switch {
		case signed.Sequence == 0 || there && hash == signed.Hash:
			good, told = signed.Sequence, false
		case there && !told && !v.flagged[place{where, signed.Sequence}]:
			v.findRange(where, Rewritten, good+1, signed.Sequence,
				"what is there does not have the hash that checkpoint %d signed", n.Number)
			told = true
		}
	}
	return furthest
}
