package shape

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// node is one field of an object as it will be written: all selections of it,
// directly and through fragments, merged (GraphQL specification, section 6.3.2,
// CollectFields).
type node struct {
	key   string // the name in the document: the alias, if it has one
	field *ast.Field
	sets  []ast.SelectionSet // what is selected below
}

// collect merges selection sets of one object into its fields, in the order in
// which each first appears. No type here is abstract, so every fragment applies.
func collect(fragments ast.FragmentDefinitionList, sets []ast.SelectionSet) []*node {
	var nodes []*node
	var add func(set ast.SelectionSet)
	add = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch selected := selection.(type) {
			case *ast.InlineFragment:
				add(selected.SelectionSet)
			case *ast.FragmentSpread:
				add(fragments.ForName(selected.Name).SelectionSet)
			case *ast.Field:
				i := slices.IndexFunc(nodes, func(n *node) bool { return n.key == selected.Alias })
				if i < 0 {
					i = len(nodes)
					nodes = append(nodes, &node{key: selected.Alias, field: selected})
				}
				if len(selected.SelectionSet) > 0 {
					nodes[i].sets = append(nodes[i].sets, selected.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		add(set)
	}
	return nodes
}

// argument returns the value of an argument: as written, else the schema's
// default, else nil. A null is as good as no value.
func (n *node) argument(name string) *ast.Value {
	if written := n.field.Arguments.ForName(name); written != nil && written.Value.Kind != ast.NullValue {
		return written.Value
	}
	return n.field.Definition.Arguments.ForName(name).DefaultValue
}

// canonical appends a selection in the form by which cards are compared: fields
// in order, every argument that has a value in the schema's order, no fragments.
func canonical(b *strings.Builder, fragments ast.FragmentDefinitionList, sets []ast.SelectionSet) {
	b.WriteByte('{')
	for i, n := range collect(fragments, sets) {
		if i > 0 {
			b.WriteByte(' ')
		}
		if n.key != n.field.Name {
			b.WriteString(n.key + ":")
		}
		b.WriteString(n.field.Name)
		separator := "("
		for _, definition := range n.field.Definition.Arguments {
			if value := n.argument(definition.Name); value != nil {
				b.WriteString(separator + definition.Name + ":" + value.String())
				separator = ","
			}
		}
		if separator == "," {
			b.WriteByte(')')
		}
		if len(n.sets) > 0 {
			canonical(b, fragments, n.sets)
		}
	}
	b.WriteByte('}')
}
