package site

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// seed reads the path of a file to import and returns it with its folder: in the
// stack's, else in the site's where the stack lies in there. Such a file is data.
// It belongs to the site more than to the stack, and is in no version of it.
func (l *loader) seed(n *node, what string) string {
	name, place := l.located(n, what)
	l.written[place], l.data[place] = name, true
	return place
}

// file reads the path of a file that is part of the stack, and returns it with
// its folder. It is meant from the stack's folder. In stacks of before it was meant
// from the site's, and where such a path leads to a file it is still taken.
func (l *loader) file(n *node, what string) string {
	name, place := l.located(n, what)
	if name == "" {
		return place
	}
	body, _ := l.read(name) // a file that is missing has been told, or will be by Check
	l.written[place] = fmt.Sprintf("%s (%.12x)", strings.TrimPrefix(name, l.stack.Folder+"/"), sha256.Sum256(body))
	if place == l.place(name).File {
		return place
	}
	if _, err := fs.Stat(l.site.FS, name); err != nil {
		return place // which is told where the file is looked for
	}
	remedy := fmt.Sprintf("move the file to %s, which makes it part of the stack's versions", l.stack.path(name))
	if short, ok := strings.CutPrefix(name, l.stack.Folder+"/"); ok {
		remedy = fmt.Sprintf("write %s: %s", what, short)
	}
	l.notes = append(l.notes, Finding{
		Level: Warning, Place: n.place, Remedy: remedy,
		What: fmt.Sprintf("%s %q is meant from the site's folder, as it was before stacks could lie elsewhere", what, name),
	})
	return place
}

// located reads a path and returns it, cleaned, and with the folder it is meant
// from.
func (l *loader) located(n *node, what string) (name, place string) {
	s := l.string(n, what)
	if s == "" {
		return "", ""
	}
	if !filepath.IsLocal(filepath.FromSlash(s)) {
		l.at(n.place, "%s %q leaves the site's folder; put the file in it and use a path relative to it", what, s)
		return "", ""
	}
	name = path.Clean(filepath.ToSlash(s))
	if _, err := fs.Stat(l.files, name); err == nil || !l.stack.inSite() {
		return name, l.place(name).File
	}
	return name, filepath.Join(l.site.dir, filepath.FromSlash(name))
}

// read reads a file of the stack, wherever located finds it.
func (l *loader) read(name string) ([]byte, error) {
	body, err := fs.ReadFile(l.files, name)
	if err != nil && l.stack.inSite() {
		return fs.ReadFile(l.site.FS, name)
	}
	return body, err
}
