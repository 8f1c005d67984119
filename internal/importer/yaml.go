package importer

import (
	"errors"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"ovenbird/internal/ovenbird"
)

// document is a YAML file being read, for the places in errors.
type document struct {
	file string
}

// parse returns the root of the only document in data.
func (d document) parse(data []byte) (ast.Node, error) {
	file, err := parser.ParseBytes(data, 0)
	if e, ok := errors.AsType[yaml.Error](err); ok {
		place := ovenbird.Place{File: d.file}
		if at := e.GetToken(); at != nil && at.Position != nil {
			place.Line, place.Column = at.Position.Line, at.Position.Column
		}
		return nil, ovenbird.ErrorAt(place, "malformed YAML: %s; check indentation, quotes and brackets around here", e.GetMessage())
	}
	if err != nil {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: d.file}, "malformed YAML: %v", err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: d.file, Line: 1}, "the file needs one YAML document; it has %d", len(file.Docs))
	}
	return file.Docs[0].Body, nil
}

func (d document) errorf(n ast.Node, format string, args ...any) error {
	place := ovenbird.Place{File: d.file}
	if n != nil {
		if at := n.GetToken(); at != nil && at.Position != nil {
			place.Line, place.Column = at.Position.Line, at.Position.Column
		}
	}
	return ovenbird.ErrorAt(place, format, args...)
}

// member is one key of a mapping with its value.
type member struct {
	name  string
	key   ast.Node
	value ast.Node
}

// members returns the keys of a mapping in the order of the file. The parser has
// refused repeated ones.
func (d document) members(n ast.Node) ([]member, error) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return nil, d.errorf(n, "expected keys and values here, such as name: value")
	}
	list := make([]member, 0, len(pairs))
	for _, pair := range pairs {
		name, err := d.scalar(pair.Key)
		if err != nil {
			return nil, err
		}
		list = append(list, member{name, pair.Key, pair.Value})
	}
	return list, nil
}

// fields returns the values of a mapping that may have the known keys and no others.
func (d document) fields(n ast.Node, known ...string) (map[string]ast.Node, error) {
	list, err := d.members(n)
	if err != nil {
		return nil, err
	}
	out := make(map[string]ast.Node, len(list))
	for _, m := range list {
		if !slices.Contains(known, m.name) {
			return nil, d.errorf(m.key, "unknown key %q; use %s", m.name, strings.Join(known, ", "))
		}
		out[m.name] = m.value
	}
	return out, nil
}

// list returns the elements of a sequence.
func (d document) list(n ast.Node) ([]ast.Node, error) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil, d.errorf(n, "expected a list here")
	}
	return sequence.Values, nil
}

// scalar returns a string, number or boolean as it is written.
func (d document) scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	case *ast.MappingKeyNode, *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return "", d.errorf(n, "anchors, aliases, tags and merge keys are not supported here; write the value out")
	default:
		return "", d.errorf(n, "expected a string here")
	}
}

// choice returns a scalar that is one of the given words.
func (d document) choice(n ast.Node, words ...string) (string, error) {
	s, err := d.scalar(n)
	if err == nil && !slices.Contains(words, s) {
		err = d.errorf(n, "%q is not one of %s", s, strings.Join(words, ", "))
	}
	return s, err
}

// strings returns a list of scalars, or one scalar as a list.
func (d document) strings(n ast.Node) ([]string, error) {
	if _, ok := n.(*ast.SequenceNode); !ok {
		s, err := d.scalar(n)
		return []string{s}, err
	}
	nodes, err := d.list(n)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(nodes))
	for i, node := range nodes {
		if out[i], err = d.scalar(node); err != nil {
			return nil, err
		}
	}
	return out, nil
}
