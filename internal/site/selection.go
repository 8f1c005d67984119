package site

import (
	"cmp"
	"slices"
	"strings"
)

// selected lists what a shape selects, which compiled: a path for each field, with
// its arguments, by path; and the order of all, so that nothing that changes a
// document is missed.
func selected(text string) []pair {
	s := &selection{definitions: make(map[string][]string)}
	for token, rest := graphQLToken(text); token != ""; token, rest = graphQLToken(rest) {
		s.tokens = append(s.tokens, token)
	}
	var query []string
	for len(s.tokens) > 0 {
		head, body := s.definition()
		if len(head) > 1 && head[0] == "fragment" {
			s.definitions[head[1]] = body
			continue
		}
		query = body
		s.fields = append(s.fields, pair{"variables", strings.Join(head, " ")})
	}
	s.walk("", query)
	slices.SortStableFunc(s.fields, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	return append(pairs(s.fields...), pair{"order", strings.Join(s.order, " ")})
}

// selection walks a shape's tokens.
type selection struct {
	tokens      []string            // that were not read yet
	definitions map[string][]string // the bodies of fragments
	fields      []pair
	order       []string // paths, as they are written
}

// definition takes the next definition off the tokens: what stands before its
// braces and within.
func (s *selection) definition() (head, body []string) {
	open := slices.Index(s.tokens, "{")
	if open < 0 {
		open = len(s.tokens)
	}
	head = s.tokens[:open]
	body, s.tokens = bracketed(s.tokens[open:], "{", "}")
	return head, body
}

// bracketed returns what stands between a bracket, which tokens begin with, and
// its counterpart, and what follows that. Without a bracket there is nothing.
func bracketed(tokens []string, open, end string) (within, rest []string) {
	if len(tokens) == 0 || tokens[0] != open {
		return nil, tokens
	}
	depth := 0
	for i, token := range tokens {
		switch token {
		case open:
			depth++
		case end:
			depth--
		}
		if depth == 0 {
			return tokens[1:i], tokens[i+1:]
		}
	}
	return tokens[1:], nil
}

// walk adds the fields of a selection below a path.
func (s *selection) walk(path string, tokens []string) {
	for len(tokens) > 0 {
		if tokens[0] == "." { // a spread is three of them
			tokens = s.spread(path, tokens[min(3, len(tokens)):])
			continue
		}
		name := path + tokens[0]
		tokens = tokens[1:]
		field := ""
		if len(tokens) > 1 && tokens[0] == ":" {
			field, tokens = tokens[1], tokens[2:]
		}
		var arguments, below []string
		arguments, tokens = bracketed(tokens, "(", ")")
		tokens = directives(tokens)
		below, tokens = bracketed(tokens, "{", "}")
		what := strings.TrimSpace(field + " " + strings.Join(arguments, " "))
		s.fields = append(s.fields, pair{name, cmp.Or(what, "selected")})
		s.order = append(s.order, name)
		s.walk(name+".", below)
	}
}

// spread adds the fields of a fragment, named or in place, and returns what follows.
func (s *selection) spread(path string, tokens []string) []string {
	if len(tokens) > 1 && tokens[0] == "on" {
		tokens = tokens[2:]
	}
	tokens = directives(tokens)
	if len(tokens) > 0 && tokens[0] != "{" {
		s.walk(path, s.definitions[tokens[0]])
		return directives(tokens[1:])
	}
	body, rest := bracketed(tokens, "{", "}")
	s.walk(path, body)
	return rest
}

// directives passes over directives. A shape has none that change what it selects.
func directives(tokens []string) []string {
	for len(tokens) > 1 && tokens[0] == "@" {
		_, tokens = bracketed(tokens[2:], "(", ")")
	}
	return tokens
}
