package purge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// record is what a process leaves to the next one.
type record struct {
	// Served are the releases of which caches may hold documents, in the order in
	// which they were served. The last one is being served, or about to be.
	Served []served `json:"served"`
	// Owed is what each target has still to be told.
	Owed map[string]release.Outdated `json:"owed"`
}

// served is a release, and what is to be purged when it can not be read any more.
type served struct {
	release.Ref
	Everything release.Outdated `json:"everything"`
}

// journal is where a record outlives the process.
type journal interface {
	read() (record, error)
	write(r record) error
}

// file is a record in a file.
type file struct{ path string }

// read returns the record. One that is not there or damaged is empty, which
// means that nothing is known.
func (f file) read() (record, error) {
	var r record
	body, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil {
		return record{}, ovenbird.Errorf(ovenbird.Unavailable, "reading what caches have been told: %w", err)
	}
	return r, nil
}

// write replaces the record. When it returns, a crash finds it.
func (f file) write(r record) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("noting what caches are to be told: %w", err)
		}
	}()
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	next, err := os.CreateTemp(dir, filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name()) //nolint:errcheck // after the rename it is not there
	_, err = next.Write(body)
	if err := errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), f.path); err != nil {
		return err
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	folder, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
