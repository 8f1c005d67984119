package importer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml/ast"

	"ovenbird/internal/ovenbird"
)

// appender appends a field's JSON for a row to buf; false means that the row
// has none, and buf is as it was.
type appender func(buf []byte, r *row) ([]byte, bool, error)

// fieldKind says how a field is read from a mapping.
type fieldKind func(c *compiler, n ast.Node) (appender, error)

func textField(c *compiler, n ast.Node) (appender, error) {
	v, _, err := c.readValue(n)
	return textAppender(v), err
}

func textAppender(v *value) appender {
	return func(buf []byte, r *row) ([]byte, bool, error) {
		text, err := v.eval(r)
		if err != nil || text == "" {
			return buf, false, err
		}
		return quote(buf, text), true, nil
	}
}

func numberField(c *compiler, n ast.Node) (appender, error) {
	v, _, err := c.readValue(n)
	return func(buf []byte, r *row) ([]byte, bool, error) {
		text, err := v.eval(r)
		if err != nil || text == "" {
			return buf, false, err
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return buf, false, fmt.Errorf("%q is not a whole number", text)
		}
		return strconv.AppendInt(buf, number, 10), true, nil
	}, err
}

// booleans are the words for yes and no that tables have.
var booleans = map[string]string{
	"true": "true", "yes": "true", "y": "true", "1": "true",
	"false": "false", "no": "false", "n": "false", "0": "false",
}

func booleanField(c *compiler, n ast.Node) (appender, error) {
	v, _, err := c.readValue(n)
	return func(buf []byte, r *row) ([]byte, bool, error) {
		text, err := v.eval(r)
		if err != nil || text == "" {
			return buf, false, err
		}
		word, ok := booleans[strings.ToLower(text)]
		if !ok {
			return buf, false, fmt.Errorf("%q is neither true nor false", text)
		}
		return append(buf, word...), true, nil
	}, err
}

// Dates that stand for none leave "added" out, and open the ends of a window. An
// end may be inclusive.

func addedField(c *compiler, n ast.Node) (appender, error) {
	return c.readInstant(n, &instant{isOpen: ovenbird.OpenStart})
}

func startField(c *compiler, n ast.Node) (appender, error) {
	return c.readInstant(n, &instant{isOpen: ovenbird.OpenStart, none: "null", up: true})
}

func endField(c *compiler, n ast.Node) (appender, error) {
	return c.readInstant(n, &instant{isOpen: ovenbird.OpenEnd, none: "null"}, "end")
}

func listField(c *compiler, n ast.Node) (appender, error) {
	v, err := c.readValues(n)
	return func(buf []byte, r *row) ([]byte, bool, error) {
		list, err := v.eval(r)
		if err != nil || len(list) == 0 {
			return buf, false, err
		}
		buf = append(buf, '[')
		for i, text := range list {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = quote(buf, text)
		}
		return append(buf, ']'), true, nil
	}, err
}

// object is a field whose value has keys of its own.
type object struct {
	names    []string
	values   []appender
	required map[string]bool // without these there is no object
}

func (o *object) append(buf []byte, r *row) ([]byte, bool, error) {
	start := len(buf)
	buf = append(buf, '{')
	for i, name := range o.names {
		mark := len(buf)
		if mark > start+1 {
			buf = append(buf, ',')
		}
		buf = append(quote(buf, name), ':')
		out, present, err := o.values[i](buf, r)
		if err != nil {
			return buf[:start], false, fmt.Errorf("%s: %w", name, err)
		}
		if present {
			buf = out
			continue
		}
		if o.required[name] {
			return buf[:start], false, nil
		}
		buf = buf[:mark]
	}
	if len(buf) == start+1 {
		return buf[:start], false, nil
	}
	return append(buf, '}'), true, nil
}

// textsField reads texts by field and locale.
func textsField(names ...string) fieldKind {
	return func(c *compiler, n ast.Node) (appender, error) {
		fields, err := c.members(n)
		if err != nil {
			return nil, err
		}
		if _, err := c.fields(n, names...); err != nil {
			return nil, err
		}
		texts := new(object)
		for _, field := range fields {
			locales, err := c.members(field.value)
			if err != nil {
				return nil, c.errorf(field.value, `expected texts by locale here, such as {en: "{title}"}`)
			}
			byLocale := new(object)
			for _, locale := range locales {
				text, err := textField(c, locale.value)
				if err != nil {
					return nil, err
				}
				byLocale.names, byLocale.values = append(byLocale.names, locale.name), append(byLocale.values, text)
			}
			texts.names, texts.values = append(texts.names, field.name), append(texts.values, byLocale.append)
		}
		return texts.append, nil
	}
}

// keyed is a key of an object in a list.
type keyed struct {
	name     string
	kind     fieldKind
	required bool
}

// objectsField reads a list of objects. One that lacks a required value in a row
// is left out.
func objectsField(keys ...keyed) fieldKind {
	return func(c *compiler, n ast.Node) (appender, error) {
		nodes, err := c.list(n)
		if err != nil {
			return nil, err
		}
		var objects []appender
		for _, node := range nodes {
			o, err := c.readObject(node, keys)
			if err != nil {
				return nil, err
			}
			objects = append(objects, o.append)
		}
		return listOf(objects), nil
	}
}

func (c *compiler) readObject(n ast.Node, keys []keyed) (*object, error) {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.name
	}
	fields, err := c.fields(n, names...)
	if err != nil {
		return nil, err
	}
	o := &object{required: make(map[string]bool)}
	for _, key := range keys {
		o.required[key.name] = key.required
		if fields[key.name] == nil {
			if key.required {
				return nil, c.errorf(n, "%q is missing here", key.name)
			}
			continue
		}
		value, err := key.kind(c, fields[key.name])
		if err != nil {
			return nil, err
		}
		o.names, o.values = append(o.names, key.name), append(o.values, value)
	}
	return o, nil
}

func listOf(elements []appender) appender {
	return func(buf []byte, r *row) ([]byte, bool, error) {
		start := len(buf)
		buf = append(buf, '[')
		for _, element := range elements {
			mark := len(buf)
			if mark > start+1 {
				buf = append(buf, ',')
			}
			out, present, err := element(buf, r)
			if err != nil {
				return buf[:start], false, err
			}
			if buf = out; !present {
				buf = buf[:mark]
			}
		}
		if len(buf) == start+1 {
			return buf[:start], false, nil
		}
		return append(buf, ']'), true, nil
	}
}

// quote appends s as a JSON string. Rows with invalid UTF-8 were refused before.
func quote(buf []byte, s string) []byte {
	out, _ := jsontext.AppendQuote(buf, s)
	return out
}
