package model

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"ovenbird/internal/ovenbird"
)

// selection is a parsed shape.
type selection struct {
	document  Document
	query     ast.SelectionSet
	fragments ast.FragmentDefinitionList
}

// parseShape reads a shape. That it asks for what there is has been checked when
// the site was loaded.
func parseShape(d Document) (selection, error) {
	parsed, err := parser.ParseQuery(&ast.Source{Name: d.Path, Input: d.Shape})
	if err != nil {
		return selection{}, ovenbird.Errorf(ovenbird.Invalid, "the shape of %s: %w", d.Path, err)
	}
	if len(parsed.Operations) != 1 {
		return selection{}, ovenbird.Errorf(ovenbird.Invalid, "the shape of %s has %d operations; it takes one query",
			d.Path, len(parsed.Operations))
	}
	return selection{d, parsed.Operations[0].SelectionSet, parsed.Fragments}, nil
}

// field is one field of an object as it will be written: everything that is
// selected under one name, merged.
type field struct {
	key       string // the alias, or the name
	name      string
	arguments ast.ArgumentList
	below     []ast.SelectionSet
}

// fields merges the selections of one object, as GraphQL says: fields in the
// order in which their names first appear, whatever fragments they come from.
func (s *selection) fields(sets []ast.SelectionSet) []*field {
	var list []*field
	byKey := make(map[string]*field)
	var visit func(set ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, part := range set {
			switch part := part.(type) {
			case *ast.FragmentSpread:
				for _, fragment := range s.fragments {
					if fragment.Name == part.Name {
						visit(fragment.SelectionSet)
					}
				}
			case *ast.InlineFragment:
				visit(part.SelectionSet)
			case *ast.Field:
				key := part.Alias
				if key == "" {
					key = part.Name
				}
				if byKey[key] == nil {
					byKey[key] = &field{key: key, name: part.Name, arguments: part.Arguments}
					list = append(list, byKey[key])
				}
				byKey[key].below = append(byKey[key].below, part.SelectionSet)
			}
		}
	}
	for _, set := range sets {
		visit(set)
	}
	return list
}

// keys are what makes one document of a shape, as text, by variable.
type keys map[string]string

// argument returns an argument as text: as it is written, or what the key says
// where it is a variable; otherwise where it is absent or null.
func (f *field) argument(k keys, name, otherwise string) string {
	for _, a := range f.arguments {
		if a.Name != name || a.Value.Kind == ast.NullValue {
			continue
		}
		if a.Value.Kind == ast.Variable {
			return k[a.Value.Raw]
		}
		return a.Value.Raw
	}
	return otherwise
}

// number is argument for whole numbers, 0 where it is absent.
func (f *field) number(k keys, name, otherwise string) int {
	n, err := strconv.Atoi(f.argument(k, name, otherwise))
	if err != nil {
		return 0
	}
	return n
}

// address returns the path of the document with these keys.
func (d *Document) address(k keys) string {
	path := d.Path
	for _, name := range []string{"title", "collection", "page", "prefix"} {
		path = strings.Replace(path, "{"+name+"}", k[name], 1)
	}
	return path
}

// keyed reports whether the document's path has a key.
func (d *Document) keyed(name string) bool { return strings.Contains(d.Path, "{"+name+"}") }
