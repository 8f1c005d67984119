package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"ovenbird/internal/ovenbird"
)

// rowError is what is wrong with one row: the next can be read.
type rowError struct{ error }

func (e rowError) Unwrap() error { return e.error }

// tableReader reads the rows of a CSV or TSV file.
type tableReader struct {
	header []string
	line   int64 // where the row read last starts
	next   func() ([]string, error)
	raw    func() string // the row read last, as it is in the file
}

func newTableReader(name string, in *input, m *Mapping, limit int) (*tableReader, error) {
	t := new(tableReader)
	if m.quotes {
		t.readQuoted(name, in, m.separator, limit)
	} else {
		t.readPlain(in, m.separator, limit)
	}
	header, err := t.next()
	if errors.Is(err, io.EOF) {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: name, Line: 1}, "the file is empty; the first line names the columns")
	}
	if _, bad := errors.AsType[rowError](err); bad {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: name, Line: 1}, "the header can not be read: %v", err)
	}
	if err != nil {
		return nil, endOfInput(name, t.line, err)
	}
	seen := make(map[string]bool)
	for i, column := range header {
		column = strings.TrimSpace(column)
		if column == "" || seen[column] {
			return nil, ovenbird.ErrorAt(ovenbird.Place{File: name, Line: 1},
				"column %d of the header is %q, empty or there twice; give each column a name of its own", i+1, column)
		}
		seen[column] = true
		t.header = append(t.header, column)
	}
	return t, nil
}

// readPlain splits lines at separators; quotes are characters like others.
func (t *tableReader) readPlain(in *input, separator rune, limit int) {
	lines := newLineReader(in, limit)
	var line []byte
	t.raw = func() string { return string(line) }
	t.next = func() (fields []string, err error) {
		for len(line) == 0 || fields == nil {
			line, err = lines.next()
			t.line = lines.number
			if errors.Is(err, errLineTooLong) {
				return nil, tooLong(limit)
			}
			if err != nil {
				return nil, err
			}
			if len(line) > 0 {
				fields = strings.Split(string(line), string(separator))
			}
		}
		return fields, t.checkRow(fields)
	}
}

// readQuoted reads CSV as RFC 4180 has it.
func (t *tableReader) readQuoted(name string, in *input, separator rune, limit int) {
	tape := &tape{in: in, limit: longestRead * limit}
	rows := csv.NewReader(tape)
	rows.Comma = separator
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	var raw []byte
	t.raw = func() string { return strings.TrimRight(string(raw), "\r\n") }
	t.next = func() ([]string, error) {
		fields, err := rows.Read()
		raw = tape.cut(rows.InputOffset())
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			t.line = int64(bad.StartLine)
			if errors.Is(err, csv.ErrQuote) && tape.atEnd() {
				return nil, ovenbird.ErrorAt(ovenbird.Place{File: name, Line: bad.StartLine},
					"the row that starts here has a quote that is never closed; close it: what stands before is imported")
			}
			return nil, rowError{fmt.Errorf("byte %d of the row: %w; put the value in quotes, and double those that are in it",
				bad.Column, bad.Err)}
		}
		if errors.Is(err, errRowTooLong) {
			return nil, ovenbird.ErrorAt(ovenbird.Place{File: name, Line: int(t.line) + 1},
				"a row at or after this line is longer than %d bytes; is there a quote that is never closed? "+
					"What stands before is imported", longestRead*limit)
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		t.line = int64(line)
		if len(raw) > limit {
			return nil, tooLong(limit)
		}
		return fields, t.checkRow(fields)
	}
}

// longestRead is how many times the longest row is read before nobody can say
// any more where the row ends: it is skipped up to that, and the next is read.
const longestRead = 16

func tooLong(limit int) error {
	return rowError{fmt.Errorf("the row is longer than %d bytes; shorten its values", limit)}
}

func (t *tableReader) checkRow(fields []string) error {
	if t.header != nil && len(fields) != len(t.header) {
		return rowError{fmt.Errorf("the row has %d fields, the header %d; put values that contain the separator in quotes",
			len(fields), len(t.header))}
	}
	for i, field := range fields {
		if !utf8.ValidString(field) {
			return rowError{fmt.Errorf("field %d is not valid UTF-8; save the file as UTF-8", i+1)}
		}
	}
	return nil
}

var errRowTooLong = errors.New("the row is too long")

// tape passes on what it reads and keeps it until it is cut, so that a row can be
// quoted as it was. As it bounds what it keeps, it bounds a row.
type tape struct {
	in    io.Reader
	limit int
	kept  []byte
	from  int64 // offset of kept
	ended bool
}

func (t *tape) Read(p []byte) (int, error) {
	if len(t.kept) > t.limit+readBuffer {
		return 0, errRowTooLong
	}
	n, err := t.in.Read(p)
	t.kept = append(t.kept, p[:n]...)
	t.ended = t.ended || errors.Is(err, io.EOF)
	return n, err
}

// atEnd reports whether all that there is was cut off.
func (t *tape) atEnd() bool { return t.ended && len(t.kept) == 0 }

// cut returns what lies between the last cut and offset to.
func (t *tape) cut(to int64) []byte {
	n := min(int(to-t.from), len(t.kept))
	row := bytes.Clone(t.kept[:n])
	t.kept = append(t.kept[:0], t.kept[n:]...)
	t.from += int64(n)
	return row
}
