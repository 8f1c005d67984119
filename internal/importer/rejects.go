package importer

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// rejected is one line of the rejects file.
type rejected struct {
	Line   int64  `json:"line"`            // in the file that was imported, from 1
	Record string `json:"record,omitzero"` // which of the row's records, when known
	Reason string `json:"reason"`
	Raw    string `json:"raw"` // the row as it was, with invalid UTF-8 replaced
}

// rawBytes is how much of a row a reject quotes.
const rawBytes = 64 << 10

// rejects writes the rejects file, from the first reject on.
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

func (r *rejects) add(one rejected) error {
	if r.path == "" {
		return nil
	}
	if r.file == nil {
		file, err := os.Create(r.path)
		if err != nil {
			return fmt.Errorf("make the rejects file: %w", err)
		}
		r.file, r.out = file, bufio.NewWriter(file)
	}
	one.Raw = one.Raw[:min(len(one.Raw), rawBytes)]
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
