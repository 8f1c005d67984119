package bucket

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"gocloud.dev/blob/driver"
)

const defaultPageSize = 1000

// errPageFull ends a walk; it never leaves ListPaged.
var errPageFull = errors.New("page full")

// ListPaged implements driver.Bucket. The token of a page is the last key of
// the one before.
func (d *disk) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	l := &lister{disk: d, opts: opts, token: string(opts.PageToken), size: opts.PageSize}
	if l.size == 0 {
		l.size = defaultPageSize
	}
	if opts.BeforeList != nil {
		if err := opts.BeforeList(d.As); err != nil {
			return nil, err
		}
	}
	if err := l.walk(ctx, ".", ""); err != nil && !errors.Is(err, errPageFull) {
		return nil, err
	}
	return &l.page, nil
}

// lister gathers one page by walking the folders in the order of keys.
type lister struct {
	disk  *disk
	opts  *driver.ListOptions
	token string
	size  int
	page  driver.ListPage
}

// walk visits the objects below folder, whose keys all begin with prefix.
func (l *lister) walk(ctx context.Context, folder, prefix string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := l.disk.readFolder(folder)
	if err != nil {
		return err
	}
	for _, e := range l.disk.keysOf(entries, prefix) {
		path := e.name
		if folder != "." {
			path = folder + "/" + e.name
		}
		if !e.folder {
			err = l.add(path, e.key)
		} else if l.mayHold(e.key) {
			err = l.walk(ctx, path, e.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayHold reports whether a folder, all of whose keys begin with prefix, may
// hold anything that belongs on the page.
func (l *lister) mayHold(prefix string) bool {
	if !strings.HasPrefix(prefix, l.opts.Prefix) && !strings.HasPrefix(l.opts.Prefix, prefix) {
		return false
	}
	if l.token != "" && prefix < l.token && !strings.HasPrefix(l.token, prefix) {
		return false // all of it comes before the page
	}
	last := len(l.page.Objects) - 1
	return last < 0 || !l.page.Objects[last].IsDir || !strings.HasPrefix(prefix, l.page.Objects[last].Key)
}

// add puts an object on the page, or the "directory" that stands for it.
func (l *lister) add(path, key string) error {
	rest, ok := strings.CutPrefix(key, l.opts.Prefix)
	if !ok {
		return nil
	}
	listed := &driver.ListObject{Key: key}
	if l.opts.Delimiter != "" {
		if i := strings.Index(rest, l.opts.Delimiter); i >= 0 {
			listed.Key = key[:len(l.opts.Prefix)+i+len(l.opts.Delimiter)]
			listed.IsDir = true
		}
	}
	last := len(l.page.Objects) - 1
	if listed.Key <= l.token || (listed.IsDir && last >= 0 && l.page.Objects[last].Key == listed.Key) {
		return nil
	}
	if len(l.page.Objects) == l.size {
		l.page.NextPageToken = []byte(l.page.Objects[last].Key)
		return errPageFull
	}
	if !listed.IsDir {
		o, err := l.disk.openPath(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotObject) {
			return nil // just deleted, or not ours
		}
		if err != nil {
			return err
		}
		listed.ModTime, listed.Size = o.info.ModTime(), o.size
		if err := o.Close(); err != nil {
			return err
		}
	}
	l.page.Objects = append(l.page.Objects, listed)
	return nil
}

// entry is a name in a folder: an object with its key, or a folder with the
// prefix that all keys below it share, which ends in "/".
type entry struct {
	name, key string
	folder    bool
}

// keysOf returns the entries that are ours, in the order of keys: because a
// folder sorts with its "/", walking them one after the other visits all keys
// of the bucket in order.
func (d *disk) keysOf(list []fs.DirEntry, prefix string) []entry {
	entries := make([]entry, 0, len(list))
	for _, l := range list {
		segment, ok := d.segment(prefix, l.Name())
		if !ok {
			continue
		}
		e := entry{name: l.Name(), key: prefix + segment, folder: l.IsDir()}
		if e.folder {
			e.key += "/"
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return entries
}

func (d *disk) readFolder(path string) ([]fs.DirEntry, error) {
	f, err := d.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // a failed close of a folder loses nothing
	return f.ReadDir(-1)
}
