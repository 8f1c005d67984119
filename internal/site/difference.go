package site

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// Op is what happens to a resource.
type Op string

// What may happen.
const (
	Added   Op = "added"
	Changed Op = "changed"
	Removed Op = "removed"
)

// Change is what happens to one resource of a content stack when a version takes
// the place of another.
type Change struct {
	Op       Op      `json:"op"`
	Resource string  `json:"resource"`         // what it is: "application", "document", "country"…
	Name     string  `json:"name"`             // "tv", "tv/home.json", "FI"…; "" of what there is one of
	Fields   []Field `json:"fields,omitempty"` // what is different in it
	Effect   string  `json:"effect"`           // what it means, a sentence for people
	// Harm is whether clients may lose what they are asking for today.
	Harm bool `json:"harm,omitempty"`
	// Documents are those that it makes different, or may, as application and path;
	// and Countries those where it does. Both are empty where no document changes.
	Documents []string           `json:"documents,omitempty"`
	Countries []ovenbird.Country `json:"countries,omitempty"`
}

// Field is a part of a resource before and after; "" where it is not there.
type Field struct {
	Key    string `json:"key"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Difference returns what the content after changes of the content before, in the
// order of kinds of resources and of names. A nil before is nothing: everything is
// added. It compares what the two say, not the texts of their files.
func Difference(before, after *Content) []Change {
	if before == nil {
		before = &Content{Rules: &facts.Rules{Groups: facts.StandardGroups()}}
	}
	d := differ{before: before, after: after}
	old, current := resources(before), resources(after)
	changes := []Change{}
	for _, r := range old {
		i := slices.IndexFunc(current, r.same)
		switch {
		case i < 0:
			changes = append(changes, Change{Op: Removed, Resource: r.kind, Name: r.name, Fields: differing(r.fields, nil)})
		case !slices.Equal(r.fields, current[i].fields):
			changes = append(changes, Change{Op: Changed, Resource: r.kind, Name: r.name, Fields: differing(r.fields, current[i].fields)})
		}
	}
	for _, r := range current {
		if !slices.ContainsFunc(old, r.same) {
			changes = append(changes, Change{Op: Added, Resource: r.kind, Name: r.name, Fields: differing(nil, r.fields)})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank(a.Resource), rank(b.Resource)), cmp.Compare(a.Name, b.Name))
	})
	for i := range changes {
		d.explain(&changes[i])
	}
	return changes
}

// differing returns the fields that two versions of a resource do not share.
func differing(before, after []pair) []Field {
	var fields []Field
	for _, b := range before {
		i := slices.IndexFunc(after, func(a pair) bool { return a.key == b.key })
		switch {
		case i < 0:
			fields = append(fields, Field{Key: b.key, Before: b.value})
		case after[i].value != b.value:
			fields = append(fields, Field{Key: b.key, Before: b.value, After: after[i].value})
		}
	}
	for _, a := range after {
		if !slices.ContainsFunc(before, func(b pair) bool { return a.key == b.key }) {
			fields = append(fields, Field{Key: a.key, After: a.value})
		}
	}
	return fields
}

// marks begin the lines of changes.
var marks = map[Op]string{Added: "+", Changed: "~", Removed: "-"}

// WriteChanges writes changes for people.
func WriteChanges(w io.Writer, changes []Change) error {
	var text strings.Builder
	for i := range changes {
		writeChange(&text, &changes[i])
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func writeChange(text *strings.Builder, c *Change) {
	fmt.Fprintln(text, strings.TrimRight(marks[c.Op]+" "+c.Resource+" "+c.Name, " "))
	for _, f := range c.Fields {
		switch {
		case f.Before == "":
			fmt.Fprintf(text, "    + %s: %s\n", f.Key, f.After)
		case f.After == "":
			fmt.Fprintf(text, "    - %s: %s\n", f.Key, f.Before)
		default:
			fmt.Fprintf(text, "    ~ %s: %s -> %s\n", f.Key, f.Before, f.After)
		}
	}
	mark := "=>"
	if c.Harm {
		mark = "=> ATTENTION:"
	}
	fmt.Fprintf(text, "    %s %s\n", mark, c.Effect)
}
