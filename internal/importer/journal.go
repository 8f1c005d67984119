package importer

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// journal is a file of lines that grows during a run and can be cut back to
// where it was, when what was written with them was not committed. It is made
// with its first line.
type journal struct {
	dir  string // for a journal without a path
	path string // "" is a temporary file, gone with the run
	file *os.File
	out  *bufio.Writer
	size int64
}

// open takes up a journal as it was at a size; false means that it is no more.
func (j *journal) open(size int64) (bool, error) {
	if size == 0 {
		return true, j.remove()
	}
	file, err := os.OpenFile(j.path, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	info, err := file.Stat()
	if err != nil || info.Size() < size {
		return false, errors.Join(err, file.Close())
	}
	j.file, j.out, j.size = file, bufio.NewWriter(file), info.Size()
	return true, j.truncate(size)
}

func (j *journal) add(line []byte) error {
	if j.file == nil {
		if err := j.create(); err != nil {
			return fmt.Errorf("make a file to keep rows in: %w", err)
		}
	}
	n, err := j.out.Write(append(line, '\n'))
	j.size += int64(n)
	return err
}

func (j *journal) create() (err error) {
	if j.path == "" {
		j.file, err = os.CreateTemp(cmp.Or(j.dir, os.TempDir()), "ovenbird-import-*.ndjson")
	} else {
		j.file, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	if err == nil {
		j.out = bufio.NewWriter(j.file)
	}
	return err
}

// truncate takes lines back.
func (j *journal) truncate(size int64) error {
	if j.file == nil {
		return nil
	}
	if err := j.out.Flush(); err != nil {
		return err
	}
	if err := j.file.Truncate(size); err != nil {
		return err
	}
	j.size = size
	_, err := j.file.Seek(size, io.SeekStart)
	return err
}

// sync makes what is written survive a power cut.
func (j *journal) sync() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.out.Flush(), j.file.Sync())
}

// reader returns the journal from its start. Nothing may be added until it is read.
func (j *journal) reader() (io.Reader, error) {
	if err := j.out.Flush(); err != nil {
		return nil, err
	}
	return io.NewSectionReader(j.file, 0, j.size), nil
}

// close closes the file. One that has a path stays.
func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.out.Flush(), j.file.Close())
	if j.path == "" {
		err = errors.Join(err, os.Remove(j.file.Name()))
	}
	j.file = nil
	return err
}

// remove removes what is on disk.
func (j *journal) remove() error {
	err := j.close()
	if j.path == "" {
		return err
	}
	if gone := os.Remove(j.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
