package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Stack is one of a site's service stacks: all that a service is made from,
// deployed together.
type Stack struct {
	Name        string
	Kind        string
	Description string // one line for people; "" when there is none
	// Folder is where the stack lies, as site.yaml has it: a slash-separated path from
	// the site's folder, or, of a stack in a repository, from the top of that.
	Folder     string
	Repository *Repository // nil of a stack in a folder
	// Dir is the folder that it was read from.
	Dir string

	place ovenbird.Place // in site.yaml
	files fs.FS
}

// Repository is where a stack lies that has a git repository of its own.
type Repository struct {
	URL      string // as site.yaml has it
	Address  string // what to fetch from: the URL, or its path on this machine, which is meant from the site's folder
	Revision string // a commit, or the branch or tag that site.lock pins to one
	Commit   string // in full; "" while the revision is not pinned
}

// Here reports whether there is a service for the stack's kind.
func (s *Stack) Here() bool {
	return slices.ContainsFunc(kinds, func(k stackKind) bool { return k.name == s.Kind && k.read != nil })
}

// path is a file of the stack, as messages name it where the folder that the site
// lies in does not matter.
func (s *Stack) path(name string) string {
	if s.Repository != nil && s.Folder == "." {
		return path.Join(s.Name, name)
	}
	return path.Join(s.Folder, name)
}

// inSite reports whether the stack lies in the site's folder.
func (s *Stack) inSite() bool { return s.Repository == nil && fs.ValidPath(s.Folder) }

// Stack returns the stack with a name.
func (s *Site) Stack(name string) (Stack, bool) {
	for _, stack := range s.Stacks {
		if stack.Name == name {
			return stack, true
		}
	}
	return Stack{}, false
}

// ContentStack returns the stack that Content was read from.
func (s *Site) ContentStack() Stack {
	for _, stack := range s.Stacks {
		if stack.Kind == contentKind {
			return stack
		}
	}
	return Stack{}
}

// stackList reads the stacks: a list of names, each of the kind and in the folder
// of that name; or a mapping that says of each what it is and where.
func (l *loader) stackList(n *node) []Stack {
	var list []Stack
	switch {
	case n == nil:
		return nil
	case n.kind == mappingKind:
		for _, e := range n.entries {
			list = append(list, l.stackEntry(e))
		}
	default:
		for _, item := range l.items(n, "stacks") {
			if s, ok := l.stackName(item, list); ok {
				list = append(list, s)
			}
		}
	}
	if n.kind == listKind && len(n.items) == 0 || n.kind == mappingKind && len(n.entries) == 0 {
		l.at(n.place, "stacks is empty; name at least the stack content")
	}
	l.oneContent(n, list)
	return list
}

// stackName reads an item of the short form.
func (l *loader) stackName(item *node, before []Stack) (Stack, bool) {
	name := l.string(item, "a stack")
	switch {
	case name == "":
		return Stack{}, false
	case slices.ContainsFunc(before, func(s Stack) bool { return s.Name == name }):
		l.at(item.place, "stack %q stands here twice; remove one", name)
		return Stack{}, false
	case !slices.Contains(kindNames(), name):
		l.at(item.place, "unknown stack %q; %s", name, suggest(name, kindNames()))
		return Stack{}, false
	}
	return Stack{Name: name, Kind: name, Folder: name, place: item.place}, true
}

// stackEntry reads an entry of the long form.
func (l *loader) stackEntry(e entry) Stack {
	s := Stack{Name: e.key, Kind: e.key, Folder: e.key, place: e.place}
	if !namePattern.MatchString(e.key) {
		l.at(e.place, "stack %q can not be a stack's name; %s", e.key, nameRule)
	}
	n := e.value
	if n.kind == nullKind {
		n = nil // just the name, like an item of the short form
	}
	n = l.object(n, "stack "+e.key, "kind", "folder", "git", "revision")
	if kind := n.get("kind"); kind != nil {
		s.Kind = l.string(kind, "kind")
		if s.Kind != "" && !slices.Contains(kindNames(), s.Kind) {
			l.at(kind.place, "unknown kind %q; %s", s.Kind, suggest(s.Kind, kindNames()))
		}
	} else if !slices.Contains(kindNames(), e.key) {
		l.at(e.place, "stack %s does not say its kind, and is not named like one; add kind, one of %s",
			e.key, strings.Join(kindNames(), ", "))
	}
	s.Repository = l.repository(n, e)
	if s.Repository != nil {
		s.Folder = "."
	}
	if folder := n.get("folder"); folder != nil {
		s.Folder = l.folder(folder, &s)
	}
	return s
}

// repository reads where a stack lies that has a repository of its own; nil for
// one in a folder.
func (l *loader) repository(n *node, e entry) *Repository {
	address, revision := n.get("git"), n.get("revision")
	if address == nil {
		if revision != nil {
			l.at(revision.place, "a revision belongs to a repository; add git: https://…, or remove it")
		}
		return nil
	}
	r := &Repository{URL: l.string(address, "git")}
	if !l.safeURL(address, r.URL) {
		return r // of no revision, so that nobody asks git for it
	}
	r.Address = r.URL
	if r.URL != "" && !strings.Contains(r.URL, ":") && !filepath.IsAbs(r.URL) {
		r.Address = filepath.Join(l.dir, filepath.FromSlash(r.URL))
	}
	if revision == nil {
		l.at(e.place, "stack %s lies in a repository and does not say at which revision; add revision: a branch, a tag or a commit", e.key)
		return r
	}
	r.Revision = l.revision(revision)
	return r
}

// safeURL refuses what git would not take for the address of a repository, and
// passwords, which others could see.
func (l *loader) safeURL(n *node, address string) (safe bool) {
	rest, isHTTP := strings.CutPrefix(strings.TrimPrefix(address, "https://"), "http://")
	isHTTP = isHTTP || strings.HasPrefix(address, "https://")
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case strings.HasPrefix(address, "-") || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		l.at(n.place, "git is not the address of a repository; write for example https://git.example.org/content.git")
	case strings.Contains(address, "::"):
		l.at(n.place, "git names a program to fetch with, which a site may not; write for example https://git.example.org/content.git")
	case isHTTP && strings.Contains(host, "@"):
		l.at(n.place, "git has a password or a name in it, where others can see it; take it out, and leave it to git's credential helper")
	default:
		return address != ""
	}
	return false
}

// revisionPattern is what revisions look like: a part of what git allows, in
// which nothing is an option or an expression.
var revisionPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$`)

// commitPattern is a commit in full: SHA-1 or SHA-256.
var commitPattern = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func (l *loader) revision(n *node) string {
	if n.kind == numberKind { // a tag such as 1.10, which YAML takes for a number
		n = &node{place: n.place, kind: textKind, text: n.text}
	}
	text := l.string(n, "revision")
	if text != "" && (!revisionPattern.MatchString(text) || strings.Contains(text, "..")) {
		l.at(n.place, "revision %q is not a branch, a tag or a commit", text)
		return ""
	}
	return text
}

// folder reads where a stack lies.
func (l *loader) folder(n *node, s *Stack) string {
	text := l.string(n, "folder")
	if text == "" {
		return s.Folder
	}
	clean := path.Clean(text)
	switch {
	case strings.Contains(text, `\`) || path.IsAbs(text) || filepath.IsAbs(text):
		l.at(n.place, "folder %q is not a path from here; write one with /, such as ../%s", text, s.Name)
	case s.Repository != nil && !fs.ValidPath(clean):
		l.at(n.place, "folder %q leaves the repository", text)
	case s.Repository == nil && clean == ".":
		l.at(n.place, "a stack needs a folder of its own: %q is the site's", text)
	default:
		return clean
	}
	return s.Folder
}

// oneContent refuses a site without a content stack, or with two.
func (l *loader) oneContent(n *node, list []Stack) {
	first := ""
	for _, s := range list {
		switch {
		case s.Kind != contentKind:
		case first != "":
			l.at(s.place, "stack %s is a second one of the kind content, after %s; a site has one", s.Name, first)
		default:
			first = s.Name
		}
	}
	if first == "" && len(list) > 0 {
		l.at(n.place, "no stack is of the kind content; a site has one")
	}
}

// stacks reads each stack with what its kind says.
func (l *loader) stacks(s *Site) {
	for i := range s.Stacks {
		stack := &s.Stacks[i]
		if stack.Repository != nil && stack.Repository.Commit == "" {
			continue // which has been told
		}
		read := (*loader).declaredStack
		for _, k := range kinds {
			if k.name == stack.Kind && k.read != nil {
				read = k.read
			}
		}
		all, dir, err := l.find(stack)
		if err != nil {
			l.at(stack.place, "stack %s: %v", stack.Name, err)
			continue
		}
		stack.files, stack.Dir = all, dir
		l.files, l.dir, l.stack = all, dir, stack
		read(l, s)
	}
	l.files, l.dir, l.stack = l.site.FS, l.site.dir, nil
}

// declaredStack looks at a stack whose kind is not there yet: its stack.yaml, if
// there is one, has to be YAML.
func (l *loader) declaredStack(*Site) {
	if _, err := fs.Stat(l.files, stackFile); errors.Is(err, fs.ErrNotExist) {
		return
	}
	l.describe(l.yaml(stackFile))
}

// find returns the files of a stack on disk.
func find(ctx context.Context, dir string, s *Stack, config Config) (fs.FS, string, error) {
	if instead, ok := config.Instead[s.Name]; ok {
		return os.DirFS(instead), instead, nil
	}
	base := dir
	if r := s.Repository; r != nil {
		if config.Checkout == nil {
			return nil, "", errors.New("it lies in a repository, which only a command with a folder for data reads")
		}
		folder, err := config.Checkout(ctx, r.Address, r.Commit)
		if err != nil {
			return nil, "", err
		}
		base = folder
	}
	base = filepath.Join(base, filepath.FromSlash(s.Folder))
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		return nil, "", fmt.Errorf("there is no folder %s; make it, or say where the stack lies with folder or git", base)
	}
	return os.DirFS(base), base, nil
}

// within returns the files of a stack in the site's folder, where there is
// nothing but files.
func within(all fs.FS, dir string, s *Stack) (fs.FS, string, error) {
	if !s.inSite() {
		return nil, "", errors.New("it lies elsewhere, and there is nothing but the site's own files here")
	}
	files, err := fs.Sub(all, s.Folder)
	return files, filepath.Join(dir, filepath.FromSlash(s.Folder)), err
}
