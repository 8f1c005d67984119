package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// Config says how to import.
type Config struct {
	// Actor is who imports, for the change feed; "" means "import".
	Actor string
	// Mapping says what becomes of the columns of a CSV or TSV file. Nil means
	// that the file is NDJSON.
	Mapping *Mapping
	// RejectsPath is the file for what was refused, one Reject as JSON a line. It
	// is made only when something is, and gathers what all runs of an Importer
	// refuse; the first run removes one that was left before. "" keeps no such file.
	RejectsPath string
	// OnReject is called with everything that is refused; it may be nil.
	OnReject func(Reject)
	// BatchSize is the number of records in one transaction; 0 means 1000.
	BatchSize int
	// LineBytes is the longest line or row; 0 means 4 MiB.
	LineBytes int
	// TempDir is the folder for records that wait for others; "" means the system's.
	TempDir string
}

// Deps are what an import stands on.
type Deps struct {
	Catalog writer
}

// Importer runs imports, one at a time.
type Importer struct {
	cfg     Config
	catalog writer
	begun   bool // whether the rejects file belongs to this importer
}

// New returns an Importer.
func New(cfg Config, deps Deps) (*Importer, error) {
	if deps.Catalog == nil {
		return nil, errors.New("new importer: it needs a catalog")
	}
	cfg.Actor = cmp.Or(cfg.Actor, "import")
	cfg.BatchSize = cmp.Or(cfg.BatchSize, 1000)
	cfg.LineBytes = cmp.Or(cfg.LineBytes, 4<<20)
	return &Importer{cfg: cfg, catalog: deps.Catalog}, nil
}

// Report counts what an import did, so far or in the end.
type Report struct {
	Rows     int64 `json:"rows"`     // lines of NDJSON, rows of a table
	Records  int64 `json:"records"`  // made from them, without repeated ones
	Accepted int64 `json:"accepted"` // records that are in the catalog now, as the file has them
	Changed  int64 `json:"changed"`  // of the accepted, those that were not there before
	Rejected int64 `json:"rejected"` // rows and records refused; one row may give several records
	Waiting  int64 `json:"waiting"`  // records that wait for others; 0 in the end
	Read     int64 `json:"read"`     // bytes read of the file
	Size     int64 `json:"size"`     // bytes in the file; 0 when unknown
}

// Run imports src and reports progress, when progress is not nil, after every
// batch. On an error, what was committed stays, the report says how much that
// is, and running again completes it. A row that is wrong is not an error; a
// file that can not be read on is: an Invalid one, with the place.
func (i *Importer) Run(ctx context.Context, src Source, progress func(Report)) (Report, error) {
	if progress == nil {
		progress = func(Report) {}
	}
	r := &run{
		cfg: i.cfg, catalog: i.catalog, name: src.Name, progress: progress, rejects: newRejects(i.cfg.RejectsPath),
		seed: maphash.MakeSeed(), told: make(map[uint64]told), waitingIDs: make(map[uint64]bool),
	}
	if !i.begun {
		if err := r.rejects.clear(); err != nil {
			return r.report, err
		}
		i.begun = true
	}
	r.report.Size = src.Size
	err := r.run(ctx, src)
	if r.spill != nil {
		err = errors.Join(err, r.spill.close())
	}
	err = errors.Join(err, r.rejects.close())
	progress(r.report)
	if err != nil {
		return r.report, fmt.Errorf("import %s: %w", src.Name, err)
	}
	return r.report, nil
}

// entry is one record on its way into the catalog.
type entry struct {
	line   int64
	raw    string // the row it comes from, for the rejects
	record catalog.Record
}

// run is one import.
type run struct {
	cfg      Config
	catalog  writer
	name     string // of the source
	progress func(Report)
	report   Report
	rejects  *rejects
	batch    []entry
	// batchBytes is the size of the rows in the batch.
	batchBytes int
	read       func() int64 // bytes read so far

	seed maphash.Seed
	told map[uint64]told // by record id, what the file last said about it

	spill      *spill
	waitingIDs map[uint64]bool // later records about an id that waits wait too, to keep their order
	final      bool            // whether waiting longer is no use
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

func (r *run) run(ctx context.Context, src Source) error {
	if r.cfg.Mapping == nil && isTable(src.Name) {
		return ovenbird.ErrorAt(ovenbird.Place{File: src.Name},
			"a table needs a mapping, which says what its columns are; docs/import.md describes it")
	}
	input, err := openInput(src)
	if err != nil {
		return err
	}
	r.read = input.read
	rows := r.lines
	if r.cfg.Mapping != nil {
		rows = r.table
	}
	err = rows(ctx, src.Name, input)
	if err != nil && ovenbird.CodeOf(err) != ovenbird.Invalid {
		return err
	}
	// What stands before the place where a file breaks off is worth importing.
	return errors.Join(err, r.finish(ctx))
}

func (r *run) finish(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.retry(ctx)
}

// lines imports NDJSON.
func (r *run) lines(ctx context.Context, name string, input *input) error {
	lines := newLineReader(input, r.cfg.LineBytes)
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, errLineTooLong):
			r.report.Rows++
			reason := fmt.Errorf("the line is longer than %d bytes; shorten its texts or lists", r.cfg.LineBytes)
			if err := r.reject(lines.number, "", reason, string(line)); err != nil {
				return err
			}
			continue
		case err != nil:
			return endOfInput(name, lines.number, err)
		case len(line) == 0:
			continue
		}
		r.report.Rows++
		if err := r.line(ctx, lines.number, line); err != nil {
			return err
		}
	}
}

// line adds the record of a line.
func (r *run) line(ctx context.Context, number int64, line []byte) error {
	record, err := catalog.ParseRecord(line)
	if err != nil {
		return r.reject(number, "", err, string(line))
	}
	return r.addNew(ctx, entry{number, string(line), record}, r.id(&record), maphash.Bytes(r.seed, line))
}

// table imports CSV or TSV through the mapping.
func (r *run) table(ctx context.Context, name string, input *input) error {
	rows, err := newTableReader(name, input, r.cfg.Mapping, r.cfg.LineBytes)
	if err != nil {
		return err
	}
	columns, err := r.cfg.Mapping.bind(name, rows.header)
	if err != nil {
		return err
	}
	for {
		fields, err := rows.next()
		if refusal, ok := errors.AsType[rowError](err); ok {
			r.report.Rows++
			if err := r.reject(rows.line, "", refusal, rows.raw()); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return endOfInput(name, rows.line, err)
		}
		r.report.Rows++
		if err := r.row(ctx, rows, columns.row(fields)); err != nil {
			return err
		}
	}
}

// row adds the records that a row gives.
func (r *run) row(ctx context.Context, rows *tableReader, row *row) error {
	raw := rows.raw()
	for record, err := range r.cfg.Mapping.records(row) {
		if err != nil {
			err = r.reject(rows.line, string(record.kind), err, raw)
		} else {
			err = r.mapped(ctx, record, rows.line, raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mapped adds a record that a row gives. Many tables say the same of a thing in
// many rows, so one that is repeated is not even parsed.
func (r *run) mapped(ctx context.Context, record mapped, line int64, raw string) error {
	id, content := maphash.Bytes(r.seed, record.json[:record.idEnd]), maphash.Bytes(r.seed, record.json)
	if r.told[id].content == content {
		return nil
	}
	parsed, err := catalog.ParseRecord(record.json)
	if err != nil {
		return r.reject(line, string(record.kind), unplaced(err), raw)
	}
	return r.addNew(ctx, entry{line, raw, parsed}, id, content)
}

// unplaced takes the column off an error about the JSON that a mapping made,
// which nobody sees.
func unplaced(err error) error {
	if e, ok := errors.AsType[*ovenbird.Error](err); ok {
		at := *e
		at.Place = ovenbird.Place{}
		return &at
	}
	return err
}

// addNew adds a record unless the file said the same before, and refuses one
// that contradicts what it said: were the last to win, importing the file again
// would change the catalog there and back.
func (r *run) addNew(ctx context.Context, e entry, id, content uint64) error {
	last, known := r.told[id]
	put := e.record.Op == catalog.Put
	switch {
	case known && last.content == content:
		return nil
	case known && last.put && put:
		return r.reject(e.line, e.record.String(), fmt.Errorf(
			"it stands on line %d already, and not the same; keep one of the two, or make this a merge", last.line), e.raw)
	case len(r.told) >= rememberedRecords:
		clear(r.told)
	}
	r.told[id] = told{content: content, line: e.line, put: put}
	return r.add(ctx, e)
}

func (r *run) add(ctx context.Context, e entry) error {
	r.report.Records++
	if len(r.waitingIDs) > 0 && r.waitingIDs[r.id(&e.record)] {
		return r.wait(e)
	}
	r.batch = append(r.batch, e)
	r.batchBytes += len(e.raw)
	if len(r.batch) < r.cfg.BatchSize && r.batchBytes < batchBytes {
		return nil
	}
	return r.flush(ctx)
}

func (r *run) id(record *catalog.Record) uint64 { return maphash.String(r.seed, record.String()) }

// flush writes the batch.
func (r *run) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	batch := catalog.Batch{Actor: r.cfg.Actor, Records: make([]catalog.Record, len(r.batch))}
	for i := range r.batch {
		batch.Records[i] = r.batch[i].record
	}
	results, err := r.catalog.Apply(ctx, batch)
	if err != nil {
		return err
	}
	for i, result := range results {
		if err := r.settle(&r.batch[i], result); err != nil {
			return err
		}
	}
	clear(r.batch)
	r.batch, r.batchBytes = r.batch[:0], 0
	r.report.Read = r.read()
	r.progress(r.report)
	return nil
}

// settle does what a result asks for.
func (r *run) settle(e *entry, result catalog.Result) error {
	switch {
	case result.Err == nil:
		r.report.Accepted++
		if result.Changed {
			r.report.Changed++
		}
		return nil
	case result.Waits && !r.final:
		return r.wait(*e)
	default:
		return r.reject(e.line, e.record.String(), result.Err, e.raw)
	}
}

func (r *run) reject(line int64, record string, reason error, raw string) error {
	r.report.Rejected++
	one := Reject{File: r.name, Line: line, Record: record, Reason: reason.Error(), Raw: raw[:min(len(raw), rawBytes)]}
	if e, ok := errors.AsType[*ovenbird.Error](reason); ok && e.Place.File == "" && e.Place.Line == 0 {
		one.Column = e.Place.Column
	}
	if r.cfg.OnReject != nil {
		r.cfg.OnReject(one)
	}
	return r.rejects.add(one)
}
