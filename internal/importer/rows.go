package importer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"strings"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// Format reads a kind of file as a table.
type Format struct {
	// Name says which kind, and all that decides what its rows are: an interrupted
	// import goes on only with the same one.
	Name string
	// Columns are the names of a row's fields, in order.
	Columns []string
	// Rows yields the rows of a file. An error ends it: an Invalid one, with its
	// place, where the file is broken.
	Rows func(name string, in io.Reader) iter.Seq2[FormatRow, error]
}

// FormatRow is a row as a Format reads it.
type FormatRow struct {
	Line   int64
	Raw    string   // as it is in the file, for the rejects
	Fields []string // in the order of the columns; nil gives no records
	// Refused are reasons why the row, or some of it, is refused.
	Refused []Refusal
	// Part names what of the source the row belongs to, and Complete says that the
	// rows of this part in this file are all there is of it: what the source
	// delivered in it before, and does not now, is removed. "" is no part.
	Part     string
	Complete bool
}

// Refusal is why a row, or some of it, is refused, and on which line.
type Refusal struct {
	Line   int64
	Reason string
}

// origin is where in a source a record comes from.
type origin struct {
	line int64
	part string
	raw  string
}

// lines imports NDJSON.
func (r *run) lines(ctx context.Context, name string, input *input) error {
	lines := newLineReader(input, r.cfg.LineBytes)
	for {
		line, err := lines.next()
		at := origin{line: lines.number, raw: string(line)}
		switch {
		case errors.Is(err, errLineTooLong):
			err = r.refuse(at, "", fmt.Errorf("the line is longer than %d bytes; shorten its texts or lists", r.cfg.LineBytes))
		case err != nil:
			return endOfInput(name, lines.number, err)
		case len(line) == 0:
			continue
		default:
			err = r.line(at, line)
		}
		if err == nil {
			err = r.rowDone(ctx, at.raw)
		}
		if err != nil {
			return err
		}
	}
}

// line adds the record of a line.
func (r *run) line(at origin, line []byte) error {
	record, err := catalog.ParseRecord(line)
	if err != nil {
		return r.refuse(at, "", err)
	}
	return r.addNew(at, record, r.id(&record), maphash.Bytes(r.seed, line))
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
	r.hashRow(strings.Join(rows.header, "\x00"))
	for {
		fields, err := rows.next()
		refusal, refused := errors.AsType[rowError](err)
		if err != nil && !refused {
			return endOfInput(name, rows.line, err)
		}
		at := origin{line: rows.line, raw: rows.raw()}
		if refused {
			err = r.refuse(at, "", refusal)
		} else {
			err = r.row(at, columns.row(fields))
		}
		if err == nil {
			err = r.rowDone(ctx, at.raw)
		}
		if err != nil {
			return err
		}
	}
}

// formatted imports what a Format reads, through the mapping.
func (r *run) formatted(ctx context.Context, name string, input *input) error {
	columns, err := r.cfg.Mapping.bind(name, r.cfg.Format.Columns)
	if err != nil {
		return err
	}
	var line int64
	for row, err := range r.cfg.Format.Rows(name, input) {
		if err != nil {
			return endOfInput(name, line, err)
		}
		line = row.Line
		at := origin{row.Line, row.Part, row.Raw}
		for _, refusal := range row.Refused {
			there := origin{refusal.Line, row.Part, row.Raw}
			if err := r.refuse(there, "", errors.New(refusal.Reason)); err != nil {
				return err
			}
		}
		if row.Complete && r.skipping == nil {
			r.delivery.complete = append(r.delivery.complete, row.Part)
		}
		if row.Fields != nil {
			if err := r.row(at, columns.row(row.Fields)); err != nil {
				return err
			}
		}
		if err := r.rowDone(ctx, row.Raw); err != nil {
			return err
		}
	}
	return nil
}

// row adds the records that a row gives.
func (r *run) row(at origin, row *row) error {
	for record, err := range r.cfg.Mapping.records(row) {
		if err != nil {
			err = r.refuseMapped(at, record, err)
		} else {
			err = r.mapped(at, record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mapped adds a record that a row gives. Many tables say the same of a thing in
// many rows, so one that is repeated is not even parsed.
func (r *run) mapped(at origin, record mapped) error {
	id, content := maphash.Bytes(r.seed, record.json[:record.idEnd]), maphash.Bytes(r.seed, record.json)
	if r.told[id].content == content {
		return nil
	}
	parsed, err := catalog.ParseRecord(record.json)
	if err != nil {
		return r.refuseMapped(at, record, unplaced(err))
	}
	return r.addNew(at, parsed, id, content)
}

// refuseMapped refuses a record that a row gives. Where it is known which one it
// is, what the source delivered as that before stays.
func (r *run) refuseMapped(at origin, record mapped, reason error) error {
	key := record.key()
	if key.ID == "" && key.Item == nil {
		return r.refuse(at, string(record.kind), reason)
	}
	if r.skipping == nil {
		r.delivery.keep(&key)
	}
	return r.refuseKnown(at, string(record.kind), reason)
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
func (r *run) addNew(at origin, record catalog.Record, id, content uint64) error {
	last, known := r.told[id]
	put := record.Op == catalog.Put
	switch {
	case known && last.content == content:
		return nil
	case known && last.put && put:
		return r.refuseKnown(at, record.String(), fmt.Errorf(
			"it stands on line %d already, and not the same; keep one of the two, or make this a merge", last.line))
	case len(r.told) >= rememberedRecords:
		clear(r.told)
	}
	r.told[id] = told{content: content, line: at.line, put: put}
	if r.skipping != nil {
		return nil
	}
	return r.take(&entry{line: at.line, part: at.part, raw: at.raw, record: record})
}
