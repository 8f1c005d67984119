// Package bucket stores objects under keys: in a folder on disk, durably and
// across processes, or in memory. It is a concrete type over gocloud.dev/blob;
// what it adds is what a release needs and blob leaves to each store: writing
// an object once, and changing one by compare-and-swap.
//
// A reader sees the whole of an object or none of it, and an object whose write
// was reported done survives a crash of the machine (not in memory, of course).
//
// The package knows no domain. Keys are UTF-8 with "/" between segments.
package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Failures that a caller must tell apart; test with errors.Is.
var (
	// ErrNotFound means that no object has the key.
	ErrNotFound = errors.New("object not found")
	// ErrChanged means that the object is not the one the caller expected:
	// a lost compare-and-swap, or a Create over different content.
	ErrChanged = errors.New("object is not the expected one")
)

// Version identifies the content of an object: equal versions, equal bytes.
// The zero value means that there is no object.
type Version string

// Info describes an object.
type Info struct {
	Key      string
	Size     int64     // bytes
	Modified time.Time // when it was last written, by the store's clock
}

// Bucket is a set of objects. Any number of goroutines may use it. A method
// whose context has ended does nothing and returns the context's error.
type Bucket struct {
	blobs *blob.Bucket
	// lock keeps every other Swap on the same bucket out, in this process and
	// in others, until unlock is called.
	lock func(ctx context.Context) (unlock func(), err error)
}

const (
	contentType = "application/octet-stream"
	// versionKey is the metadata under which an object carries its version, so
	// that Version need not read the object.
	versionKey = "sha256"
)

// Close releases the bucket. Nothing may be called after it.
func (b *Bucket) Close() error {
	if err := b.blobs.Close(); err != nil {
		return fmt.Errorf("closing the bucket: %w", err)
	}
	return nil
}

// Create writes an object that must not exist yet. It is meant for keys that
// are derived from the content: where the object exists with the same bytes,
// Create succeeds, and with others it fails with ErrChanged.
func (b *Bucket) Create(ctx context.Context, key string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return failed("creating", key, err)
	}
	version := versionOf(body)
	err := b.write(ctx, key, body, version, true)
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		existing, err := b.Version(ctx, key)
		if err == nil && existing != version {
			err = ErrChanged
		}
		return failed("creating", key, err)
	}
	return failed("creating", key, err)
}

// Swap replaces the object with body if its version is still expect, and
// returns the new version. An expect of "" means that there must be no object.
// Who loses a race gets ErrChanged: read again, decide again.
func (b *Bucket) Swap(ctx context.Context, key string, body []byte, expect Version) (Version, error) {
	unlock, err := b.lock(ctx)
	if err != nil {
		return "", failed("locking the bucket to replace", key, err)
	}
	defer unlock()
	current, err := b.Version(ctx, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	if current != expect {
		return "", failed("replacing", key, ErrChanged)
	}
	next := versionOf(body)
	if err := b.write(ctx, key, body, next, false); err != nil {
		return "", failed("replacing", key, err)
	}
	return next, nil
}

func (b *Bucket) write(ctx context.Context, key string, body []byte, version Version, ifNotExist bool) error {
	return b.blobs.WriteAll(ctx, key, body, &blob.WriterOptions{
		ContentType: contentType,
		Metadata:    map[string]string{versionKey: string(version)},
		IfNotExist:  ifNotExist,
	})
}

// Read returns the whole object and its version.
func (b *Bucket) Read(ctx context.Context, key string) ([]byte, Version, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", failed("reading", key, err)
	}
	body, err := b.blobs.ReadAll(ctx, key)
	if err != nil {
		return nil, "", failed("reading", key, err)
	}
	return body, versionOf(body), nil
}

// ReadRange returns length bytes of the object from offset on. Asking for bytes
// beyond its end is an error (io.ErrUnexpectedEOF).
func (b *Bucket) ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	doing := fmt.Sprintf("reading %d bytes at %d of", length, offset)
	if err := ctx.Err(); err != nil {
		return nil, failed(doing, key, err)
	}
	r, err := b.blobs.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, failed(doing, key, err)
	}
	defer r.Close() //nolint:errcheck // a failed close of a reader loses nothing
	if length < 0 || offset < 0 || offset+length > r.Size() {
		return nil, failed(doing, key, io.ErrUnexpectedEOF)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, failed(doing, key, err)
	}
	return body, nil
}

// Version returns the object's version without reading the object: cheap
// enough to poll.
func (b *Bucket) Version(ctx context.Context, key string) (Version, error) {
	attributes, err := b.attributes(ctx, key)
	if err != nil {
		return "", failed("reading the version of", key, err)
	}
	version := Version(attributes.Metadata[versionKey])
	if version == "" {
		return "", failed("reading the version of", key, errors.New("the object was not written by a Bucket"))
	}
	return version, nil
}

// Stat describes the object.
func (b *Bucket) Stat(ctx context.Context, key string) (Info, error) {
	attributes, err := b.attributes(ctx, key)
	if err != nil {
		return Info{}, failed("looking up", key, err)
	}
	return Info{Key: key, Size: attributes.Size, Modified: attributes.ModTime}, nil
}

func (b *Bucket) attributes(ctx context.Context, key string) (*blob.Attributes, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return b.blobs.Attributes(ctx, key)
}

// List yields the objects whose keys begin with prefix, ordered by key. Objects
// that come or go meanwhile may be seen or missed. After an error it ends.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		objects := b.blobs.List(&blob.ListOptions{Prefix: prefix})
		for {
			object, err := objects.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Info{}, failed("listing what begins with", prefix, err))
				return
			}
			if !yield(Info{Key: object.Key, Size: object.Size, Modified: object.ModTime}, nil) {
				return
			}
		}
	}
}

// Delete removes the object; ErrNotFound where there is none.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return failed("deleting", key, err)
	}
	return failed("deleting", key, b.blobs.Delete(ctx, key))
}

// failed says what was being done to which key when err happened; nil stays nil.
func failed(doing, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("%s %q: %w", doing, key, ErrNotFound)
	default:
		return fmt.Errorf("%s %q: %w", doing, key, err)
	}
}

func versionOf(body []byte) Version {
	sum := sha256.Sum256(body)
	return Version(hex.EncodeToString(sum[:]))
}
