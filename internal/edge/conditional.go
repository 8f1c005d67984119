package edge

import (
	"strconv"
	"strings"
)

// matches reports whether a field with entity tags (If-Match, If-None-Match;
// RFC 9110 section 13.1), given as its lines, names etag, which is strong. Weak
// comparison overlooks that a tag in the field is weak. Reading ends at the
// first thing that is no entity tag.
func matches(lines []string, etag string, weak bool) bool {
	for _, line := range lines {
		if trimSpace(line) == "*" {
			return true
		}
		for rest := line; ; {
			tag, after, isWeak, ok := cutTag(rest)
			if !ok {
				break
			}
			if tag == etag && (weak || !isWeak) {
				return true
			}
			rest = after
		}
	}
	return false
}

// cutTag reads the first entity tag of a list, without its W/ but with its quotes.
func cutTag(list string) (tag, rest string, weak, ok bool) {
	list = strings.TrimLeft(list, " \t,")
	list, weak = strings.CutPrefix(list, "W/")
	if list == "" || list[0] != '"' {
		return "", "", false, false
	}
	end := strings.IndexByte(list[1:], '"')
	if end < 0 {
		return "", "", false, false
	}
	tag, rest = list[:end+2], strings.TrimLeft(list[end+2:], " \t")
	return tag, rest, weak, rest == "" || rest[0] == ','
}

// span is the part [start, end) of a body, in bytes.
type span struct{ start, end int }

// header returns the value of Content-Range.
func (s span) header(size int) string {
	return "bytes " + strconv.Itoa(s.start) + "-" + strconv.Itoa(s.end-1) + "/" + strconv.Itoa(size)
}

// rangeAnswer is what a Range field leads to.
type rangeAnswer uint8

const (
	whole         rangeAnswer = iota // the field is not there or not for us: 200
	partial                          // 206
	unsatisfiable                    // 416
)

// parseRange reads Range (RFC 9110 section 14.2) for a body of size bytes. The
// edge sends single ranges; a request for several, in another unit, or against
// the grammar gets the whole, as section 14.2 allows.
func parseRange(lines []string, size int) (span, rangeAnswer) {
	if len(lines) != 1 {
		return span{}, whole
	}
	unit, set, ok := strings.Cut(lines[0], "=")
	if !ok || !strings.EqualFold(trimSpace(unit), "bytes") {
		return span{}, whole
	}
	first, last, ok := strings.Cut(trimSpace(set), "-")
	if !ok || !digits(first) || !digits(last) || first == "" && last == "" {
		return span{}, whole
	}
	if first == "" {
		n := number(last)
		if n == 0 {
			return span{}, unsatisfiable
		}
		return span{max(0, size-n), size}, partial
	}
	s := span{number(first), size}
	if last != "" {
		end := number(last)
		if end < s.start {
			return span{}, whole
		}
		s.end = min(size, end+1)
	}
	if s.start >= size {
		return span{}, unsatisfiable
	}
	return s, partial
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// largest stands for every number that no body's size comes near.
const largest = 1 << 40

// number reads digits.
func number(s string) int {
	n := 0
	for i := range len(s) {
		n = min(largest, 10*n+int(s[i]-'0'))
	}
	return n
}
