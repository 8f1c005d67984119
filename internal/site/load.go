package site

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"ovenbird/internal/ovenbird"
)

// Config is what it takes to read a site whose stacks lie in other places than
// its own folder. The zero value reads stacks in folders.
type Config struct {
	// Checkout returns the folder that has the files of a repository at a commit.
	// Without, a stack in a repository is an error.
	Checkout func(ctx context.Context, url, commit string) (folder string, err error)
	// Instead has folders to read stacks from in place of what the site names, by the
	// name of the stack: the working copy that somebody is editing.
	Instead map[string]string
	// Pin reads a site whose stacks in repositories are not all pinned, and no stack:
	// just what site.yaml says, for who is about to pin them.
	Pin bool
}

// Load reads and checks a site whose stacks lie in folders. What is wrong with its
// files comes back as Errors; a folder without a site.yaml is NotFound.
func Load(dir string) (*Site, error) { return Open(context.Background(), dir, Config{}) }

// Open reads and checks the site in a folder, like Load.
func Open(ctx context.Context, dir string, config Config) (*Site, error) {
	if _, err := os.Stat(filepath.Join(dir, siteFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, ovenbird.Errorf(ovenbird.NotFound,
			"there is no site in %s: it has no %s; name a site's folder with --site, such as examples/toons", dir, siteFile)
	}
	l := newLoader(os.DirFS(dir), dir)
	l.find = func(s *Stack) (fs.FS, string, error) { return find(ctx, dir, s, config) }
	return l.load(config.Pin)
}

// OpenFiles reads and checks a site of which there are just files, such as those
// of a bundle. name says in messages what they are. Stacks elsewhere are errors.
func OpenFiles(files fs.FS, name string) (*Site, error) { return load(files, name) }

// load reads a site from files, which messages place in dir.
func load(files fs.FS, dir string) (*Site, error) { return newLoader(files, dir).load(false) }

// The files of a site, as slash-separated paths below its folder, and those of a
// stack, below the stack's.
const (
	siteFile           = "site.yaml"
	lockFile           = "site.lock"
	environmentsFolder = "environments"
	stackFile          = "stack.yaml"
	applicationsFolder = "applications"
)

// loader reads one site's files and collects what is wrong with them. It begins
// with the site's own files and goes on to those of each stack.
type loader struct {
	problems
	files  fs.FS  // that are read now: the site's, or a stack's
	dir    string // of these files, as messages name it
	site   tree   // the site's own
	find   func(*Stack) (fs.FS, string, error)
	stack  *Stack    // whose files are read; nil while they are the site's
	shapes []string  // paths of those that were read, below the content stack
	notes  []Finding // what works, and is not as it should be
	// written is Content's, and data the site's.
	written map[string]string
	data    map[string]bool
}

// tree is files with what messages call their folder.
type tree struct {
	fs.FS

	dir string
}

func newLoader(all fs.FS, dir string) *loader {
	l := &loader{files: all, dir: dir, site: tree{all, dir}, written: make(map[string]string), data: make(map[string]bool)}
	l.find = func(s *Stack) (fs.FS, string, error) { return within(all, dir, s) }
	return l
}

// load reads the site and, unless only the site itself is asked for, its stacks.
func (l *loader) load(alone bool) (*Site, error) {
	s := &Site{Dir: l.dir, files: l.files}
	l.siteItself(s, alone)
	if !alone {
		l.stacks(s)
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	s.shapes, s.notes, s.data = l.shapes, l.notes, l.data
	slices.SortStableFunc(s.notes, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
	if !alone {
		s.Content.written = l.written
		s.Content.Hash = hash(s)
	}
	return s, nil
}

// place is the beginning of a file, as messages name it.
func (l *loader) place(name string) ovenbird.Place {
	return ovenbird.Place{File: filepath.Join(l.dir, filepath.FromSlash(name))}
}

// yaml reads a YAML file.
func (l *loader) yaml(name string) *node {
	place := l.place(name)
	body, err := fs.ReadFile(l.files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.at(place, "the file is missing; %s", whatNeeds(name))
		return nil
	case err != nil:
		l.at(place, "the file can not be read: %v", err)
		return nil
	}
	return parseYAML(&l.problems, place.File, body)
}

func whatNeeds(name string) string {
	if name == siteFile {
		return "every site has one"
	}
	return "every stack has one"
}

// namePattern is what names in addresses and file names look like.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// nameRule says what namePattern admits.
const nameRule = "use up to 32 lower-case letters, digits and -, beginning with a letter"

func (l *loader) siteItself(s *Site, alone bool) {
	root := l.object(l.yaml(siteFile), siteFile, "name", "description", "stacks")
	if root == nil {
		return
	}
	name := l.need(root, siteFile, "name", "name: toons")
	s.Name = l.string(name, "name")
	if s.Name != "" && !namePattern.MatchString(s.Name) {
		l.at(name.place, "name %q can not be a site's name; %s", s.Name, nameRule)
	}
	s.Description = l.string(root.get("description"), "description")
	s.Stacks = l.stackList(l.need(root, siteFile, "stacks", "stacks: [content]"))
	l.resolve(s.Stacks)
	if !alone {
		l.pinned(s.Stacks)
	}
}
