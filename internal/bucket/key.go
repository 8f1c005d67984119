package bucket

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// emptySegment stands for a segment of no characters, as in "a//b".
const emptySegment = "%"

var errKey = errors.New("a key is UTF-8 and not empty")

// keyPath returns the path of a key below the bucket's folder: one folder per
// segment. Every key has a path of its own, and no path leads out of the folder
// or to a name that begins with a dot.
func keyPath(key string) (string, error) {
	if key == "" || !utf8.ValidString(key) {
		return "", fmt.Errorf("%w: %q", errKey, key)
	}
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		segments[i] = escapeSegment(segment)
	}
	return strings.Join(segments, "/"), nil
}

func escapeSegment(segment string) string {
	if segment == "" {
		return emptySegment
	}
	var b strings.Builder
	for i := range len(segment) {
		c := segment[i]
		if c < 0x20 || c == 0x7f || c == '%' || c == '\\' || (c == '.' && i == 0) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescapeSegment reverses escapeSegment. What that never writes (a name that
// someone else put there) is not ok.
func unescapeSegment(name string) (segment string, ok bool) {
	if name == emptySegment {
		return "", true
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			b.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", false
		}
		var c byte
		if _, err := fmt.Sscanf(name[i+1:i+3], "%02X", &c); err != nil {
			return "", false
		}
		b.WriteByte(c)
		i += 2
	}
	segment = b.String()
	return segment, escapeSegment(segment) == name && utf8.ValidString(segment)
}
