package bucket

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// disk is a driver for gocloud.dev/blob over a folder: one file per object, its
// attributes in the same file (see trailer), so that both change in one rename.
type disk struct {
	root  *os.Root
	files fileSystem
	plain bool // files are the bodies of objects and nothing else (see OpenPlain)
	// durable holds the folders that are known to survive a crash.
	durable sync.Map // path → struct{}
}

var (
	errExists      = errors.New("the object exists")
	errUnsupported = errors.New("not supported on disk")
)

// ErrorCode implements driver.Bucket.
func (d *disk) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gcerrors.NotFound
	case errors.Is(err, errExists):
		return gcerrors.FailedPrecondition
	case errors.Is(err, errKey):
		return gcerrors.InvalidArgument
	case errors.Is(err, errUnsupported):
		return gcerrors.Unimplemented
	default:
		return gcerrors.Unknown
	}
}

// As implements driver.Bucket: there is nothing below to reach for.
func (d *disk) As(any) bool { return false }

// ErrorAs implements driver.Bucket.
func (d *disk) ErrorAs(error, any) bool { return false }

// Close implements driver.Bucket.
func (d *disk) Close() error { return d.root.Close() }

// SignedURL implements driver.Bucket: a folder has no URL.
func (d *disk) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errUnsupported
}

// object is an object opened for reading. The file stays what it was when it
// was opened, whatever happens to the key meanwhile.
type object struct {
	*os.File
	trailer
	info fs.FileInfo
	size int64
}

func (d *disk) open(key string) (*object, error) {
	path, err := d.pathToRead(key)
	if err != nil {
		return nil, err
	}
	return d.openPath(path)
}

func (d *disk) openPath(path string) (*object, error) {
	f, err := d.root.Open(path)
	if errors.Is(err, errNotFolder) {
		err = fs.ErrNotExist // a segment of the key is an object
	}
	if err != nil {
		return nil, err
	}
	o := &object{File: f}
	if o.info, err = f.Stat(); err == nil {
		if o.info.IsDir() {
			err = fs.ErrNotExist
		} else {
			err = d.describe(o)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

// Attributes implements driver.Bucket.
func (d *disk) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	o, err := d.open(key)
	if err != nil {
		return nil, err
	}
	defer o.Close() //nolint:errcheck // a failed close of a reader loses nothing
	metadata, err := d.metadata(o)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{
		CacheControl:       o.CacheControl,
		ContentDisposition: o.ContentDisposition,
		ContentEncoding:    o.ContentEncoding,
		ContentLanguage:    o.ContentLanguage,
		ContentType:        o.ContentType,
		Metadata:           metadata,
		ModTime:            o.info.ModTime(),
		Size:               o.size,
		ETag:               `"` + strconv.FormatInt(o.info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(o.size, 36) + `"`,
	}, nil
}

// NewRangeReader implements driver.Bucket.
func (d *disk) NewRangeReader(_ context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	o, err := d.open(key)
	if err != nil {
		return nil, err
	}
	if opts.BeforeRead != nil {
		if err := opts.BeforeRead(d.As); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	rest := max(0, o.size-offset)
	if length < 0 || length > rest {
		length = rest
	}
	return &reader{object: o, body: io.NewSectionReader(o.File, offset, length)}, nil
}

// reader reads a part of an object's body.
type reader struct {
	object *object
	body   *io.SectionReader
}

func (r *reader) Read(p []byte) (int, error) { return r.body.Read(p) }
func (r *reader) Close() error               { return r.object.Close() }
func (r *reader) As(any) bool                { return false }

func (r *reader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{
		ContentType: r.object.ContentType,
		ModTime:     r.object.info.ModTime(),
		Size:        r.object.size,
	}
}

// Delete implements driver.Bucket.
func (d *disk) Delete(_ context.Context, key string, opts *driver.DeleteOptions) error {
	if opts.BeforeDelete != nil {
		if err := opts.BeforeDelete(d.As); err != nil {
			return err
		}
	}
	path, err := d.pathToRead(key)
	if err != nil {
		return err
	}
	o, err := d.openPath(path) // so that a folder is not taken for an object
	if err != nil {
		return err
	}
	if err := errors.Join(o.Close(), d.files.remove(path)); err != nil {
		return err
	}
	return d.files.syncFolder(folderOf(path))
}

// folderOf returns the folder that a path lies in, "." at the top.
func folderOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return "."
}
