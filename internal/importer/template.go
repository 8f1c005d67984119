package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// template is text with columns in it: "s-{show_title|slug}-{country|lower}".
// "{{" stands for a brace.
type template []piece

// piece is literal text, or a column put through functions.
type piece struct {
	literal   string
	column    string // "" for literal text
	functions []function
}

// function turns one text into another, or says why it can not.
type function func(string) (string, error)

// eachColumn is the name under which a template finds the element of "each".
const eachColumn = "each"

// parseTemplate compiles s. Its functions are those below and lookup:NAME.
func parseTemplate(s string, lookups map[string]lookup) (template, error) {
	var t template
	var literal strings.Builder
	for s != "" {
		brace := strings.IndexByte(s, '{')
		if brace < 0 {
			literal.WriteString(s)
			break
		}
		literal.WriteString(s[:brace])
		s = s[brace+1:]
		if strings.HasPrefix(s, "{") {
			literal.WriteByte('{')
			s = s[1:]
			continue
		}
		inside, rest, closed := strings.Cut(s, "}")
		if !closed {
			return nil, fmt.Errorf(`"{%s" is never closed; write "{{" for a brace`, inside)
		}
		p, err := parsePiece(inside, lookups)
		if err != nil {
			return nil, err
		}
		if literal.Len() > 0 {
			t = append(t, piece{literal: literal.String()})
			literal.Reset()
		}
		t, s = append(t, p), rest
	}
	if literal.Len() > 0 {
		t = append(t, piece{literal: literal.String()})
	}
	return t, nil
}

func parsePiece(inside string, lookups map[string]lookup) (piece, error) {
	parts := strings.Split(inside, "|")
	p := piece{column: strings.TrimSpace(parts[0])}
	if p.column == "" {
		return p, fmt.Errorf(`"{%s}" names no column`, inside)
	}
	for _, part := range parts[1:] {
		name, argument, _ := strings.Cut(strings.TrimSpace(part), ":")
		if name == "lookup" {
			table, ok := lookups[argument]
			if !ok {
				return p, fmt.Errorf("there is no lookup %q; define it under lookups", argument)
			}
			p.functions = append(p.functions, table.mustFind)
			continue
		}
		fn, ok := functions[name]
		if !ok || argument != "" {
			return p, fmt.Errorf("there is no function %q; use %s or lookup:NAME", part, functionNames())
		}
		p.functions = append(p.functions, func(s string) (string, error) { return fn(s), nil })
	}
	return p, nil
}

var functions = map[string]func(string) string{
	"trim":  strings.TrimSpace,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"slug":  slug,
	"hash":  shortHash,
}

func functionNames() string {
	names := make([]string, 0, len(functions))
	for name := range functions {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// eval fills in the columns of a row. A template whose columns are all empty is
// empty, whatever literal text it has: there is nothing to say.
func (t template) eval(r *row) (string, error) {
	if len(t) == 1 && t[0].column == "" {
		return t[0].literal, nil
	}
	var b strings.Builder
	columns, empty := 0, 0
	for _, p := range t {
		if p.column == "" {
			b.WriteString(p.literal)
			continue
		}
		text := r.get(p.column)
		var err error
		for _, fn := range p.functions {
			if text, err = fn(text); err != nil {
				return "", fmt.Errorf("column %s: %w", p.column, err)
			}
		}
		columns++
		if text == "" {
			empty++
		}
		b.WriteString(text)
	}
	if columns > 0 && columns == empty {
		return "", nil
	}
	return b.String(), nil
}

// slugLength is the longest slug in bytes; longer ones end in a hash.
const slugLength = 64

// slug makes text fit for an id: lower case, accents off, everything but letters
// and digits turned into "-". What has neither is hashed instead, and so is the
// part that is too long, so that different texts rarely share a slug.
func slug(s string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’':
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		default:
			dash = true
		}
	}
	out := norm.NFC.String(b.String())
	if out == "" {
		return shortHash(s)
	}
	if len(out) <= slugLength {
		return out
	}
	cut := slugLength - hashLength - 1
	for !utf8.RuneStart(out[cut]) {
		cut--
	}
	return strings.TrimRight(out[:cut], "-") + "-" + shortHash(s)
}

// hashLength is the length of shortHash in bytes.
const hashLength = 12

// shortHash returns the first 12 hexadecimal digits of the SHA-256 of s, "" for "".
func shortHash(s string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:hashLength]
}
