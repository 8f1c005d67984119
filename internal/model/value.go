package model

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Value is a JSON value: nil, a bool, an int, a string, a List or an Object.
type Value any

// List is a JSON array.
type List []Value

// Object is a JSON object whose members have an order.
type Object []Member

// Member is one member of an Object.
type Member struct {
	Key   string
	Value Value
}

// Encode returns the one way in which a document writes a value: no white space,
// members in their order, nothing escaped that need not be.
func Encode(v Value) []byte { return appendValue(nil, v) }

func appendValue(out []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case int:
		return strconv.AppendInt(out, int64(v), 10)
	case string:
		return appendText(out, v)
	case List:
		out = append(out, '[')
		for i, element := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(out, element)
		}
		return append(out, ']')
	case Object:
		out = append(out, '{')
		for i, member := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendText(out, member.Key), ':')
			out = appendValue(out, member.Value)
		}
		return append(out, '}')
	default:
		panic(fmt.Sprintf("model: %T is no JSON value", v))
	}
}

// appendText appends a JSON string. RFC 8259 demands that quotes, backslashes and
// control characters are escaped; five of those have a short form.
func appendText(out []byte, s string) []byte {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	out = append(out, '"')
	for _, r := range s { // what is not UTF-8 comes as U+FFFD
		if escape, ok := short[r]; ok {
			out = append(out, escape...)
		} else if r < ' ' {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}
