package shape

import (
	"strconv"
	"time"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, escaping only what RFC 8259 section 7
// demands, as JSON.stringify does. Bytes that are not UTF-8 become U+FFFD.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				out = append(append(out, s[done:i]...), "\uFFFD"...)
				done = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			out = appendEscape(append(out, s[done:i]...), c)
			done = i + 1
		}
		i++
	}
	return append(append(out, s[done:]...), '"')
}

func appendEscape(out []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(out, '\\', c)
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	default:
		return append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

// appendNonEmpty appends s, or null where it is empty.
func appendNonEmpty(out []byte, s string) []byte {
	if s == "" {
		return appendNull(out)
	}
	return appendString(out, s)
}

// appendPositive appends n, or null where it is zero, which means unknown.
func appendPositive(out []byte, n int) []byte {
	if n == 0 {
		return appendNull(out)
	}
	return strconv.AppendInt(out, int64(n), 10)
}

// appendTime appends an instant in RFC 3339 and UTC, or null where it is zero.
func appendTime(out []byte, t time.Time) []byte {
	if t.IsZero() {
		return appendNull(out)
	}
	return append(t.UTC().AppendFormat(append(out, '"'), time.RFC3339Nano), '"')
}

// appendStrings appends the first of a list of strings; all of them where first is 0.
func appendStrings[S ~string](out []byte, list []S, first int) []byte {
	if first > 0 && len(list) > first {
		list = list[:first]
	}
	out = append(out, '[')
	for i, s := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, string(s))
	}
	return append(out, ']')
}

func appendNull(out []byte) []byte { return append(out, "null"...) }
