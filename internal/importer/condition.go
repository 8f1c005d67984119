package importer

import (
	"regexp"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// condition is one test of a column: every part that is there must hold.
type condition struct {
	column  string
	equals  []string // one of these; nil: any
	matches *regexp.Regexp
	empty   string // "true", "false", or "" for either
}

// readConditions reads one condition, or a list of which all must hold.
func (c *compiler) readConditions(n ast.Node) ([]condition, error) {
	nodes := []ast.Node{n}
	if sequence, ok := n.(*ast.SequenceNode); ok {
		nodes = sequence.Values
	}
	var list []condition
	for _, node := range nodes {
		one, err := c.readCondition(node)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (c *compiler) readCondition(n ast.Node) (one condition, err error) {
	fields, err := c.fields(n, "column", "equals", "matches", "empty")
	if err != nil {
		return one, err
	}
	if fields["column"] == nil || len(fields) < 2 {
		return one, c.errorf(n, "a condition needs a column, and equals, matches or empty")
	}
	if one.column, err = c.scalar(fields["column"]); err != nil {
		return one, err
	}
	if one.column != eachColumn {
		c.noteColumn(fields["column"], one.column)
	}
	if fields["equals"] != nil {
		if one.equals, err = c.strings(fields["equals"]); err != nil {
			return one, err
		}
	}
	if fields["matches"] != nil {
		if one.matches, err = c.readPattern(fields["matches"]); err != nil {
			return one, err
		}
	}
	if fields["empty"] != nil {
		one.empty, err = c.choice(fields["empty"], "true", "false")
	}
	return one, err
}

func holds(conditions []condition, r *row) bool {
	for _, c := range conditions {
		text := r.get(c.column)
		if c.equals != nil && !slices.Contains(c.equals, text) ||
			c.matches != nil && !c.matches.MatchString(text) ||
			c.empty == "true" && text != "" || c.empty == "false" && text == "" {
			return false
		}
	}
	return true
}
