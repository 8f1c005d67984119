package importer

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// Reject is a row or record that was refused: one line of the rejects file.
type Reject struct {
	File   string `json:"file"`            // as the source is named
	Line   int64  `json:"line"`            // in the file, from 1
	Column int    `json:"column,omitzero"` // in characters, from 1; 0 where the whole line is meant
	Record string `json:"record,omitzero"` // which of the row's records, when known
	Reason string `json:"reason"`          // what is wrong, and what would be right
	Raw    string `json:"raw"`             // the row as it was, or its start, with invalid UTF-8 replaced
}

// String formats r as file:line:column: record: reason.
func (r Reject) String() string {
	place := ovenbird.Place{File: r.File, Line: int(r.Line), Column: r.Column}
	if r.Record == "" {
		return fmt.Sprintf("%s: %s", place, r.Reason)
	}
	return fmt.Sprintf("%s: %s: %s", place, r.Record, r.Reason)
}

// rawBytes is how much of a row a reject quotes.
const rawBytes = 64 << 10

// rejects writes the rejects file of a run, from its first reject on.
type rejects struct {
	path string
	file *os.File
	out  *bufio.Writer
}

func newRejects(path string) *rejects { return &rejects{path: path} }

// clear removes what an earlier import left.
func (r *rejects) clear() error {
	if r.path == "" {
		return nil
	}
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old rejects file: %w", err)
	}
	return nil
}

func (r *rejects) add(one Reject) error {
	if r.path == "" {
		return nil
	}
	if r.file == nil {
		file, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("make the rejects file: %w", err)
		}
		r.file, r.out = file, bufio.NewWriter(file)
	}
	line, err := json.Marshal(one, jsontext.AllowInvalidUTF8(true))
	if err == nil {
		_, err = r.out.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the rejects file: %w", err)
	}
	return nil
}

func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	if err := errors.Join(r.out.Flush(), r.file.Close()); err != nil {
		return fmt.Errorf("write the rejects file: %w", err)
	}
	return nil
}
