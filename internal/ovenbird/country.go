package ovenbird

import (
	"fmt"
	"math/bits"
	"strings"
)

// Country is an ISO 3166-1 alpha-2 code in capitals, or XK (Kosovo).
type Country string

// countryIndexes has for the two letters of each code its bit in a CountrySet and 1.
var countryIndexes = func() (indexes [26][26]uint8) {
	for i, c := range countries {
		indexes[c.code[0]-'A'][c.code[1]-'A'] = uint8(i + 1)
	}
	return indexes
}()

// indexOf returns the bit of a code in a CountrySet; ok is false for what is no code.
func indexOf(code string) (i uint8, ok bool) {
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return 0, false
	}
	i = countryIndexes[code[0]-'A'][code[1]-'A']
	return i - 1, i > 0
}

// countryAliases are codes that suppliers write and ISO 3166-1 does not: they
// are accepted on input and stored as ISO.
var countryAliases = map[string]Country{"UK": "GB", "EL": "GR"}

// ParseCountry accepts an alpha-2 code in any case, with the aliases UK and EL and
// retired codes of countries that only changed their name (ZR, now CD), and
// returns the ISO code. Of other retired codes the error says what became of them.
func ParseCountry(s string) (Country, error) {
	if _, ok := indexOf(s); ok {
		return Country(s), nil // as nearly all are
	}
	code := strings.ToUpper(strings.TrimSpace(s))
	if iso, ok := countryAliases[code]; ok {
		return iso, nil
	}
	if _, ok := indexOf(code); !ok {
		if today, known, err := retired(code); known {
			return today, err
		}
		return "", Errorf(Invalid, "unknown country %q: use an ISO 3166-1 alpha-2 code such as FI or JP", s)
	}
	return Country(code), nil
}

// Name returns the country's common English name, or the code itself where it is unknown.
func (c Country) Name() string {
	if i, ok := indexOf(string(c)); ok {
		return countries[i].name
	}
	return string(c)
}

// Index returns the country's bit in a CountrySet. It panics on a code that
// ParseCountry would refuse: parse input first.
func (c Country) Index() uint8 {
	i, ok := indexOf(string(c))
	if !ok {
		panic(fmt.Sprintf("ovenbird: country %q was never parsed", string(c)))
	}
	return i
}

// CountryAt returns the country whose bit is i.
func CountryAt(i uint8) Country { return Country(countries[i].code) }

// CountryCount is how many countries there are; bits from it up are never set.
const CountryCount = len(countries)

// AllCountries returns every country in bit order.
func AllCountries() []Country { return Worldwide().List() }

// CountrySet is a set of countries, one bit each. The zero value is empty. Sets
// are values: they compare with == and may be map keys.
type CountrySet [4]uint64

// NewCountrySet returns the set of the given countries.
func NewCountrySet(list ...Country) CountrySet {
	var s CountrySet
	for _, c := range list {
		s = s.With(c)
	}
	return s
}

// Worldwide is the set of all countries.
func Worldwide() CountrySet {
	var s CountrySet
	for i := range CountryCount {
		s[i>>6] |= 1 << (i & 63)
	}
	return s
}

// Has reports whether c is in s.
func (s CountrySet) Has(c Country) bool { return s.HasIndex(c.Index()) }

// HasIndex reports whether the country with bit i is in s.
func (s CountrySet) HasIndex(i uint8) bool { return s[i>>6]&(1<<(i&63)) != 0 }

// With returns s and c.
func (s CountrySet) With(c Country) CountrySet {
	i := c.Index()
	s[i>>6] |= 1 << (i & 63)
	return s
}

// Union returns the countries in s or t.
func (s CountrySet) Union(t CountrySet) CountrySet {
	return CountrySet{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]}
}

// Intersect returns the countries in both s and t.
func (s CountrySet) Intersect(t CountrySet) CountrySet {
	return CountrySet{s[0] & t[0], s[1] & t[1], s[2] & t[2], s[3] & t[3]}
}

// Minus returns the countries in s that are not in t.
func (s CountrySet) Minus(t CountrySet) CountrySet {
	return CountrySet{s[0] &^ t[0], s[1] &^ t[1], s[2] &^ t[2], s[3] &^ t[3]}
}

// Empty reports whether s has no country.
func (s CountrySet) Empty() bool { return s == CountrySet{} }

// Len counts the countries in s.
func (s CountrySet) Len() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// First returns the bit of the first country in s; ok is false when s is empty.
func (s CountrySet) First() (i uint8, ok bool) {
	for w, word := range s {
		if word != 0 {
			return uint8(w<<6 + bits.TrailingZeros64(word)), true
		}
	}
	return 0, false
}

// Indexes yields the bits of s in order.
func (s CountrySet) Indexes(yield func(uint8) bool) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(uint8(w<<6 + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

// List returns the countries of s in bit order, which is alphabetical.
func (s CountrySet) List() []Country {
	list := make([]Country, 0, s.Len())
	for i := range s.Indexes {
		list = append(list, CountryAt(i))
	}
	return list
}

// String lists the codes of s, separated by spaces.
func (s CountrySet) String() string {
	codes := make([]string, 0, s.Len())
	for i := range s.Indexes {
		codes = append(codes, countries[i].code)
	}
	return strings.Join(codes, " ")
}
