package site

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"ovenbird/internal/ovenbird"
)

// kind is what a YAML node is, in the words of messages.
type kind string

const (
	nullKind    kind = "nothing"
	textKind    kind = "text"
	numberKind  kind = "a number"
	booleanKind kind = "true or false"
	listKind    kind = "a list"
	mappingKind kind = "a mapping"
)

// node is a YAML value with its place: aliases followed, merge keys merged.
type node struct {
	place   ovenbird.Place
	kind    kind
	text    string  // of text, numbers and booleans, as written
	items   []*node // of a list
	entries []entry // of a mapping, in order, keys unique
}

// entry is one key of a mapping.
type entry struct {
	key   string
	place ovenbird.Place // of the key
	value *node
}

// get returns the value of a key, nil where the mapping has none. A nil node has
// no keys.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].value
		}
	}
	return nil
}

// maxFile is the largest configuration file, in bytes: a thousand times what a
// site needs, and small enough that no file can exhaust the machine.
const maxFile = 1 << 20

// maxDepth is how deep brackets may nest. A site needs five levels; the parser
// is recursive.
const maxDepth = 100

// parseYAML reads one YAML document. It reports what is wrong and then returns
// nil, as it does for an empty document.
func parseYAML(p *problems, file string, source []byte) *node {
	if place, what := unreadable(file, source); what != "" {
		p.at(place, "%s", what)
		return nil
	}
	parsed, err := parseSafely(source)
	if err != nil {
		place := ovenbird.Place{File: file}
		message := err.Error()
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			place, message = placeOf(file, syntax.Token), syntax.Message
		}
		remedy := "check indentation, quotes and brackets around here"
		if strings.Contains(message, "already defined") {
			remedy = "remove one of the two"
		}
		p.at(place, "this is not YAML: %s; %s", message, remedy)
		return nil
	}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		p.at(ovenbird.Place{File: file, Line: 1, Column: 1}, "the file is empty; docs/site.md shows what belongs in it")
		return nil
	}
	if len(parsed.Docs) > 1 {
		p.at(placeOf(file, parsed.Docs[1].Start), "a second YAML document begins here; remove the line ---")
		return nil
	}
	r := &resolver{problems: p, file: file, anchors: make(map[string]*node)}
	return r.node(parsed.Docs[0].Body)
}

// parseSafely parses, and turns a panic of the parser into an error: a site is
// input, and no input may end the program.
func parseSafely(source []byte) (file *ast.File, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			file, err = nil, fmt.Errorf("the YAML parser can not read this (%v)", cause)
		}
	}()
	return parser.ParseBytes(source, 0)
}

// unreadable says why source is not text that a parser should be given.
func unreadable(file string, source []byte) (ovenbird.Place, string) {
	if len(source) > maxFile {
		return ovenbird.Place{File: file}, fmt.Sprintf("the file has %d bytes; %d are allowed", len(source), maxFile)
	}
	depth := 0
	for number, line := range bytes.Split(source, []byte("\n")) {
		place := ovenbird.Place{File: file, Line: number + 1, Column: 1}
		for i := 0; i < len(line); place.Column++ {
			r, size := utf8.DecodeRune(line[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				return place, "this byte is not UTF-8; save the file as UTF-8"
			case r == 0:
				return place, "this is a zero byte; save the file as plain text"
			case r == '[' || r == '{':
				depth++
			case r == ']' || r == '}':
				depth--
			}
			if depth > maxDepth {
				return place, fmt.Sprintf("brackets nest deeper than %d levels here; close some", maxDepth)
			}
			i += size
		}
	}
	return ovenbird.Place{}, ""
}

func placeOf(file string, t *token.Token) ovenbird.Place {
	if t == nil || t.Position == nil {
		return ovenbird.Place{File: file}
	}
	return ovenbird.Place{File: file, Line: t.Position.Line, Column: t.Position.Column}
}

// resolver turns the parser's tree into nodes.
type resolver struct {
	problems *problems
	file     string
	anchors  map[string]*node // those whose value is complete: an alias within its own anchor is unknown
}

func (r *resolver) node(n ast.Node) *node {
	if n == nil {
		return &node{place: ovenbird.Place{File: r.file}, kind: nullKind}
	}
	place := placeOf(r.file, n.GetToken())
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mapping(place, n.Values)
	case *ast.MappingValueNode:
		return r.mapping(place, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := &node{place: place, kind: listKind}
		for _, item := range n.Values {
			list.items = append(list.items, r.node(item))
		}
		return list
	case *ast.AnchorNode:
		value := r.node(n.Value)
		r.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		return r.alias(place, n.Value.GetToken().Value)
	default:
		return r.scalar(place, n)
	}
}

func (r *resolver) alias(place ovenbird.Place, name string) *node {
	if value, ok := r.anchors[name]; ok {
		return value
	}
	r.problems.at(place, "no anchor &%s is defined above; define it first, or write the value out", name)
	return &node{place: place, kind: nullKind}
}

func (r *resolver) scalar(place ovenbird.Place, n ast.Node) *node {
	scalar := &node{place: place, text: n.GetToken().Value}
	switch n := n.(type) {
	case *ast.NullNode:
		scalar.kind = nullKind
	case *ast.BoolNode:
		scalar.kind = booleanKind
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		scalar.kind = numberKind
	case *ast.StringNode:
		scalar.kind, scalar.text = textKind, n.Value
	case *ast.LiteralNode:
		scalar.kind, scalar.text = textKind, n.Value.Value
	default:
		r.problems.at(place, "YAML tags and directives have no meaning here; write the plain value")
		scalar.kind = nullKind
	}
	return scalar
}

// mapping reads keys and values. Merged keys come after a mapping's own and give
// way to them.
func (r *resolver) mapping(place ovenbird.Place, values []*ast.MappingValueNode) *node {
	m := &node{place: place, kind: mappingKind}
	if len(values) > 0 {
		m.place = placeOf(r.file, values[0].Key.GetToken())
	}
	var merged []*node
	for _, v := range values {
		keyPlace := placeOf(r.file, v.Key.GetToken())
		if v.Key.IsMergeKey() {
			merged = append(merged, r.node(v.Value))
			continue
		}
		key, ok := r.key(v.Key)
		if !ok {
			r.problems.at(keyPlace, "this can not be a key; write a plain word, or text in quotes")
			continue
		}
		m.entries = append(m.entries, entry{key: key, place: keyPlace, value: r.node(v.Value)})
	}
	for _, source := range merged {
		sources := []*node{source}
		if source.kind == listKind {
			sources = source.items
		}
		for _, one := range sources {
			r.merge(m, one)
		}
	}
	return m
}

// key returns the text of a key that is a scalar.
func (r *resolver) key(k ast.MapKeyNode) (string, bool) {
	var n ast.Node = k
	if explicit, ok := n.(*ast.MappingKeyNode); ok {
		n = explicit.Value
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

// merge adds the keys of source that m has not.
func (r *resolver) merge(m, source *node) {
	if source.kind != mappingKind {
		r.problems.at(source.place, "<< merges mappings, and this is %s; give it an alias of a mapping", source.kind)
		return
	}
	for _, e := range source.entries {
		if m.get(e.key) == nil {
			m.entries = append(m.entries, e)
		}
	}
}
