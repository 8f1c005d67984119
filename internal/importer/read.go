package importer

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"ovenbird/internal/catalog"
)

// The functions here read without importing: for those who compare a whole
// table or file with what they have before anything is written.

// Columns returns the names of the columns that the mapping reads, sorted.
func (m *Mapping) Columns() []string {
	names := make([]string, len(m.used))
	for i, used := range m.used {
		names[i] = used.name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Table is a mapping bound to the columns of a table, such as the result of a
// query. It is immutable.
type Table struct {
	mapping *Mapping
	columns *columns
}

// Bind finds the mapping's columns among those of a table. One that is not there
// is an Invalid error with its place in the mapping. Name is for messages.
func (m *Mapping) Bind(name string, header []string) (*Table, error) {
	columns, err := m.bind(name, header)
	if err != nil {
		return nil, err
	}
	return &Table{m, columns}, nil
}

// Records yields the records that a row gives, in order. With an error comes
// what is known of the record that was refused: its type and id at most.
// Fields is in the order of the columns; "" is no value.
func (t *Table) Records(fields []string) iter.Seq2[catalog.Record, error] {
	return func(yield func(catalog.Record, error) bool) {
		for made, err := range t.mapping.records(t.columns.row(fields)) {
			var record catalog.Record
			if err == nil {
				if record, err = catalog.ParseRecord(made.json); err != nil {
					err = unplaced(err)
				}
			}
			if err != nil {
				record = made.key()
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// key returns a record with the type and id alone, as far as they are known.
func (m mapped) key() catalog.Record {
	if m.idEnd == 0 {
		return catalog.Record{Type: m.kind}
	}
	// A deletion has nothing but the key.
	line := append(slices.Clone(m.json[:m.idEnd]), `,"op":"delete"}`...)
	record, err := catalog.ParseRecord(line)
	if err != nil {
		return catalog.Record{Type: m.kind}
	}
	return record
}

// Visitor is called with what a file holds, in its order. An error that it
// returns ends the reading and comes back as it is.
type Visitor struct {
	// Begin gets the columns of a table; it may be nil.
	Begin func(columns []string) error
	// Row gets a row of a table.
	Row func(line int64, fields []string) error
	// Record gets a record of an NDJSON file.
	Record func(line int64, record catalog.Record) error
	// Refused gets the reason why a line or row can not be read.
	Refused func(line int64, reason error) error
}

// Read reads a file without importing it: the rows of a table in the format of
// a mapping, or records where the mapping is nil. LineBytes is the longest line
// or row. A file that breaks off is an Invalid error.
func Read(src Source, m *Mapping, lineBytes int, v Visitor) error {
	in, err := openInput(src)
	if err != nil {
		return err
	}
	if m == nil {
		return readRecords(src.Name, in, lineBytes, v)
	}
	return readRows(src.Name, in, m, lineBytes, v)
}

func readRecords(name string, in *input, lineBytes int, v Visitor) error {
	lines := newLineReader(in, lineBytes)
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, errLineTooLong):
			err = v.Refused(lines.number, fmt.Errorf("the line is longer than %d bytes; shorten its texts or lists", lineBytes))
		case err != nil:
			return endOfInput(name, lines.number, err)
		case len(line) > 0:
			err = visit(lines.number, line, v)
		}
		if err != nil {
			return err
		}
	}
}

func visit(number int64, line []byte, v Visitor) error {
	record, err := catalog.ParseRecord(line)
	if err != nil {
		return v.Refused(number, err)
	}
	return v.Record(number, record)
}

func readRows(name string, in *input, m *Mapping, lineBytes int, v Visitor) error {
	rows, err := newTableReader(name, in, m, lineBytes)
	if err != nil {
		return err
	}
	if v.Begin != nil {
		if err := v.Begin(rows.header); err != nil {
			return err
		}
	}
	for {
		fields, err := rows.next()
		if refusal, ok := errors.AsType[rowError](err); ok {
			err = v.Refused(rows.line, refusal)
		} else if err != nil {
			return endOfInput(name, rows.line, err)
		} else {
			err = v.Row(rows.line, fields)
		}
		if err != nil {
			return err
		}
	}
}
