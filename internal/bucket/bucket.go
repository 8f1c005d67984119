// Package bucket stores objects under keys: in a folder on disk, durably and
// across processes, in a store that speaks S3, or in memory. It is a concrete
// type over gocloud.dev/blob; what it adds is what a release needs and blob
// leaves to each store: writing an object once, and changing one by
// compare-and-swap.
//
// A reader sees the whole of an object or none of it, and an object whose write
// was reported done survives a crash of the machine (not in memory, of course).
//
// The package knows no domain. Keys are UTF-8 with "/" between segments. A store
// takes a key as it is or refuses it: not every store takes empty segments, those
// that are "." or "..", and control characters.
package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"time"

	"gocloud.dev/blob"
)

// Failures that a caller must tell apart; test with errors.Is.
var (
	// ErrNotFound means that no object has the key.
	ErrNotFound = errors.New("object not found")
	// ErrChanged means that the object is not the one the caller expected:
	// a lost compare-and-swap, or a Create over different content.
	ErrChanged = errors.New("object is not the expected one")
	// ErrSettings means that the bucket can not be used as it was asked for: a
	// wrong URL, wrong credentials, a store without what a bucket needs. Trying
	// again fails again.
	ErrSettings = errors.New("the bucket's settings are wrong")
)

// Version identifies the content of an object: equal versions, equal bytes.
// The zero value means that there is no object.
type Version string

// Info describes an object.
type Info struct {
	Key      string
	Size     int64     // bytes
	Modified time.Time // when it was last written, by the store's clock
	MD5      []byte    // of the body; from List alone, and nil where the store does not tell
}

// Headers are what a store that speaks HTTP sends along with an object. Metadata
// becomes x-amz-meta-… headers.
type Headers struct {
	ContentType, ContentEncoding, CacheControl string
	Metadata                                   map[string]string
}

// Bucket is a set of objects. Any number of goroutines may use it. A method
// whose context has ended does nothing and returns the context's error.
type Bucket struct {
	blobs *blob.Bucket
	store store
	disk  *disk // nil but for a bucket in a folder
}

// store is what each kind of store does in a way of its own. Its errors are
// ErrNotFound, ErrChanged, or as they come.
type store interface {
	// create writes an object where there is none, or the same one.
	create(ctx context.Context, key string, body []byte) error
	// swap replaces the object whose version is expect, and returns the new one.
	swap(ctx context.Context, key string, body []byte, expect Version) (Version, error)
	// put writes an object whatever there is.
	put(ctx context.Context, key string, body []byte, headers Headers) error
	// read returns the whole object.
	read(ctx context.Context, key string) ([]byte, error)
	// readRange returns length bytes from offset on, or io.ErrUnexpectedEOF.
	readRange(ctx context.Context, key string, offset, length int64) ([]byte, error)
	// probe checks that the store keeps what create and swap promise.
	probe(ctx context.Context) error
	// explain says what is wrong, where and what to do, if it knows; otherwise
	// it returns the error as it is.
	explain(err error) error
	remote() bool
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

// Remote reports whether every request goes to another machine, takes its time,
// and may cost money.
func (b *Bucket) Remote() bool { return b.store.remote() }

// Probe checks that the store does what Create and Swap rely on: that it refuses
// a write whose condition does not hold. It writes and removes objects under
// ProbePrefix, so it is for those who may write. A store that fails is of no use
// to them (ErrSettings): two of them could overwrite each other unseen.
func (b *Bucket) Probe(ctx context.Context) error {
	if err := b.store.probe(ctx); err != nil {
		return fmt.Errorf("probing the bucket: %w", b.store.explain(err))
	}
	return nil
}

// Create writes an object that must not exist yet. It is meant for keys that
// are derived from the content: where the object exists with the same bytes,
// Create succeeds, and with others it fails with ErrChanged. After any other
// error the object may exist or not, and Create may be called again.
func (b *Bucket) Create(ctx context.Context, key string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return b.failed("creating", key, err)
	}
	return b.failed("creating", key, b.store.create(ctx, key, body))
}

// Swap replaces the object with body if its version is still expect, and
// returns the new version. An expect of "" means that there must be no object.
// Who loses a race gets ErrChanged: read again, decide again. After any other
// error the object may have been replaced or not, and in a remote store it may
// still come to that.
//
// A version that comes back is taken for the one it was. Whoever must tell
// "again" from "still" puts a number into the content that only grows.
func (b *Bucket) Swap(ctx context.Context, key string, body []byte, expect Version) (Version, error) {
	if err := ctx.Err(); err != nil {
		return "", b.failed("replacing", key, err)
	}
	next, err := b.store.swap(ctx, key, body, expect)
	if err != nil {
		return "", b.failed("replacing", key, err)
	}
	return next, nil
}

// Put writes an object in place of whatever there is. Of two at once, either may
// be the last. After an error the object may have been written or not, and in a
// remote store it may still come to that.
func (b *Bucket) Put(ctx context.Context, key string, body []byte, headers Headers) error {
	if err := ctx.Err(); err != nil {
		return b.failed("writing", key, err)
	}
	return b.failed("writing", key, b.store.put(ctx, key, body, headers))
}

// Read returns the whole object and its version.
func (b *Bucket) Read(ctx context.Context, key string) ([]byte, Version, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", b.failed("reading", key, err)
	}
	body, err := b.store.read(ctx, key)
	if err != nil {
		return nil, "", b.failed("reading", key, err)
	}
	return body, versionOf(body), nil
}

// ReadRange returns length bytes of the object from offset on. Asking for bytes
// beyond its end is an error (io.ErrUnexpectedEOF).
func (b *Bucket) ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	doing := fmt.Sprintf("reading %d bytes at %d of", length, offset)
	if err := ctx.Err(); err != nil {
		return nil, b.failed(doing, key, err)
	}
	body, err := b.store.readRange(ctx, key, offset, length)
	if err != nil {
		return nil, b.failed(doing, key, err)
	}
	return body, nil
}

// Version returns the object's version without reading the object: cheap
// enough to poll.
func (b *Bucket) Version(ctx context.Context, key string) (Version, error) {
	attributes, err := b.attributes(ctx, key)
	if err != nil {
		return "", b.failed("reading the version of", key, err)
	}
	version, err := versionIn(attributes)
	if err != nil {
		return "", b.failed("reading the version of", key, err)
	}
	return version, nil
}

// Stat describes the object.
func (b *Bucket) Stat(ctx context.Context, key string) (Info, error) {
	attributes, err := b.attributes(ctx, key)
	if err != nil {
		return Info{}, b.failed("looking up", key, err)
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
				yield(Info{}, b.failed("listing what begins with", prefix, err))
				return
			}
			if !yield(Info{Key: object.Key, Size: object.Size, Modified: object.ModTime, MD5: object.MD5}, nil) {
				return
			}
		}
	}
}

// Delete removes the object; ErrNotFound where there is none.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return b.failed("deleting", key, err)
	}
	return b.failed("deleting", key, b.blobs.Delete(ctx, key))
}

// failed says what was being done to which key when err happened; nil stays nil.
func (b *Bucket) failed(doing, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case notFound(err):
		return fmt.Errorf("%s %q: %w", doing, key, ErrNotFound)
	default:
		return fmt.Errorf("%s %q: %w", doing, key, b.store.explain(err))
	}
}

// metadata returns the metadata of an object with this version.
func (h Headers) metadata(version Version) map[string]string {
	all := map[string]string{versionKey: string(version)}
	maps.Copy(all, h.Metadata)
	return all
}

func versionOf(body []byte) Version {
	sum := sha256.Sum256(body)
	return Version(hex.EncodeToString(sum[:]))
}

// versionIn returns the version that an object carries.
func versionIn(attributes *blob.Attributes) (Version, error) {
	version := Version(attributes.Metadata[versionKey])
	if version == "" {
		return "", errors.New("the object was not written by a Bucket")
	}
	return version, nil
}
