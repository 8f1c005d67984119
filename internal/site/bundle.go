package site

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/stack"
)

// Bundle makes a version of one of the site's stacks: a small site of its own, with
// that stack alone in the folder of its name, and what it depends on of the site,
// which is the name and the description. OpenFiles reads it.
//
// In it are the files of the stack's folder. Data is not: the catalog files that
// `ovenbird up` imports and feeds that are files, wherever they lie. They are for
// beginning with, and taking a version back must not take back a catalog. Neither
// are artwork, which lies beside the stack and is addressed by titles, and
// environments, which are what a version is deployed to.
func (s *Site) Bundle(ctx context.Context, name string) (*stack.Bundle, error) {
	of, ok := s.Stack(name)
	switch {
	case !ok:
		return nil, ovenbird.Errorf(ovenbird.NotFound, "site %s has no stack %q; %s", s.Name, name, suggest(name, s.stackNames()))
	case !of.Here():
		return nil, ovenbird.Errorf(ovenbird.Invalid, "stack %s is of the kind %s, whose service is not there yet", name, of.Kind)
	case of.Dir == "":
		return nil, ovenbird.Errorf(ovenbird.Invalid, "stack %s was not read", name)
	}
	files, err := stack.Gather(ctx, of.Dir, func(file string) bool { return s.data[filepath.Join(of.Dir, filepath.FromSlash(file))] })
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	for i := range files {
		files[i].Path = path.Join(name, files[i].Path)
	}
	b, err := stack.NewBundle(append(files, stack.File{Path: siteFile, Body: s.alone(of)}))
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	return b, s.checkBundle(b, of)
}

func (s *Site) stackNames() []string {
	names := make([]string, len(s.Stacks))
	for i, one := range s.Stacks {
		names[i] = one.Name
	}
	return names
}

// alone is the site.yaml of a bundle.
func (s *Site) alone(of Stack) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "name: %s\n", s.Name)
	if s.Description != "" {
		quoted, err := json.Marshal(s.Description) // which is YAML, too
		if err != nil {
			panic("site: a text does not encode: " + err.Error())
		}
		fmt.Fprintf(&text, "description: %s\n", quoted)
	}
	fmt.Fprintf(&text, "stacks: {%s: {kind: %s}}\n", of.Name, of.Kind)
	return []byte(text.String())
}

// checkBundle makes sure that a bundle says what the folder does: that nothing
// which the stack names lies where it is not part of it.
func (s *Site) checkBundle(b *stack.Bundle, of Stack) error {
	if of.Kind != contentKind {
		return nil
	}
	back, err := OpenFiles(b.Files(), of.Name)
	if err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "stack %s names what is no part of it (git ignores it, or it lies elsewhere): %w",
			of.Name, err)
	}
	if changes := Difference(&s.Content, &back.Content); len(changes) > 0 || back.Content.Hash != s.Content.Hash {
		var what strings.Builder
		for _, c := range changes {
			fmt.Fprintf(&what, " %s %s", c.Resource, c.Name)
			for _, f := range c.Fields {
				fmt.Fprintf(&what, ", %s %s", f.Key, f.Before)
			}
		}
		return ovenbird.Errorf(ovenbird.Invalid, "stack %s names what is no part of it (git ignores it, or it lies elsewhere):%s; "+
			"`ovenbird site check` says what to move", of.Name, &what)
	}
	return nil
}
