package bucket

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"gocloud.dev/blob/driver"
)

// errInTheWay is what a folder, unlike other stores, can not do.
var errInTheWay = errors.New("on disk a key can not be an object and the folder of other objects at once")

// errNotFolder is what the system says of a path through a file.
const errNotFolder = syscall.ENOTDIR

// NewTypedWriter implements driver.Bucket. The body goes to a temporary file;
// Close makes that durable and gives it its name.
func (d *disk) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	path, err := d.path(key)
	if err != nil {
		return nil, err
	}
	temp := newTempName()
	f, err := d.files.create(temp)
	if err != nil {
		return nil, err
	}
	w := &writer{ctx: ctx, disk: d, file: f, temp: temp, path: path, ifNotExist: opts.IfNotExist, trailer: trailer{
		ContentType:        contentType,
		CacheControl:       opts.CacheControl,
		ContentDisposition: opts.ContentDisposition,
		ContentEncoding:    opts.ContentEncoding,
		ContentLanguage:    opts.ContentLanguage,
		Metadata:           opts.Metadata,
	}}
	if opts.BeforeWrite != nil {
		if err := opts.BeforeWrite(d.As); err != nil {
			return nil, errors.Join(err, f.Close(), d.files.remove(temp))
		}
	}
	return w, nil
}

// writer writes one object.
type writer struct {
	ctx        context.Context //nolint:containedctx // the driver interface gives Close no context of its own
	disk       *disk
	file       file
	temp, path string
	trailer    trailer
	ifNotExist bool
	failed     error // of Write
}

// Write implements driver.Writer. blob closes a writer whether or not its writes
// succeeded, so Close has to know.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		w.failed = err
	}
	return n, err
}

// Close publishes the object, unless the context has ended or a write failed.
func (w *writer) Close() error {
	err := errors.Join(w.finish(), w.file.Close())
	if err == nil {
		err = w.publish()
	}
	if errors.Is(err, errNotFolder) {
		err = errInTheWay
	}
	// After a rename the name is gone; otherwise the leftover goes now, or with
	// the next cleaning: nobody ever reads it.
	if e := w.disk.files.remove(w.temp); err == nil && e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = e
	}
	return err
}

// finish completes the temporary file and makes its content durable.
func (w *writer) finish() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.failed != nil {
		return w.failed
	}
	if !w.disk.plain {
		tail, err := w.trailer.encode()
		if err != nil {
			return err
		}
		if _, err := w.file.Write(tail); err != nil {
			return err
		}
	}
	return w.file.Sync()
}

// publish gives the finished file its name and makes the name durable. Where
// the object exists already its name is made durable too: its writer may not
// have come that far, and our caller will rely on it.
func (w *writer) publish() error {
	folder := folderOf(w.path)
	if err := w.disk.makeFolder(folder); err != nil {
		return err
	}
	place := w.disk.files.rename
	if w.ifNotExist {
		place = w.disk.files.link
	}
	err := place(w.temp, w.path)
	if info, e := w.disk.root.Stat(w.path); err != nil && e == nil && info.IsDir() {
		return errInTheWay
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := w.disk.files.syncFolder(folder); err != nil {
		return err
	}
	if err != nil {
		return errExists
	}
	return nil
}

// makeFolder makes the folder and those above it, and makes their names durable.
// A folder that exists may be the work of another process that has not come to
// that yet, so the first use of each one syncs the folder above it.
func (d *disk) makeFolder(folder string) error {
	if _, known := d.durable.Load(folder); known || folder == "." {
		return nil
	}
	var above string
	for segment := range strings.SplitSeq(folder, "/") {
		path := strings.TrimPrefix(above+"/"+segment, "/")
		if _, known := d.durable.Load(path); !known {
			if err := d.files.mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			if err := d.files.syncFolder(folderOf(path)); err != nil {
				return err
			}
			d.durable.Store(path, struct{}{})
		}
		above = path
	}
	return nil
}

// Copy implements driver.Bucket.
func (d *disk) Copy(ctx context.Context, dstKey, srcKey string, opts *driver.CopyOptions) error {
	source, err := d.open(srcKey)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // a failed close of a reader loses nothing
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := d.NewTypedWriter(writing, dstKey, source.ContentType, &driver.WriterOptions{
		CacheControl:       source.CacheControl,
		ContentDisposition: source.ContentDisposition,
		ContentEncoding:    source.ContentEncoding,
		ContentLanguage:    source.ContentLanguage,
		Metadata:           source.Metadata,
		BeforeWrite:        opts.BeforeCopy,
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, io.NewSectionReader(source.File, 0, source.size)); err != nil {
		cancel() // so that Close drops what was copied
		return errors.Join(err, w.Close())
	}
	return w.Close()
}
