package tree

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Reader reads a tree as a CDN would, to hold it against what it ought to be.
type Reader struct {
	files   files
	state   State
	layout  *layout
	unpress *unpress
}

// NewReader returns a reader of the tree in a store. editions are those of the
// release that it ought to hold. Where there is no tree, the error is NotFound, and
// where one is not complete Conflict.
func NewReader(ctx context.Context, from files, editions []release.Edition) (*Reader, error) {
	state, err := readState(ctx, from)
	if err != nil {
		return nil, err
	}
	if state.version == "" {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no tree; `ovenbird releases publish-tree` makes one")
	}
	if state.Applied == nil || len(state.Begun) > 0 || state.Scope == nil {
		return nil, ovenbird.Errorf(ovenbird.Conflict, "the tree is being written, or its publisher was interrupted: "+
			"wait, or bring it up to date with `ovenbird releases publish-tree`")
	}
	unpress, err := newUnpress()
	if err != nil {
		return nil, err
	}
	return &Reader{files: from, state: state, layout: newLayout(editions, *state.Scope), unpress: unpress}, nil
}

// State is what the tree says that it holds.
func (r *Reader) State() State { return r.state }

// Has reports whether a country's documents of an edition belong in the tree.
func (r *Reader) Has(country ovenbird.Country, edition string) bool {
	return r.layout.countries(edition).Has(country)
}

// Documents returns what lies in the folder of a country and an edition, by path.
// wrong says, by their names, what is the matter with the files that have to be the
// same: copies, and those at addresses without a language.
func (r *Reader) Documents(
	ctx context.Context, country ovenbird.Country, edition string,
) (documents map[string][]byte, wrong map[string]string, err error) {
	wrong = make(map[string]string)
	prefix := string(country) + "/" + edition + "/"
	if documents, err = r.folder(ctx, prefix, nil, wrong); err != nil {
		return nil, nil, err
	}
	o := r.layout.offers[edition]
	if o == nil || !o.defaults.Has(country) {
		return documents, wrong, nil
	}
	prefix = string(country) + "/" + o.Application + "/"
	languages := r.layout.languages[o.Application]
	same, err := r.folder(ctx, prefix, languages, wrong)
	if err != nil {
		return nil, nil, err
	}
	for path, body := range documents {
		first, _, _ := strings.Cut(path, "/")
		switch found, ok := same[path]; {
		case languages[first]:
		case !ok:
			wrong[prefix+path] = "is missing"
		case !bytes.Equal(found, body):
			wrong[prefix+path] = "is not the document of " + edition
		}
	}
	for path := range same {
		if _, ok := documents[path]; !ok {
			wrong[prefix+path] = "is left over"
		}
	}
	return documents, wrong, nil
}

// folder returns the documents below a prefix, but for some folders in it, and says
// what is wrong with their copies.
func (r *Reader) folder(ctx context.Context, prefix string, without map[string]bool, wrong map[string]string) (map[string][]byte, error) {
	files, err := r.read(ctx, prefix, without)
	if err != nil {
		return nil, err
	}
	documents := maps.Clone(files)
	maps.DeleteFunc(documents, func(path string, _ []byte) bool { _, _, coded := uncoded(path); return coded })
	for path, body := range documents {
		for _, c := range codingsOf(r.state.Scope.Codings) {
			found, ok := files[path+c.suffix]
			if !ok {
				wrong[prefix+path+c.suffix] = "is missing"
				continue
			}
			if decoded, err := c.decode(r.unpress, found); err != nil {
				wrong[prefix+path+c.suffix] = fmt.Sprintf("can not be read: %v", err)
			} else if !bytes.Equal(decoded, body) {
				wrong[prefix+path+c.suffix] = "is not a copy of the document"
			}
		}
	}
	for path := range files {
		document, c, coded := uncoded(path)
		if _, ok := documents[document]; coded && (!ok || !slices.Contains(r.state.Scope.Codings, c.name)) {
			wrong[prefix+path] = "is left over"
		}
	}
	return documents, nil
}

// readers is how many files are read at once.
const readers = 16

// read reads the files below a prefix, by what follows it.
func (r *Reader) read(ctx context.Context, prefix string, without map[string]bool) (map[string][]byte, error) {
	var names []string
	for info, err := range r.files.List(ctx, prefix) {
		if err != nil {
			return nil, storeFailed("listing the tree", err)
		}
		if first, _, below := strings.Cut(info.Key[len(prefix):], "/"); !below || !without[first] {
			names = append(names, info.Key)
		}
	}
	var mu sync.Mutex
	found := make(map[string][]byte, len(names))
	err := parallel(ctx, readers, slices.Values(names), func(ctx context.Context, name string) error {
		body, _, err := r.files.Read(ctx, name)
		if err != nil {
			return storeFailed("reading the tree", err)
		}
		mu.Lock()
		defer mu.Unlock()
		found[name[len(prefix):]] = body
		return nil
	})
	return found, err
}

// Strangers returns the names of the files that look like a tree's and lie in the
// folder of no country and edition that belongs in it.
func (r *Reader) Strangers(ctx context.Context) ([]string, error) {
	var strangers []string
	for info, err := range r.files.List(ctx, "") {
		if err != nil {
			return nil, storeFailed("listing the tree", err)
		}
		document, _, _ := uncoded(info.Key)
		if _, _, ok := r.layout.find(document); !ok && belongs(info.Key) {
			strangers = append(strangers, info.Key)
		}
	}
	return strangers, nil
}
