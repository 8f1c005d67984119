package site

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Spot is where in a site somebody works.
type Spot struct {
	// Site is the folder of the site; "" where there is none around.
	Site string
	// Stack is the stack in whose folder it is; "" where it is in none.
	Stack string
	// Instead is the stack's folder, where it lies elsewhere than the site and is to
	// be read in place of what the site names; "" where it is part of the site.
	Instead string
}

// Find looks for the site that a folder belongs to: from the folder upwards, the
// first that has a site.yaml, or a stack.yaml with the key site. That is how a
// stack in a repository of its own says to which site it belongs:
//
//	site: ../streaming                             # the site's folder, from here
//	site: {folder: ../streaming, stack: content}   # if the site knows the stack by another name than content
//
// A stack's environments are those of its site.
func Find(dir string) (Spot, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return Spot{}, err
	}
	within := "" // the nearest folder with a stack.yaml on the way up
	for at := start; ; at = filepath.Dir(at) {
		if exists(filepath.Join(at, siteFile)) {
			return spotIn(dir, start, at, within), nil
		}
		if exists(filepath.Join(at, stackFile)) {
			spot, linked, err := spotOf(dir, start, at)
			if linked || err != nil {
				return spot, err
			}
			within = at
		}
		if at == filepath.Dir(at) {
			return Spot{}, nil
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// spotIn is a spot in the folder of the site itself.
func spotIn(dir, start, at, within string) Spot {
	spot := Spot{Site: near(dir, start, at)}
	if within == "" {
		return spot
	}
	l := newLoader(os.DirFS(at), at)
	s := &Site{}
	l.siteItself(s, true) // what is wrong is told when the site is loaded
	for _, stack := range s.Stacks {
		if stack.inSite() && filepath.Join(at, filepath.FromSlash(stack.Folder)) == within {
			spot.Stack = stack.Name
		}
	}
	return spot
}

// spotOf is a spot in the folder of a stack whose stack.yaml says where the site
// is; linked is false where it does not.
func spotOf(dir, start, at string) (spot Spot, linked bool, err error) {
	l := newLoader(os.DirFS(at), near(dir, start, at))
	l.stack = &Stack{Name: filepath.Base(at), Folder: "."}
	n := l.yaml(stackFile).get("site")
	if n == nil {
		return Spot{}, false, nil // a file that can not be read is told when the site is loaded
	}
	folder, name := l.link(n)
	if err := l.err(); err != nil {
		return Spot{}, true, err
	}
	spot = Spot{Site: filepath.Join(l.dir, filepath.FromSlash(folder)), Instead: l.dir}
	root := newLoader(os.DirFS(spot.Site), spot.Site)
	s := &Site{}
	root.siteItself(s, true)
	if _, err := fs.Stat(root.files, siteFile); errors.Is(err, fs.ErrNotExist) {
		return Spot{}, true, ovenbird.ErrorAt(n.place, "there is no site in %s: it has no %s; clone the site there, or correct the path",
			spot.Site, siteFile)
	}
	stack, err := linkedStack(n, s, at, spot.Site, name)
	spot.Stack = stack
	return spot, true, err
}

// linkedStack returns the name that the site has for a stack: the one given, or
// the one whose folder it is, or the only one that lies elsewhere.
func linkedStack(n *node, s *Site, at, site, name string) (string, error) {
	var elsewhere []string
	for _, stack := range s.Stacks {
		if stack.Name == name {
			return name, nil
		}
		if stack.Repository == nil && same(filepath.Join(site, filepath.FromSlash(stack.Folder)), at) {
			return stack.Name, nil
		}
		if !stack.inSite() {
			elsewhere = append(elsewhere, stack.Name)
		}
	}
	switch {
	case name != "":
		return "", ovenbird.ErrorAt(n.place, "site %s has no stack %q; %s", s.Name, name, suggest(name, elsewhere))
	case len(elsewhere) == 1:
		return elsewhere[0], nil
	default:
		return "", ovenbird.ErrorAt(n.place, "site %s does not say which of its stacks this is; write site: {folder: …, stack: NAME} (%s)",
			s.Name, strings.Join(elsewhere, ", "))
	}
}

// same reports whether two paths lead to one folder.
func same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// link reads the key site of a stack.yaml.
func (l *loader) link(n *node) (folder, stack string) {
	if n.kind == textKind {
		return l.string(n, "site"), ""
	}
	root := l.object(n, "site", "folder", "stack")
	return l.string(l.need(root, "site", "folder", "folder: ../streaming"), "folder"), l.string(root.get("stack"), "stack")
}

// near writes a folder above or at start the way dir, which is start, is written.
func near(dir, start, at string) string {
	relative, err := filepath.Rel(start, at)
	if err != nil {
		return at
	}
	return filepath.Join(dir, relative)
}
