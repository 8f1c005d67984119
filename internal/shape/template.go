package shape

import (
	"slices"
	"strconv"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Key says what a document is keyed by: of what there is one document each.
type Key uint8

// The keys.
const (
	Unkeyed      Key = iota // one document: home.json
	ByTitle                 // titles/{title}.json
	ByCollection            // collections/{collection}.json
	ByPage                  // collections/{collection}/{page}.json
	ByPrefix                // search/{prefix}.json
)

// Keys are the values that make one document of a template. Only those that the
// template is keyed by are read.
type Keys struct {
	Title      ovenbird.TitleID
	Collection ovenbird.CollectionID
	Page       int    // from 1
	Prefix     string // folded, as facts.View.Prefixes returns it
}

// Template is the path of a document within its variation, with its keys in
// braces. The zero value is no template: use ParseTemplate.
type Template struct {
	path string
	key  Key
}

// variable is a key as a shape declares it.
type variable struct{ name, typ string }

// keyVariables lists what a document of each key declares, in that order.
var keyVariables = map[Key][]variable{
	Unkeyed:      nil,
	ByTitle:      {{"title", "ID!"}},
	ByCollection: {{"collection", "ID!"}},
	ByPage:       {{"collection", "ID!"}, {"page", "Int!"}},
	ByPrefix:     {{"prefix", "String!"}},
}

const documentSuffix = ".json"

// ParseTemplate checks the path of a document. Its errors are Invalid and name
// no place: the caller knows where the path is written.
func ParseTemplate(path string) (Template, error) {
	stem, isJSON := strings.CutSuffix(path, documentSuffix)
	if !isJSON {
		return Template{}, ovenbird.Errorf(ovenbird.Invalid, "document %q does not end in %s", path, documentSuffix)
	}
	var names []string
	for segment := range strings.SplitSeq(stem, "/") {
		name := strings.TrimSuffix(strings.TrimPrefix(segment, "{"), "}")
		switch {
		case segment == "{"+name+"}" && !strings.ContainsAny(name, "{}"):
			names = append(names, name)
		case strings.ContainsAny(segment, "{}"):
			return Template{}, ovenbird.Errorf(ovenbird.Invalid,
				"document %q: %q mixes a key with other text; a key stands alone between slashes, like titles/{title}.json", path, segment)
		default:
			if err := ovenbird.CheckID(segment); err != nil {
				return Template{}, ovenbird.Errorf(ovenbird.Invalid, "document %q has a bad part between slashes: %w", path, err)
			}
		}
	}
	key, ok := keyOf(names)
	if !ok {
		return Template{}, ovenbird.Errorf(ovenbird.Invalid,
			"document %q has keys that do not go together; use {title}, {collection}, {collection} and {page}, {prefix}, or none", path)
	}
	return Template{path: path, key: key}, nil
}

// keyOf finds the key with these variables, in any order.
func keyOf(names []string) (Key, bool) {
	slices.Sort(names)
	for key, variables := range keyVariables {
		if slices.EqualFunc(names, variables, func(name string, v variable) bool { return name == v.name }) {
			return key, true
		}
	}
	return Unkeyed, false
}

// Key returns what documents of the template are keyed by.
func (t Template) Key() Key { return t.key }

// String returns the template as it is written: titles/{title}.json.
func (t Template) String() string { return t.path }

// Expand returns the path of the document with these keys: titles/t1.json.
func (t Template) Expand(k Keys) string {
	if t.key == Unkeyed {
		return t.path
	}
	return strings.NewReplacer(
		"{title}", string(k.Title), "{collection}", string(k.Collection), "{page}", strconv.Itoa(k.Page), "{prefix}", k.Prefix,
	).Replace(t.path)
}
