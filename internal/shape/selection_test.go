package shape

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// templates is one document path of each key.
var templates = map[Key]string{
	Unkeyed: "home.json", ByTitle: "titles/{title}.json", ByCollection: "collections/{collection}.json",
	ByPage: "collections/{collection}/{page}.json", ByPrefix: "search/{prefix}.json",
}

const (
	testPageSize      = 2
	testLongestPrefix = 3
)

// author writes random shapes: valid ones, by walking the schema.
type author struct {
	dice
	key       Key
	aliases   int
	fragments []string
	inList    bool // below a list of what is below a title
	returned  bool // and up again
	world     *world
}

// newShape generates the text of a shape for a document of a key.
func newShape(d dice, w *world, key Key) string {
	a := &author{dice: d, key: key, world: w}
	var heads []string
	for _, v := range keyVariables[key] {
		heads = append(heads, "$"+v.name+": "+v.typ)
	}
	head := "query"
	if len(heads) > 0 {
		head += " (" + strings.Join(heads, ", ") + ")"
	}
	var root []string
	switch key {
	case ByTitle:
		root = append(root, a.composite("title(id: $title)", "Title", 4))
	case ByCollection:
		root = append(root, a.composite("collection(id: $collection)", "Collection", 4))
	case ByPage:
		root = append(root, "collection(id: $collection) { "+a.composite("titles(page: $page)", "Title", 3)+" "+a.fields("Collection", 3)+" }")
	case Unkeyed:
	case ByPrefix:
		root = append(root, a.composite("search(prefix: $prefix)", "Title", 3))
	}
	if key == Unkeyed {
		root = append(root, a.fields("Query", 4))
	} else if d.chance(40) {
		root = append(root, a.wrapped("Query", pickOne(d, "country", "application language", "__typename")))
	}
	return head + " { " + strings.Join(root, " ") + " }\n" + strings.Join(a.fragments, "\n")
}

func (a *author) alias() string {
	a.aliases++
	return fmt.Sprintf("a%d: ", a.aliases)
}

// relation writes a field that leads from a parent type to another object.
func (a *author) relation(parent string, f *ast.FieldDefinition, call string, depth int) string {
	inList, returned := a.inList, a.returned
	defer func() { a.inList, a.returned = inList, returned }()
	isList := f.Type.Elem != nil
	switch {
	case parent != "Title":
		a.inList, a.returned = false, false // a card begins
	case isList && a.returned:
		return ""
	case isList:
		a.inList = true
	default:
		a.returned = a.inList
	}
	return a.composite(call, f.Type.Name(), depth)
}

// composite writes a field with a selection of its own; sometimes in two parts
// that have to be merged.
func (a *author) composite(call, typename string, depth int) string {
	alias := a.alias()
	text := alias + call + " { " + a.fields(typename, depth-1) + " }"
	if a.chance(15) {
		text += " " + a.wrapped("", alias+call+" { "+a.fields(typename, depth-1)+" }")
	}
	return text
}

// fields writes some fields of a type.
func (a *author) fields(typename string, depth int) string {
	var parts []string
	for range 1 + a.dice(5) {
		if part := a.field(typename, depth); part != "" {
			parts = append(parts, a.wrapped(typename, part))
		}
	}
	if len(parts) == 0 {
		return "__typename"
	}
	return strings.Join(parts, " ")
}

// wrapped puts fields into a fragment, sometimes.
func (a *author) wrapped(typename, fields string) string {
	switch a.dice(10) {
	case 0:
		return "... { " + fields + " }"
	case 1:
		if typename != "" {
			return "... on " + typename + " { " + fields + " }"
		}
	case 2:
		if typename != "" {
			name := fmt.Sprintf("F%d", len(a.fragments))
			a.fragments = append(a.fragments, fmt.Sprintf("fragment %s on %s { %s }", name, typename, fields))
			return "..." + name
		}
	}
	return fields
}

// field writes one field, or nothing where its dice fall on what can not be asked.
func (a *author) field(typename string, depth int) string {
	if a.chance(8) {
		return "__typename"
	}
	fields := schema().Types[typename].Fields
	f := fields[a.dice(len(fields))]
	if strings.HasPrefix(f.Name, "__") || typename == "Query" && f.Name == "search" {
		return ""
	}
	if schema().Types[f.Type.Name()].IsLeafType() && len(f.Arguments) == 0 {
		if a.chance(20) {
			return a.alias() + f.Name
		}
		return f.Name
	}
	call := f.Name + a.arguments(f)
	if schema().Types[f.Type.Name()].IsLeafType() {
		return a.alias() + call
	}
	if depth == 0 {
		return ""
	}
	return a.relation(typename, f, call, depth)
}

func (a *author) arguments(f *ast.FieldDefinition) string {
	var arguments []string
	for _, definition := range f.Arguments {
		if !definition.Type.NonNull && a.chance(40) || definition.DefaultValue != nil && a.chance(30) {
			continue
		}
		arguments = append(arguments, definition.Name+": "+a.value(f, definition))
	}
	if len(arguments) == 0 {
		return ""
	}
	return "(" + strings.Join(arguments, ", ") + ")"
}

func (a *author) value(f *ast.FieldDefinition, argument *ast.ArgumentDefinition) string {
	if typ := schema().Types[argument.Type.Name()]; typ.Kind == ast.Enum {
		return pickOne(a.dice, typ.EnumValues...).Name
	}
	switch argument.Name {
	case "id":
		if f.Name == "title" {
			return `"` + string(pickOne(a.dice, a.world.titles...).ID) + `"`
		}
		return `"` + string(pickOne(a.dice, a.world.collections...).ID) + `"`
	case "width":
		return pickOne(a.dice, "1", "300", "500", "1920", "4000")
	case "days":
		return pickOne(a.dice, "0", "1", "5", "30", "60")
	case "page":
		if a.key == ByPage && a.chance(50) {
			return "$page"
		}
	}
	return pickOne(a.dice, "1", "2", "3", "4")
}

// compiled compiles a generated shape.
func compiled(key Key, text string) (*Plan, error) {
	template, err := ParseTemplate(templates[key])
	if err != nil {
		return nil, err
	}
	return Compile(Document{
		Template: template, Source: Source{Name: "generated.graphql", Text: text},
		PageSize: testPageSize, LongestPrefix: testLongestPrefix,
	})
}

// allKeys lists every key, in order.
func allKeys() []Key {
	keys := make([]Key, 0, len(templates))
	for key := range templates {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
