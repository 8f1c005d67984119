package importer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// Reject is a row or record that was refused: one line of the rejects file.
type Reject struct {
	File   string `json:"file"`            // as the source is named
	Line   int64  `json:"line,omitzero"`   // in the file, from 1; 0 for what is not in it any more
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

func (r *run) reject(one Reject, reason error) error {
	r.report.Rejected++
	one.File, one.Reason, one.Raw = r.name, reason.Error(), one.Raw[:min(len(one.Raw), rawBytes)]
	if e, ok := errors.AsType[*ovenbird.Error](reason); ok && e.Place.File == "" && e.Place.Line == 0 {
		one.Column = e.Place.Column
	}
	line, err := json.Marshal(one, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	r.untold = append(r.untold, one)
	return r.rejects.add(line)
}

// tell shows what was refused, once that is certain.
func (r *run) tell() {
	if r.cfg.OnReject != nil {
		for _, one := range r.untold {
			r.cfg.OnReject(one)
		}
	}
	r.untold = r.untold[:0]
}

// clearRejects removes what an earlier import left.
func clearRejects(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old rejects file: %w", err)
	}
	return nil
}

// publishRejects appends what a run has refused to the rejects file.
func (r *run) publishRejects() (err error) {
	if r.cfg.RejectsPath == "" || r.rejects.size == 0 || r.rejects.file == nil {
		return nil
	}
	in, err := r.rejects.reader()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(r.cfg.RejectsPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) //nolint:gosec // a file for its user, like any
	if err != nil {
		return fmt.Errorf("make the rejects file: %w", err)
	}
	if _, err := io.Copy(file, in); err != nil {
		return fmt.Errorf("write the rejects file: %w", errors.Join(err, file.Close()))
	}
	return file.Close()
}
