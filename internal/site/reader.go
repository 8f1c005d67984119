package site

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"ovenbird/internal/ovenbird"
)

// Every read method takes a nil node for a key that is absent and returns the
// default; what is wrong it reports, and then returns the default too, so that
// reading goes on and finds the next mistake.

// object checks that n is a mapping with none but the known keys. what names it
// in messages.
func (p *problems) object(n *node, what string, known ...string) *node {
	if n == nil || !p.expect(n, what, mappingKind) {
		return nil
	}
	for _, e := range n.entries {
		if !slices.Contains(known, e.key) {
			p.at(e.place, "unknown key %q in %s; %s", e.key, what, suggest(e.key, known))
		}
	}
	return n
}

// expect reports a node of another kind than wanted.
func (p *problems) expect(n *node, what string, want kind) bool {
	if n.kind == want {
		return true
	}
	if want == textKind && (n.kind == numberKind || n.kind == booleanKind) {
		p.at(n.place, "%s must be text, and this is %s; put it in quotes: %q", what, n.kind, n.text)
	} else {
		p.at(n.place, "%s must be %s, and this is %s", what, want, n.kind)
	}
	return false
}

// need returns the value of a key that may not be absent.
func (p *problems) need(n *node, what, key, example string) *node {
	if n == nil {
		return nil
	}
	value := n.get(key)
	if value == nil {
		p.at(n.place, "%s lacks the key %q; add for example %s", what, key, example)
	}
	return value
}

// string reads text that is not blank; "" means that there was none.
func (p *problems) string(n *node, what string) string {
	if n == nil || !p.expect(n, what, textKind) {
		return ""
	}
	s := strings.TrimSpace(n.text)
	if s == "" {
		p.at(n.place, "%s is blank; write something, or remove it", what)
	}
	return s
}

// integer reads a whole number within bounds.
func (p *problems) integer(n *node, what string, least, most, otherwise int) int {
	if n == nil || !p.expect(n, what, numberKind) {
		return otherwise
	}
	value, err := strconv.Atoi(n.text)
	if err != nil || value < least || value > most {
		p.at(n.place, "%s is %s; use a whole number from %d to %d", what, n.text, least, most)
		return otherwise
	}
	return value
}

// boolean reads true or false.
func (p *problems) boolean(n *node, what string) bool {
	return n != nil && p.expect(n, what, booleanKind) && strings.EqualFold(n.text, "true")
}

// duration reads a duration such as 10m within bounds.
func (p *problems) duration(n *node, what string, least, most, otherwise time.Duration) time.Duration {
	if n == nil || n.kind != numberKind && !p.expect(n, what, textKind) {
		return otherwise
	}
	value, err := time.ParseDuration(n.text)
	if err != nil || n.kind == numberKind || value < least || value > most {
		p.at(n.place, "%s is %q; use a duration from %s to %s, such as %s", what, n.text, least, most, otherwise)
		return otherwise
	}
	return value
}

// percentPattern is a share as it is written: 20%, 12.5%.
var percentPattern = regexp.MustCompile(`^(100|\d{1,2}(\.\d+)?)%$`)

// percent reads a share such as 20% as 0.2.
func (p *problems) percent(n *node, what string, otherwise float64) float64 {
	if n == nil {
		return otherwise
	}
	if n.kind != textKind || !percentPattern.MatchString(n.text) {
		p.at(n.place, "%s is %q; use a percentage from 0%% to 100%%, such as 20%%", what, n.text)
		return otherwise
	}
	// The pattern admits nothing that does not parse.
	share, _ := strconv.ParseFloat(strings.TrimSuffix(n.text, "%"), 64)
	return share / 100
}

// items reads the items of a list.
func (p *problems) items(n *node, what string) []*node {
	if n == nil || !p.expect(n, what, listKind) {
		return nil
	}
	return n.items
}

// countries reads a list of country codes.
func (p *problems) countries(n *node, what string) ovenbird.CountrySet {
	var set ovenbird.CountrySet
	for _, item := range p.items(n, what) {
		if code, ok := p.country(item.place, p.string(item, "a country")); ok {
			set = set.With(code)
		}
	}
	return set
}

// country reads one country code.
func (p *problems) country(place ovenbird.Place, s string) (ovenbird.Country, bool) {
	if s == "" {
		return "", false
	}
	code, err := ovenbird.ParseCountry(s)
	if err != nil {
		p.add(place, err)
		return "", false
	}
	if string(code) != s {
		p.at(place, "country %q is written %s here", s, code)
	}
	return code, true
}

// locales reads a list of locales without repeats.
func (p *problems) locales(n *node, what string) []ovenbird.Locale {
	var locales []ovenbird.Locale
	for _, item := range p.items(n, what) {
		locale, ok := p.locale(item, "a locale")
		switch {
		case !ok:
		case slices.Contains(locales, locale):
			p.at(item.place, "locale %q stands twice in %s; remove one", locale, what)
		default:
			locales = append(locales, locale)
		}
	}
	return locales
}

// locale reads a BCP 47 language tag in canonical form.
func (p *problems) locale(n *node, what string) (ovenbird.Locale, bool) {
	s := p.string(n, what)
	if s == "" {
		return "", false
	}
	// The catalog brings tags to the same canonical form: "iw" is written "he", and
	// a chain that said "iw" would find nothing.
	tag, err := language.Parse(s)
	if err != nil {
		p.at(n.place, "%q is not a locale; use a BCP 47 language tag such as fi, pt-BR or zh-Hant", s)
		return "", false
	}
	if tag.String() != s {
		p.at(n.place, "locale %q is written %q", s, tag.String())
		return "", false
	}
	return ovenbird.Locale(s), true
}
