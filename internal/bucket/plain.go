package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"gocloud.dev/blob"
)

// OpenPlain returns a bucket in a folder of plain files, for programs such as a
// web server to read: the file of a key has the key as its name, and holds the
// body and nothing else. So there is nowhere for Headers, and Version and Stat
// read the whole file. The folder is made where it is missing; several processes
// may have it open at once.
//
// The names .lock and .tmp at the top are the bucket's own. Files that others
// put there are objects like all others.
func OpenPlain(ctx context.Context, dir string) (*Bucket, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder %s: %w", dir, err)
	}
	d.plain = true
	if err := d.removeAbandoned(ctx, time.Now()); err != nil {
		return nil, errors.Join(fmt.Errorf("cleaning the folder %s: %w", dir, err), d.Close())
	}
	return New(blob.NewBucket(d), d.lock), nil
}

// errPlainKey says which keys a folder of plain files takes.
var errPlainKey = errors.New(`in a folder of plain files a key has no segment that is empty, "." or "..", ` +
	"no control character, no backslash, and does not begin with " + lockFile + " or " + tempFolder)

// path returns the path of a key's file below the bucket's folder.
func (d *disk) path(key string) (string, error) {
	if !d.plain {
		return keyPath(key)
	}
	odd := !utf8.ValidString(key) || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' })
	for i, segment := range strings.Split(key, "/") {
		odd = odd || segment == "" || segment == "." || segment == ".." || i == 0 && (segment == tempFolder || segment == lockFile)
	}
	if odd {
		return "", fmt.Errorf("%w: %q", errPlainKey, key)
	}
	return key, nil
}

// pathToRead is path for who expects an object under the key: what can not be a
// key leads to none.
func (d *disk) pathToRead(key string) (string, error) {
	path, err := d.path(key)
	if errors.Is(err, errPlainKey) {
		err = fs.ErrNotExist
	}
	return path, err
}

// segment returns the segment of a key that a name in a folder stands for; not ok
// where it stands for none. prefix is what comes before it in the key.
func (d *disk) segment(prefix, name string) (segment string, ok bool) {
	if !d.plain {
		return unescapeSegment(name)
	}
	_, err := d.path(prefix + name)
	return name, err == nil
}

// describe reads what a file says of the object in it.
func (d *disk) describe(o *object) (err error) {
	if !d.plain {
		o.trailer, o.size, err = readTrailer(o, o.info.Size())
		return err
	}
	o.size = o.info.Size()
	return nil
}

// metadata returns the metadata of an object.
func (d *disk) metadata(o *object) (map[string]string, error) {
	if !d.plain {
		return o.Metadata, nil
	}
	body, err := io.ReadAll(io.NewSectionReader(o, 0, o.size))
	if err != nil {
		return nil, err
	}
	return map[string]string{versionKey: string(versionOf(body))}, nil
}
