package bucket

import (
	"context"
	"errors"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// local is a store in this process or on this machine. It has no condition on
// versions, so Swap takes a lock.
type local struct {
	blobs *blob.Bucket
	// lock keeps every other swap on the same bucket out, in this process and in
	// others, until unlock is called.
	lock func(ctx context.Context) (unlock func(), err error)
}

// New returns a bucket over any driver of gocloud.dev/blob that writes an object
// where there is none only if it is told to. lock keeps every other Swap on the
// same objects out until unlock is called.
func New(blobs *blob.Bucket, lock func(context.Context) (unlock func(), err error)) *Bucket {
	return &Bucket{blobs: blobs, store: &local{blobs: blobs, lock: lock}}
}

func (l *local) create(ctx context.Context, key string, body []byte) error {
	version := versionOf(body)
	err := l.write(ctx, key, body, version, true)
	if gcerrors.Code(err) != gcerrors.FailedPrecondition {
		return err
	}
	existing, err := l.version(ctx, key)
	if err == nil && existing != version {
		err = ErrChanged
	}
	return err
}

func (l *local) swap(ctx context.Context, key string, body []byte, expect Version) (Version, error) {
	unlock, err := l.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	current, err := l.version(ctx, key)
	if err != nil && !notFound(err) {
		return "", err
	}
	if current != expect {
		return "", ErrChanged
	}
	next := versionOf(body)
	return next, l.write(ctx, key, body, next, false)
}

func (l *local) put(ctx context.Context, key string, body []byte, headers Headers) error {
	return l.writeAll(ctx, key, body, &blob.WriterOptions{
		ContentType:     headers.ContentType,
		ContentEncoding: headers.ContentEncoding,
		CacheControl:    headers.CacheControl,
		Metadata:        headers.metadata(versionOf(body)),
	})
}

func (l *local) write(ctx context.Context, key string, body []byte, version Version, ifNotExist bool) error {
	return l.writeAll(ctx, key, body, &blob.WriterOptions{
		ContentType: contentType,
		Metadata:    map[string]string{versionKey: string(version)},
		IfNotExist:  ifNotExist,
	})
}

// writeAll is what WriteAll of the bucket is, without an MD5 on the way there and
// another on the way in: a megabyte takes longer to sum than to write.
func (l *local) writeAll(ctx context.Context, key string, body []byte, options *blob.WriterOptions) error {
	ctx, cancel := context.WithCancel(ctx) // closing a writer whose context is canceled writes nothing
	defer cancel()
	w, err := l.blobs.NewWriter(ctx, key, options)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		cancel()
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

func (l *local) version(ctx context.Context, key string) (Version, error) {
	attributes, err := l.blobs.Attributes(ctx, key)
	if err != nil {
		return "", err
	}
	return versionIn(attributes)
}

func (l *local) read(ctx context.Context, key string) ([]byte, error) {
	return l.blobs.ReadAll(ctx, key)
}

func (l *local) readRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	r, err := l.blobs.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // a failed close of a reader loses nothing
	return readExactly(r, offset, length)
}

// readExactly reads what r was opened for, unless the object ends before.
func readExactly(r *blob.Reader, offset, length int64) ([]byte, error) {
	if length < 0 || offset < 0 || length > r.Size()-offset {
		return nil, io.ErrUnexpectedEOF
	}
	body := make([]byte, length)
	_, err := io.ReadFull(r, body)
	return body, err
}

// probe implements store: the suite checks the code, and there is nothing else.
func (l *local) probe(context.Context) error { return nil }

func (l *local) explain(err error) error { return err }

func (l *local) remote() bool { return false }

func notFound(err error) bool {
	return errors.Is(err, ErrNotFound) || gcerrors.Code(err) == gcerrors.NotFound
}
