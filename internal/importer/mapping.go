package importer

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"hash"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // zones in mappings must mean the same on every machine
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

//go:embed mapping.schema.json
var mappingSchema []byte

// MappingSchema returns the published JSON Schema (draft 2020-12) of a mapping file.
func MappingSchema() []byte { return mappingSchema }

// Mapping says what records each row of a table gives. It is immutable.
type Mapping struct {
	separator rune
	quotes    bool
	empty     map[string]bool
	rules     []*rule
	used      []usedColumn
	gone      map[catalog.RecordType]string // what becomes of records that vanish: see vanishWords
	hash      []byte                        // of the mapping and all that its lookups hold
}

// What becomes of records that a source does not deliver any more.
const (
	vanishDelete    = "delete"
	vanishUnpublish = "unpublish"
	vanishKeep      = "keep"
)

// vanished says what becomes of records of a type that vanish. Without a
// mapping, they are deleted.
func (m *Mapping) vanished(kind catalog.RecordType) string {
	if m == nil {
		return vanishDelete
	}
	return cmp.Or(m.gone[kind], vanishDelete)
}

// usedColumn is a column that the mapping names, and where.
type usedColumn struct {
	name  string
	place ovenbird.Place
}

// rule is one entry of "records".
type rule struct {
	kind catalog.RecordType
	when []condition
	each *values // nil: one record a row
	key  object  // type and id, or what stands for an id
	rest object
}

// recordFields are the fields of each type that a mapping may give, without its key.
var recordFields = map[catalog.RecordType][]keyed{
	catalog.TypeTitle: {
		{"op", textField, false},
		{"kind", textField, false},
		{"parent", textField, false},
		{"sort_key", textField, false},
		{"number", textField, false},
		{"special", booleanField, false},
		{"published", booleanField, false},
		{"video", booleanField, false},
		{"year", numberField, false},
		{"runtime_seconds", numberField, false},
		{"added", addedField, false},
		{"genres", listField, false},
		{"cast", listField, false},
		{"directors", listField, false},
		{"origins", listField, false},
		{"texts", textsField("name", "synopsis", "short_synopsis", "tagline"), false},
		{"images", objectsField(keyed{"role", textField, true}, keyed{"url", textField, true}, keyed{"width", numberField, true},
			keyed{"height", numberField, true}, keyed{"locale", textField, false}), false},
		{"ratings", objectsField(keyed{"system", textField, true}, keyed{"value", textField, true}), false},
	},
	catalog.TypeLicense: {
		{"op", textField, false},
		{"title", textField, false},
		{"territories", listField, false},
		{"exclude", listField, false},
		{"applications", listField, false},
		{"start", startField, false},
		{"end", endField, false},
		{"model", textField, false},
	},
	catalog.TypeCollection: {
		{"op", textField, false},
		{"sort_key", textField, false},
		{"published", booleanField, false},
		{"texts", textsField("name", "synopsis"), false},
	},
	catalog.TypeItem: {{"op", textField, false}, {"position", textField, false}},
}

// keyFields are the fields that say which record it is.
var keyFields = map[catalog.RecordType][]string{
	catalog.TypeTitle: {"id"}, catalog.TypeLicense: {"id"}, catalog.TypeCollection: {"id"}, catalog.TypeItem: {"collection", "title"},
}

// LoadMapping reads a mapping file. Files that its lookups name are relative to its folder.
func LoadMapping(path string) (*Mapping, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "read the mapping: %w", err)
	}
	return ParseMapping(path, data, os.DirFS(filepath.Dir(path)))
}

// ParseMapping compiles a mapping. Name is for messages; files holds what its
// lookups name, and may be nil. Errors are Invalid and have a place.
func ParseMapping(name string, data []byte, files fs.FS) (*Mapping, error) {
	c := &compiler{document: document{name}, files: files, lookups: map[string]lookup{countriesLookup: countries()}, sum: sha256.New()}
	_, _ = c.sum.Write(data) // a hash never fails
	root, err := c.parse(data)
	if err != nil {
		return nil, err
	}
	return c.compile(root)
}

// compiler turns a mapping file into a Mapping.
type compiler struct {
	document
	files   fs.FS
	lookups map[string]lookup
	used    []usedColumn
	sum     hash.Hash // of the mapping and the files that it names
}

func (c *compiler) compile(root ast.Node) (*Mapping, error) {
	fields, err := c.fields(root, "format", "empty", "lookups", "records", "vanished")
	if err != nil {
		return nil, err
	}
	m := &Mapping{separator: ',', quotes: true, empty: make(map[string]bool)}
	if n := fields["format"]; n != nil {
		if err := c.readFormat(n, m); err != nil {
			return nil, err
		}
	}
	if n := fields["empty"]; n != nil {
		list, err := c.strings(n)
		if err != nil {
			return nil, err
		}
		for _, word := range list {
			m.empty[word] = true
		}
	}
	if n := fields["lookups"]; n != nil {
		if err := c.readLookups(n); err != nil {
			return nil, err
		}
	}
	if fields["records"] == nil {
		return nil, c.errorf(root, `"records" is missing: the list of what each row gives`)
	}
	nodes, err := c.list(fields["records"])
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		r, err := c.readRule(n)
		if err != nil {
			return nil, err
		}
		m.rules = append(m.rules, r)
	}
	if n := fields["vanished"]; n != nil {
		if m.gone, err = c.readVanished(n); err != nil {
			return nil, err
		}
	}
	m.used, m.hash = c.used, c.sum.Sum(nil)
	return m, nil
}

// readVanished reads what becomes of records that vanish, by type.
func (c *compiler) readVanished(n ast.Node) (map[catalog.RecordType]string, error) {
	fields, err := c.fields(n,
		string(catalog.TypeTitle), string(catalog.TypeLicense), string(catalog.TypeCollection), string(catalog.TypeItem))
	if err != nil {
		return nil, err
	}
	words := make(map[catalog.RecordType]string, len(fields))
	for name, n := range fields {
		kind, allowed := catalog.RecordType(name), []string{vanishDelete, vanishKeep}
		if kind == catalog.TypeTitle || kind == catalog.TypeCollection {
			allowed = append(allowed, vanishUnpublish)
		}
		if words[kind], err = c.choice(n, allowed...); err != nil {
			return nil, err
		}
	}
	return words, nil
}

func (c *compiler) readFormat(n ast.Node, m *Mapping) error {
	fields, err := c.fields(n, "separator", "quotes")
	if err != nil {
		return err
	}
	if n := fields["separator"]; n != nil {
		text, err := c.scalar(n)
		if err != nil {
			return err
		}
		if text == "tab" {
			text = "\t"
		}
		r, size := utf8.DecodeRuneInString(text)
		if size != len(text) || strings.ContainsRune("\"\r\n", r) || r == utf8.RuneError {
			return c.errorf(n, `separator is %q; use one character, or tab`, text)
		}
		m.separator = r
	}
	if n := fields["quotes"]; n != nil {
		word, err := c.choice(n, "true", "false")
		if err != nil {
			return err
		}
		m.quotes = word == "true"
	}
	return nil
}

func (c *compiler) readRule(n ast.Node) (*rule, error) {
	list, err := c.members(n)
	if err != nil {
		return nil, err
	}
	typeAt := slices.IndexFunc(list, func(m member) bool { return m.name == "type" })
	if typeAt < 0 {
		return nil, c.errorf(n, `"type" is missing: title, license, collection or collection_item`)
	}
	word, err := c.choice(list[typeAt].value, "title", "license", "collection", "collection_item")
	if err != nil {
		return nil, err
	}
	r := &rule{kind: catalog.RecordType(word)}
	known := append([]string{"type", "when", "each"}, keyFields[r.kind]...)
	for _, f := range recordFields[r.kind] {
		known = append(known, f.name)
	}
	fields, err := c.fields(n, known...)
	if err != nil {
		return nil, err
	}
	if node := fields["when"]; node != nil {
		if r.when, err = c.readConditions(node); err != nil {
			return nil, err
		}
	}
	if node := fields["each"]; node != nil {
		if r.each, err = c.readValues(node); err != nil {
			return nil, err
		}
	}
	if err := c.readKey(r, n, fields); err != nil {
		return nil, err
	}
	return r, c.readRest(r, fields)
}

func (c *compiler) readKey(r *rule, n ast.Node, fields map[string]ast.Node) error {
	r.key = object{names: []string{"type"}, required: make(map[string]bool)}
	r.key.values = []appender{func(buf []byte, _ *row) ([]byte, bool, error) { return quote(buf, string(r.kind)), true, nil }}
	for _, name := range keyFields[r.kind] {
		if fields[name] == nil {
			return c.errorf(n, "%q is missing here", name)
		}
		id, err := textField(c, fields[name])
		if err != nil {
			return err
		}
		r.key.names = append(r.key.names, name)
		r.key.values = append(r.key.values, required(id))
	}
	return nil
}

// required makes an absent value an error.
func required(of appender) appender {
	return func(buf []byte, r *row) ([]byte, bool, error) {
		out, present, err := of(buf, r)
		if err == nil && !present {
			err = fmt.Errorf("it is empty in this row")
		}
		return out, present, err
	}
}

func (c *compiler) readRest(r *rule, fields map[string]ast.Node) error {
	for _, f := range recordFields[r.kind] {
		if fields[f.name] == nil {
			continue
		}
		value, err := f.kind(c, fields[f.name])
		if err != nil {
			return err
		}
		r.rest.names, r.rest.values = append(r.rest.names, f.name), append(r.rest.values, value)
	}
	return nil
}

// note remembers the columns that a template reads.
func (c *compiler) note(n ast.Node, t template) {
	for _, p := range t {
		if p.column != "" && p.column != eachColumn {
			c.noteColumn(n, p.column)
		}
	}
}

func (c *compiler) noteColumn(n ast.Node, column string) {
	place := ovenbird.Place{File: c.file}
	if at := n.GetToken(); at != nil && at.Position != nil {
		place.Line, place.Column = at.Position.Line, at.Position.Column
	}
	c.used = append(c.used, usedColumn{column, place})
}

// bind finds the columns of a mapping in a header.
func (m *Mapping) bind(name string, header []string) (*columns, error) {
	c := &columns{index: make(map[string]int, len(header)), empty: m.empty}
	for i, column := range header {
		c.index[column] = i
	}
	for _, used := range m.used {
		if _, ok := c.index[used.name]; !ok {
			return nil, ovenbird.ErrorAt(used.place, "%s has no column %q; it has %s", name, used.name, strings.Join(header, ", "))
		}
	}
	return c, nil
}

// mapped is a record that a row gives: a line of NDJSON whose first idEnd bytes
// say which record it is.
type mapped struct {
	kind  catalog.RecordType
	json  []byte
	idEnd int
}

// records yields the records of a row, each valid until the next, or why there is
// none: then json holds the key alone, where it is known.
func (m *Mapping) records(r *row) iter.Seq2[mapped, error] {
	return func(yield func(mapped, error) bool) {
		for _, rule := range m.rules {
			if !rule.records(r, yield) {
				return
			}
		}
	}
}

func (r *rule) records(row *row, yield func(mapped, error) bool) bool {
	elements := []string{""}
	if r.each != nil {
		var err error
		if elements, err = r.each.eval(row); err != nil {
			return yield(mapped{kind: r.kind}, fmt.Errorf("each: %w", err))
		}
	}
	for _, element := range elements {
		row.each = element
		if !holds(r.when, row) {
			continue
		}
		record, err := r.record(row)
		if !yield(record, err) {
			return false
		}
	}
	return true
}

func (r *rule) record(row *row) (mapped, error) {
	out := mapped{kind: r.kind}
	key, _, err := r.key.append(nil, row)
	if err != nil {
		return out, err
	}
	out.json, out.idEnd = key, len(key)-1 // without the closing brace
	rest, present, err := r.rest.append(key[:out.idEnd:out.idEnd], row)
	if err != nil {
		return out, err
	}
	if !present {
		return out, nil
	}
	rest[out.idEnd] = ',' // the opening brace of the rest
	out.json = rest
	return out, nil
}
