package shape

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"ovenbird/internal/ovenbird"
)

// Limits on a shape once its fragments are put in. The schema is a graph with
// cycles: without limits a page of text could describe a document without end.
const (
	maxDepth  = 16
	maxFields = 2000
)

// checkDocument refuses what GraphQL allows and a shape does not. It comes before
// validation, so that what it says is about shapes.
func checkDocument(d Document, document *ast.QueryDocument) error {
	operation, err := onlyQuery(d, document)
	if err != nil {
		return err
	}
	if err := checkVariables(d, operation); err != nil {
		return err
	}
	c := &checker{fragments: document.Fragments, extents: make(map[string]extent)}
	c.directives(operation.Directives)
	whole := c.measure(operation.SelectionSet)
	for _, fragment := range document.Fragments {
		c.directives(fragment.Directives)
		c.variables(fragment)
		c.fragment(fragment)
	}
	switch {
	case len(c.errs) > 0:
		return join(c.errs)
	case whole.depth > maxDepth:
		return ovenbird.ErrorAt(place(operation.Position),
			"the shape is %d levels deep; %d are allowed: let a document link to others by id", whole.depth, maxDepth)
	case whole.fields > maxFields:
		return ovenbird.ErrorAt(place(operation.Position),
			"the shape has more than %d fields with its fragments put in; split the document into several", maxFields)
	}
	return nil
}

// onlyQuery returns the operation of a document that has exactly one query.
func onlyQuery(d Document, document *ast.QueryDocument) (*ast.OperationDefinition, error) {
	const example = "a shape looks like { collections { name } }"
	if len(document.Operations) == 0 {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: d.Source.Name, Line: 1, Column: 1}, "there is no query; %s", example)
	}
	operation := document.Operations[0]
	if operation.Operation != ast.Query {
		return nil, ovenbird.ErrorAt(place(operation.Position), "a shape can not be a %s; make it a query", operation.Operation)
	}
	if len(document.Operations) > 1 {
		return nil, ovenbird.ErrorAt(place(document.Operations[1].Position), "a second operation; keep one query to a file")
	}
	return operation, nil
}

// checkVariables requires that a shape declares its document's key and nothing else.
func checkVariables(d Document, operation *ast.OperationDefinition) error {
	wanted := keyVariables[d.Template.key]
	var errs []error
	for _, declared := range operation.VariableDefinitions {
		at := place(declared.Position)
		typ, known := "", false
		for _, v := range wanted {
			if v.name == declared.Variable {
				typ, known = v.typ, true
			}
		}
		switch {
		case !known:
			errs = append(errs, ovenbird.ErrorAt(at, "$%s is no key of %s; %s", declared.Variable, d.Template, declaration(wanted)))
		case declared.Type.String() != typ:
			errs = append(errs, ovenbird.ErrorAt(at, "$%s has type %s; declare it as %s", declared.Variable, declared.Type, typ))
		case declared.DefaultValue != nil:
			errs = append(errs, ovenbird.ErrorAt(at, "$%s has a default; remove it: a document always has its key", declared.Variable))
		case len(declared.Directives) > 0:
			errs = append(errs, directiveError(declared.Directives[0]))
		}
	}
	for _, v := range wanted {
		if operation.VariableDefinitions.ForName(v.name) == nil {
			errs = append(errs, ovenbird.ErrorAt(place(operation.Position),
				"%s is keyed by {%s}, which the shape does not declare; %s", d.Template, v.name, declaration(wanted)))
		}
	}
	return join(errs)
}

// declaration says how a shape declares its key.
func declaration(wanted []variable) string {
	if len(wanted) == 0 {
		return "remove it: nothing but its key varies a document, and this one has none"
	}
	list := make([]string, len(wanted))
	for i, v := range wanted {
		list[i] = "$" + v.name + ": " + v.typ
	}
	return "begin with query (" + strings.Join(list, ", ") + ")"
}

func directiveError(directive *ast.Directive) error {
	return ovenbird.ErrorAt(place(directive.Position),
		"a shape has no directives; remove @%s: nothing but its key varies a document", directive.Name)
}

// extent is how large a selection is with its fragments put in.
type extent struct{ fields, depth int }

// checker looks at every selection once, whatever fragments spread it.
type checker struct {
	fragments ast.FragmentDefinitionList
	extents   map[string]extent // of fragments that were looked at
	open      []string          // the fragments being looked at, outermost first
	errs      []error
}

func (c *checker) fail(at *ast.Position, format string, args ...any) {
	c.errs = append(c.errs, ovenbird.ErrorAt(place(at), format, args...))
}

func (c *checker) directives(list ast.DirectiveList) {
	for _, directive := range list {
		c.errs = append(c.errs, directiveError(directive))
	}
}

// variables refuses the variables of fragments, which an older draft had.
func (c *checker) variables(fragment *ast.FragmentDefinition) {
	if len(fragment.VariableDefinition) > 0 {
		c.fail(fragment.VariableDefinition[0].Position, "a fragment declares no variables; the query does")
	}
}

// measure returns the extent of a selection set.
func (c *checker) measure(set ast.SelectionSet) extent {
	var total extent
	for _, selection := range set {
		var part extent
		switch selected := selection.(type) {
		case *ast.Field:
			c.directives(selected.Directives)
			if strings.HasPrefix(selected.Name, "__") && selected.Name != "__typename" {
				c.fail(selected.Position, "a shape can not ask for %s; `ovenbird schema` prints the schema", selected.Name)
			}
			part = c.measure(selected.SelectionSet)
			part.fields++
			part.depth++
		case *ast.InlineFragment:
			c.directives(selected.Directives)
			part = c.measure(selected.SelectionSet)
		case *ast.FragmentSpread:
			c.directives(selected.Directives)
			part = c.spread(selected)
		}
		// Bounded, for fragments that double each other grow beyond any integer.
		total.fields = min(total.fields+part.fields, maxFields+1)
		total.depth = max(total.depth, part.depth)
	}
	return total
}

func (c *checker) spread(spread *ast.FragmentSpread) extent {
	if slices.Contains(c.open, spread.Name) {
		c.fail(spread.Position, "fragment %s contains itself; remove this spread or put what it selects here", spread.Name)
		return extent{}
	}
	fragment := c.fragments.ForName(spread.Name)
	if fragment == nil {
		return extent{} // the validator says so
	}
	return c.fragment(fragment)
}

func (c *checker) fragment(fragment *ast.FragmentDefinition) extent {
	if found, ok := c.extents[fragment.Name]; ok {
		return found
	}
	c.open = append(c.open, fragment.Name)
	found := c.measure(fragment.SelectionSet)
	c.open = c.open[:len(c.open)-1]
	c.extents[fragment.Name] = found
	return found
}
