package bucket

import (
	"crypto/rand"
	"io"
	"os"
)

// fileSystem is every step by which the driver changes the disk, so that a test
// can stop at each of them. Paths are relative to the bucket's folder.
type fileSystem interface {
	mkdir(path string) error
	create(path string) (file, error) // the file must not exist
	link(from, to string) error       // fails with os.ErrExist where to exists
	rename(from, to string) error     // replaces what to is
	remove(path string) error
	syncFile(path string) error // one that is not open for writing any more
	syncFolder(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

// osFiles is the real file system. os.Root keeps every path inside the bucket's
// folder, symbolic links included.
type osFiles struct{ root *os.Root }

func (o osFiles) mkdir(path string) error { return o.root.Mkdir(path, folderMode) }

func (o osFiles) create(path string) (file, error) {
	return o.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

func (o osFiles) link(from, to string) error   { return o.root.Link(from, to) }
func (o osFiles) rename(from, to string) error { return o.root.Rename(from, to) }
func (o osFiles) remove(path string) error     { return o.root.Remove(path) }

func (o osFiles) syncFile(path string) error { return o.syncFolder(path) }

func (o osFiles) syncFolder(path string) error {
	f, err := o.root.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // a failed close of a folder loses nothing
	return f.Sync()
}

func newTempName() string { return tempFolder + "/" + rand.Text() }
