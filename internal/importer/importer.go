package importer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// Config says how to import.
type Config struct {
	// Actor is who imports, for the change feed; "" means "import".
	Actor string
	// Mapping says what becomes of the columns of a table. Nil means that the
	// file is NDJSON.
	Mapping *Mapping
	// Format reads files that are neither NDJSON nor CSV; it needs a Mapping. Nil
	// means that they are one of those.
	Format *Format
	// RejectsPath is the file for what was refused, one Reject as JSON a line. It
	// is made only when something is, and gathers what all runs of an Importer
	// refuse; the first run removes one that was left before. "" keeps no such file.
	RejectsPath string
	// OnReject is called with everything that is refused; it may be nil.
	OnReject func(Reject)
	// BatchSize is the number of records in one transaction, up to the end of a
	// row; 0 means 1000.
	BatchSize int
	// LineBytes is the longest line or row; 0 means 4 MiB.
	LineBytes int
	// TempDir is the folder for records that wait for others; "" means the system's.
	TempDir string
	// StateDir is the folder for what a run needs that goes on after one that was
	// killed. "" begins every run from the start. It needs Deps.Ledger.
	StateDir string
	// Source names who delivers, so that it is known which records are whose; ""
	// keeps no account of it. It needs Deps.Ledger.
	Source string
	// Complete says that a file is all that the source delivers: what it delivered
	// before and what is not in the file is deleted, or what Mapping says.
	Complete bool
	// Shrink is the share of a source's records that may vanish with one complete
	// file; 0 means 0.2. Beyond it nothing is deleted, and Run returns Held.
	Shrink float64
	// AllowShrink lets any share vanish, and also where rows could not be read.
	AllowShrink bool
}

// Deps are what an import stands on.
type Deps struct {
	Catalog writer
	// Ledger is what imports remember; nil remembers nothing.
	Ledger *Ledger
}

// Importer runs imports, one at a time.
type Importer struct {
	cfg     Config
	catalog writer
	ledger  *Ledger
	begun   bool // whether the rejects file belongs to this importer
}

// New returns an Importer.
func New(cfg Config, deps Deps) (*Importer, error) {
	switch {
	case deps.Catalog == nil:
		return nil, errors.New("new importer: it needs a catalog")
	case deps.Ledger == nil && (cfg.StateDir != "" || cfg.Source != ""):
		return nil, errors.New("new importer: a source or a folder for its state needs a ledger")
	case cfg.Complete && cfg.Source == "":
		return nil, ovenbird.Errorf(ovenbird.Invalid,
			"a complete import needs the name of the source: only what that delivered before can vanish; give it with --source")
	case cfg.Format != nil && cfg.Mapping == nil:
		return nil, errors.New("new importer: a format needs a mapping")
	}
	cfg.Actor = cmp.Or(cfg.Actor, "import")
	cfg.BatchSize = cmp.Or(cfg.BatchSize, 1000)
	cfg.LineBytes = cmp.Or(cfg.LineBytes, 4<<20)
	cfg.Shrink = cmp.Or(cfg.Shrink, 0.2)
	return &Importer{cfg: cfg, catalog: deps.Catalog, ledger: deps.Ledger}, nil
}

// Counts are changes of one type of thing by what they did.
type Counts struct {
	Created int64 `json:"created"`
	Updated int64 `json:"updated"`
	Deleted int64 `json:"deleted"`
}

func (c *Counts) add(action catalog.Action) {
	switch action {
	case catalog.Created:
		c.Created++
	case catalog.Updated:
		c.Updated++
	case catalog.Deleted:
		c.Deleted++
	}
}

// Report counts what an import did, so far or in the end. One that went on after
// a kill counts as if nothing had happened.
type Report struct {
	Rows     int64 `json:"rows"`     // lines of NDJSON, rows of a table
	Records  int64 `json:"records"`  // made from them, without repeated ones
	Accepted int64 `json:"accepted"` // records that are in the catalog now, as the file has them
	Changed  int64 `json:"changed"`  // of the accepted, those that were not there before
	Rejected int64 `json:"rejected"` // rows and records refused; one row may give several records
	Unread   int64 `json:"unread"`   // of the rejected, those that do not say which record they are
	Waiting  int64 `json:"waiting"`  // records that wait for others; 0 in the end
	Vanished int64 `json:"vanished"` // records deleted or unpublished because the source does not deliver them any more
	Read     int64 `json:"read"`     // bytes read of the file
	Size     int64 `json:"size"`     // bytes in the file; 0 when unknown

	// What the changes did, by type.
	Titles      Counts `json:"titles"`
	Licenses    Counts `json:"licenses"`
	Collections Counts `json:"collections"`
	Items       Counts `json:"collection_items"`

	// Resumed is how many rows an interrupted run had done, which this one passed over.
	Resumed int64 `json:"resumed,omitzero"`
	// Restarted says why an interrupted run could not be gone on from; "" for none.
	Restarted string `json:"restarted,omitzero"`
}

// count adds an accepted record to the counts.
func (r *Report) count(kind catalog.RecordType, result catalog.Result) {
	r.Accepted++
	if !result.Changed {
		return
	}
	r.Changed++
	switch kind {
	case catalog.TypeTitle:
		r.Titles.add(result.Action)
	case catalog.TypeLicense:
		r.Licenses.add(result.Action)
	case catalog.TypeCollection:
		r.Collections.add(result.Action)
	case catalog.TypeItem:
		r.Items.add(result.Action)
	}
}

// Run imports src and reports progress, when progress is not nil, after every
// batch. On an error, what was committed stays, the report says how much that
// is, and running again completes it: with a StateDir from where it stopped,
// unless the file has changed. A row that is wrong is not an error; a file that
// can not be read on is: an Invalid one, with the place. So is a source that
// shrinks too much: a Held one.
func (i *Importer) Run(ctx context.Context, src Source, progress func(Report)) (Report, error) {
	if progress == nil {
		progress = func(Report) {}
	}
	if !i.begun {
		if err := clearRejects(i.cfg.RejectsPath); err != nil {
			return Report{}, err
		}
		i.begun = true
	}
	r := &run{cfg: i.cfg, catalog: i.catalog, ledger: i.ledger, name: src.Name, source: src, progress: progress, seed: maphash.MakeSeed()}
	err := r.run(ctx)
	progress(r.report)
	if err != nil {
		return r.report, fmt.Errorf("import %s: %w", src.Name, err)
	}
	return r.report, nil
}

// entry is one record on its way into the catalog.
type entry struct {
	line   int64
	part   string // of the source
	raw    string // the row it comes from, for the rejects
	record catalog.Record
	vanish bool // it removes what the source does not deliver any more
}

// run is one import.
type run struct {
	cfg      Config
	catalog  writer
	ledger   *Ledger
	name     string // of the source
	source   Source
	progress func(Report)
	report   Report
	batch    []entry
	// batchBytes is the size of the rows in the batch.
	batchBytes int
	read       func() int64 // bytes read so far

	seed maphash.Seed
	told map[uint64]told // by record id, what the file last said about it

	rejects *journal
	untold  []Reject // refused, and not shown yet
	spill   *journal // records that wait for others
	stored  *journal // those that wait while the file is read, for a run after a kill
	waiting idSet    // later records about an id that waits wait too, to keep their order
	final   bool     // whether waiting longer is no use

	key      string      // of the checkpoint; "" for none
	reading  bool        // whether the rows are being read; what follows is done again after a kill
	skipping *checkpoint // the rows up to there are known and committed; nil when they are passed
	hash     hash.Hash   // of the rows so far
	rows     int64       // hashed
	number   int64       // of this run of the source
	owned    int64       // records that the source delivered before
	delivery delivery    // since the last batch
}

// told is what a file said about an id.
type told struct {
	content uint64 // hash of the record
	line    int64
	put     bool // as the complete record
}

// rememberedRecords bounds run.told. What is forgotten is believed when it comes
// again, whatever it says then.
const rememberedRecords = 1 << 20

// batchBytes ends a batch early where rows are long, to bound memory.
const batchBytes = 16 << 20

// run imports the source, from where an interrupted run stopped if that can be.
func (r *run) run(ctx context.Context) error {
	if r.cfg.Mapping == nil && isTable(r.name) {
		return ovenbird.ErrorAt(ovenbird.Place{File: r.name},
			"a table needs a mapping, which says what its columns are; docs/import.md describes it")
	}
	left, reason, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	if left != nil {
		err := r.from(ctx, left)
		if !errors.Is(err, errChanged) {
			return err
		}
		reason = "the file has changed since"
		if err := r.source.rewind(); err != nil {
			return err
		}
	}
	r.report.Restarted = reason
	return r.from(ctx, nil)
}

// from imports from a checkpoint on, or from the start.
func (r *run) from(ctx context.Context, left *checkpoint) (err error) {
	if err := r.begin(ctx, left); err != nil {
		return errors.Join(err, r.close())
	}
	err = r.file(ctx)
	if errors.Is(err, errChanged) {
		return errors.Join(err, r.close())
	}
	err = errors.Join(err, r.publishRejects())
	if over(err) {
		return errors.Join(err, r.end(ctx))
	}
	return errors.Join(err, r.close())
}

// over reports whether a run has nothing left to go on from: it is done, or was
// stopped by what is in the file.
func over(err error) bool {
	return err == nil || ovenbird.CodeOf(err) == ovenbird.Invalid || ovenbird.CodeOf(err) == ovenbird.Held
}

// begin makes a run ready to read from the start of the file.
func (r *run) begin(ctx context.Context, left *checkpoint) error {
	restarted := r.report.Restarted
	r.report = Report{Size: r.source.Size, Restarted: restarted}
	r.batch, r.batchBytes, r.untold = nil, 0, nil
	r.told, r.hash, r.rows = make(map[uint64]told), sha256.New(), 0
	r.waiting.clear()
	r.reading, r.skipping, r.final = true, left, false
	r.delivery = delivery{source: r.cfg.Source}
	r.spill = r.stored
	if left != nil {
		return r.restore(left)
	}
	if err := errors.Join(r.rejects.remove(), r.stored.remove()); err != nil {
		return err
	}
	if r.cfg.Source != "" {
		var err error
		if r.number, r.owned, err = r.ledger.begin(ctx, r.cfg.Source); err != nil {
			return err
		}
	}
	r.delivery.run = r.number
	return nil
}

// file reads the file and does what is left to do at its end.
func (r *run) file(ctx context.Context) error {
	input, err := openInput(r.source)
	if err != nil {
		return err
	}
	r.read = input.read
	rows := r.lines
	if r.cfg.Format != nil {
		rows = r.formatted
	} else if r.cfg.Mapping != nil {
		rows = r.table
	}
	broken := rows(ctx, r.name, input)
	if broken != nil && ovenbird.CodeOf(broken) != ovenbird.Invalid {
		return broken
	}
	if r.skipping != nil {
		return errChanged // it was longer
	}
	// What stands before the place where a file breaks off is worth importing.
	if err := r.finish(ctx); err != nil || broken != nil {
		return errors.Join(broken, err)
	}
	return r.vanish(ctx)
}

func (r *run) finish(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.reading = false
	if err := r.retry(ctx); err != nil {
		return err
	}
	r.tell()
	return nil
}

// id is the hash of what names a record.
func (r *run) id(record *catalog.Record) uint64 { return maphash.String(r.seed, record.String()) }

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
