package shape

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"ovenbird/internal/ovenbird"
)

// Limits on the arguments of a shape. They keep a document to what a viewer can
// scroll through and a slip of the finger from filling a bucket.
const (
	maxFirst = 500
	maxDays  = 366
	maxWidth = 16384 // pixels
	maxPage  = 1_000_000
)

// Compile checks a document's shape and turns it into a plan. Its errors are
// Invalid, each with file, line, column and a remedy; where there are several
// they are joined.
func Compile(d Document) (*Plan, error) {
	operation, fragments, err := parse(d)
	if err != nil {
		return nil, err
	}
	c := &compilation{document: d, fragments: fragments, days: noDays}
	b := &builder{compilation: c}
	root := build(b, queryFields(), []ast.SelectionSet{operation.SelectionSet})
	if len(c.errs) > 0 {
		return nil, join(c.errs)
	}
	return &Plan{
		source: d.Source, template: d.Template, pageSize: d.PageSize, longestPrefix: d.LongestPrefix,
		root: root, cards: c.cards, reads: c.reads, days: c.days,
		namesTitles: c.namesTitles, namesEdition: c.namesEdition,
	}, nil
}

// compilation is what is known of one shape so far.
type compilation struct {
	document  Document
	fragments ast.FragmentDefinitionList
	reads     ReadSet
	cards     []*Card
	days      int
	errs      []error

	namesTitles, namesEdition bool
}

// builder compiles the selection at one relation.
type builder struct {
	*compilation
	relation string // field names from the root, with dots between
	inList   bool   // below a list of what is below a title
	returned bool   // and up again from there
}

// below returns a builder for what a field leads to.
func (b *builder) below(n *node) *builder {
	relation := n.field.Name
	if b.relation != "" {
		relation = b.relation + "." + relation
	}
	below := *b
	below.relation = relation
	return &below
}

// read notes that a fact is read of what b's relation leads to.
func (b *builder) read(fact string) { b.reads = b.reads.add(b.relation, fact) }

// fail notes an error at a position.
func (b *builder) fail(at *ast.Position, format string, args ...any) {
	b.errs = append(b.errs, ovenbird.ErrorAt(place(at), format, args...))
}

// write appends the value of one field of v to a run's output.
type write[T any] func(x *run, v T)

// maker compiles one field of an object.
type maker[T any] func(b *builder, n *node) write[T]

// object is a compiled selection on values of one type.
type object[T any] struct {
	members []member[T]
}

type member[T any] struct {
	head  string // what goes before the value: a comma but for the first, the key, a colon
	write write[T]
}

// build compiles selection sets on one type, whose fields are given.
func build[T any](b *builder, fields map[string]maker[T], sets []ast.SelectionSet) *object[T] {
	compiled := &object[T]{}
	for i, n := range collect(b.fragments, sets) {
		head := strconv.Quote(n.key) + ":"
		if i > 0 {
			head = "," + head
		}
		m := member[T]{head: head}
		if n.field.Name == "__typename" {
			typename := n.field.ObjectDefinition.Name
			m.write = func(x *run, _ T) { x.Body = appendString(x.Body, typename) }
		} else {
			m.write = fields[n.field.Name](b, n)
		}
		compiled.members = append(compiled.members, m)
	}
	return compiled
}

// append writes v. It stops short once the document turns out not to exist.
func (o *object[T]) append(x *run, v T) {
	x.Body = append(x.Body, '{')
	for i := range o.members {
		x.Body = append(x.Body, o.members[i].head...)
		o.members[i].write(x, v)
		if x.missing {
			return
		}
	}
	x.Body = append(x.Body, '}')
}

// leaf makes a field that needs no compiling and reads no country-dependent fact.
func leaf[T any](w write[T]) maker[T] {
	return func(*builder, *node) write[T] { return w }
}

// integer returns the value of an integer argument, or 0 where it has none, and
// fails where the value is out of range or is a variable.
func (b *builder) integer(n *node, name string, least, most int) int {
	value := n.argument(name)
	if value == nil {
		return 0
	}
	if !b.constant(n, name, value) {
		return 0
	}
	number, err := strconv.Atoi(value.Raw)
	if err != nil || number < least || number > most {
		b.fail(value.Position, "%s of %q is %s; use a number from %d to %d", name, n.field.Name, value.Raw, least, most)
	}
	return number
}

// first returns how many a list may have; 0 for no limit.
func (b *builder) first(n *node) int { return b.integer(n, "first", 1, maxFirst) }

// descending reports whether a list is asked for in descending order.
func (b *builder) descending(n *node) bool {
	value := n.argument("order")
	return b.constant(n, "order", value) && value.Raw == "DESC"
}

// constant reports whether a value is no variable, and fails where it is.
func (b *builder) constant(n *node, argument string, value *ast.Value) bool {
	if value.Kind != ast.Variable {
		return true
	}
	b.fail(value.Position, "$%s can not be the %s of %q; a document's key goes where it names the document: %s",
		value.Raw, argument, n.field.Name, keyUse[value.Raw])
	return false
}

// keyUse shows where each key of a document belongs in its shape.
var keyUse = map[string]string{
	"title":      "title(id: $title)",
	"collection": "collection(id: $collection)",
	"page":       "collection(id: $collection) { titles(page: $page) { … } }",
	"prefix":     "search(prefix: $prefix)",
}

// isKey reports whether an argument is the document's own key, and fails where
// it is another variable.
func (b *builder) isKey(n *node, argument, key string) bool {
	value := n.argument(argument)
	if value == nil {
		return false
	}
	if value.Kind == ast.Variable && value.Raw == key {
		return true
	}
	b.constant(n, argument, value)
	return false
}

// id returns an id that is written out in a shape.
func (b *builder) id(n *node) string {
	value := n.argument("id")
	if err := ovenbird.CheckID(value.Raw); err != nil {
		b.fail(value.Position, "%v", err)
	}
	return value.Raw
}

// card compiles what a list selects of its titles, or finds the same card again.
func (b *builder) card(n *node, fields map[string]maker[*ovenbird.Title]) *Card {
	typename := n.field.Definition.Type.Name()
	var text strings.Builder
	text.WriteString(typename)
	canonical(&text, b.fragments, n.sets)
	sum := sha256.Sum256([]byte(text.String()))
	id := hex.EncodeToString(sum[:16])
	for _, c := range b.cards {
		if c.id == id {
			return c
		}
	}
	own := &builder{
		compilation: &compilation{document: b.document, fragments: b.fragments, days: noDays},
		relation:    strings.ToLower(typename),
	}
	c := &Card{id: id, selection: text.String(), preview: typename == "Preview"}
	if !c.preview {
		own.read(factVisible)
	}
	c.body = build(own, fields, n.sets)
	c.reads = own.reads
	b.errs = append(b.errs, own.errs...)
	b.cards = append(b.cards, c)
	return c
}

// slot makes a field or a list element that is a card.
func (b *builder) slot(n *node, fields map[string]maker[*ovenbird.Title]) write[*ovenbird.Title] {
	c := b.card(n, fields)
	return func(x *run, t *ovenbird.Title) {
		x.Slots = append(x.Slots, Slot{Offset: len(x.Body), Card: c, Title: t.ID})
	}
}
