package edge

import "strings"

// acceptance is how much a client wants each coding: 0 for not at all, 1 for
// identity that it did not mention, otherwise twice the weight in thousandths.
type acceptance [codingCount]uint16

const unmentioned = 1

// acceptable reads Accept-Encoding (RFC 9110 section 12.5.3), given as its field
// lines. Without the field, or with an empty one, it accepts identity alone: to
// a client that says nothing, nothing is assumed. A member that does not follow
// the grammar counts for nothing; of two for the same coding the first counts.
func acceptable(lines []string) acceptance {
	var a acceptance
	var seen [codingCount]bool
	var star uint16
	var hasStar bool
	for _, line := range lines {
		for line != "" {
			var member string
			member, line, _ = strings.Cut(line, ",")
			name, weight, ok := parseCoding(member)
			if !ok {
				continue
			}
			if name == "*" {
				if !hasStar {
					star, hasStar = weight, true
				}
				continue
			}
			if c, known := codingNamed(name); known && !seen[c] {
				a[c], seen[c] = weight, true
			}
		}
	}
	for c := range codingCount {
		switch {
		case seen[c]:
		case hasStar:
			a[c] = star
		case c == identity:
			a[c] = unmentioned
		}
	}
	return a
}

// parseCoding reads one member: a name with an optional weight.
func parseCoding(member string) (name string, weight uint16, ok bool) {
	name, parameter, hasWeight := strings.Cut(member, ";")
	name = trimSpace(name)
	if name == "" {
		return "", 0, false
	}
	if !hasWeight {
		return name, 2000, true
	}
	parameter = trimSpace(parameter)
	if len(parameter) < 2 || parameter[0]|0x20 != 'q' || parameter[1] != '=' {
		return "", 0, false
	}
	weight, ok = parseWeight(parameter[2:])
	return name, weight, ok
}

// parseWeight reads a qvalue (RFC 9110 section 12.4.2) as twice its thousandths.
func parseWeight(s string) (weight uint16, ok bool) {
	if s == "" || len(s) > 5 || s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' {
		return 0, false
	}
	weight = uint16(s[0]-'0') * 1000
	unit := uint16(100)
	for i := 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		weight += uint16(s[i]-'0') * unit
		unit /= 10
	}
	return 2 * weight, weight <= 1000
}

func codingNamed(name string) (c coding, known bool) {
	for c := range codingCount {
		if strings.EqualFold(name, codingNames[c]) {
			return c, true
		}
	}
	// An alias that recipients must know (RFC 9110 section 8.4.1.3).
	return gzipCoding, strings.EqualFold(name, "x-gzip")
}

// trimSpace removes optional whitespace (RFC 9110 section 5.6.3).
func trimSpace(s string) string { return strings.Trim(s, " \t") }

// The order in which the edge prefers codings that the client wants as much.
var (
	preferSmall  = [codingCount]coding{zstandard, brotliCoding, gzipCoding, identity}
	preferSimple = [codingCount]coding{identity, zstandard, brotliCoding, gzipCoding}
)

// choose returns the coding to send; ok is false where the client accepts none.
// incompressible documents go as they are, unless the client asks otherwise.
func (a acceptance) choose(incompressible bool) (c coding, ok bool) {
	order := &preferSmall
	if incompressible {
		if a[identity] == unmentioned {
			return identity, true
		}
		order = &preferSimple
	}
	var best uint16
	for _, candidate := range order {
		if a[candidate] > best {
			c, best = candidate, a[candidate]
		}
	}
	return c, best > 0
}
