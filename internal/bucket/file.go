package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
)

// File is an object that is open: it stays what it was when it was opened, even
// where the object goes, until nobody refers to the File any more. Any number of
// goroutines may read it.
type File struct {
	io.ReaderAt
	Size int64 // bytes
	// Checked says that this process has compared the whole object with the hash
	// that it is named by.
	Checked bool
}

// Open opens an object that does not change. Of a bucket in a folder nothing is
// read until the File is; of another, all is read now, and is in memory.
func (b *Bucket) Open(ctx context.Context, key string) (*File, error) {
	if err := ctx.Err(); err != nil {
		return nil, b.failed("opening", key, err)
	}
	if b.disk == nil {
		body, _, err := b.Read(ctx, key)
		return &File{ReaderAt: bytes.NewReader(body), Size: int64(len(body))}, err
	}
	o, err := b.disk.open(key)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, b.failed("opening", key, err)
	}
	return &File{ReaderAt: o.File, Size: o.size}, nil
}

// Open opens an object that is named by its hash, and has it checked.
func (c *Cache) Open(ctx context.Context, key string) (*File, error) {
	size, err := c.fetch(ctx, key)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(c.path(key))
	if err == nil {
		return &File{ReaderAt: file, Size: size, Checked: true}, nil
	}
	if c.origin == nil {
		return nil, missing(err, key)
	}
	// The folder does not take files, or somebody takes them away.
	body, _, err := c.origin.Read(ctx, key)
	return &File{ReaderAt: bytes.NewReader(body), Size: int64(len(body))}, err
}

// Doubt makes the cache check an object again when it is next asked for, and fetch
// it if it has been damaged since it was checked.
func (c *Cache) Doubt(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.checked, key)
}

// sumFile returns the hash of a file and its size, reading it in parts.
func sumFile(path string) (sum [sha256.Size]byte, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, 0, err
	}
	defer file.Close() //nolint:errcheck // a failed close of a reader loses nothing
	hash := sha256.New()
	size, err = io.CopyBuffer(struct{ io.Writer }{hash}, struct{ io.Reader }{file}, make([]byte, 256<<10))
	return [sha256.Size]byte(hash.Sum(nil)), size, err
}
