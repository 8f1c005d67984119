package edge

import (
	"strings"
	"unicode/utf8"

	"ovenbird/internal/ovenbird"
)

// place is what an address says, before it is known who asks.
type place struct {
	country    uint8
	hasCountry bool
	// application is nil for a document of the whole site.
	application *application
	rest        string // the address after the application, or all of it
}

// locate reads an address: /{country}/{application}[/{language}]/{path},
// /{application}[/{language}]/{path}, or /{path} of a document of the whole
// site. It allocates nothing when it succeeds.
func (s *state) locate(path string) (place, fault) {
	first, rest := cutSegment(strings.TrimPrefix(path, "/"))
	var p place
	if looksLikeCountry(first) {
		country, ok := countryIndexes.of(first)
		if !ok {
			return place{}, unknownCountry
		}
		p.country, p.hasCountry = country, true
		first, rest = cutSegment(rest)
	}
	p.application, p.rest = s.applications[first], rest
	switch {
	case p.application != nil:
		return p, none
	case p.hasCountry:
		return place{}, unknownApplication
	case isLowerCountry(first):
		return place{}, unknownCountry
	default:
		return place{rest: path[1:]}, none
	}
}

// cutSegment splits a path at its first slash.
func cutSegment(path string) (segment, rest string) {
	segment, rest, _ = strings.Cut(path, "/")
	return segment, rest
}

// looksLikeCountry reports whether a first segment can only be meant as a
// country: applications are not named with two capitals.
func looksLikeCountry(s string) bool {
	return len(s) == 2 && isCapital(s[0]) && isCapital(s[1])
}

// isLowerCountry reports whether a segment that names no application is a
// country's code that is not in capitals.
func isLowerCountry(s string) bool {
	if len(s) != 2 {
		return false
	}
	_, err := ovenbird.ParseCountry(s)
	return err == nil
}

func isCapital(b byte) bool { return 'A' <= b && b <= 'Z' }

// codeTable finds countries by code without allocating.
type codeTable [26][26]uint8

// countryIndexes has the country's index and 1 for each code, 0 for what is none.
var countryIndexes = func() (t codeTable) {
	for _, c := range ovenbird.AllCountries() {
		t[c[0]-'A'][c[1]-'A'] = c.Index() + 1
	}
	return t
}()

// of returns the index of a country by its code of two capitals.
func (t *codeTable) of(code string) (country uint8, ok bool) {
	if !looksLikeCountry(code) {
		return 0, false
	}
	i := t[code[0]-'A'][code[1]-'A']
	return i - 1, i != 0
}

// checkPath reports, for people, what is wrong with a decoded path that leads
// nowhere; "" if it is merely the path of nothing. raw is the path as it was
// sent, where decoding it lost something. No document's path looks like what is
// refused here, so nothing depends on when it is called, but for raw.
func checkPath(path, raw string) string {
	switch {
	case hasEncodedSlash(raw):
		return "It has an encoded slash (%2F). Write slashes between segments as they are, and encode nothing as one."
	case !utf8.ValidString(path):
		return "It is not valid UTF-8 after percent-decoding."
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "It has a control character."
	}
	// A slash at the end is a document that is not there, like any other.
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "." || segment == "..":
			return "It has a dot segment. Resolve the address before asking."
		case segment == "" && path != "":
			return "It has an empty segment: one slash too many."
		}
	}
	return ""
}

// hasEncodedSlash reports whether a raw path decodes to a slash that does not
// separate segments.
func hasEncodedSlash(raw string) bool {
	for i := strings.IndexByte(raw, '%'); i >= 0 && i+2 < len(raw); {
		if raw[i+1] == '2' && raw[i+2]|0x20 == 'f' {
			return true
		}
		next := strings.IndexByte(raw[i+1:], '%')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}
