package site

import (
	"slices"
	"strings"
)

// readers are the words with which a statement that only reads begins.
var readers = []string{"SELECT", "WITH", "VALUES", "TABLE"}

// singleSelect returns a query without what stands behind it: a semicolon,
// comments. What is wrong with it comes back as a message, "" when nothing is.
//
// It catches mistakes. That a query can not write is seen to where it is run: in
// a transaction that only reads, by a user who may do nothing else.
func singleSelect(sql string) (statement, problem string) {
	s := scanner{text: sql}
	first, end := -1, len(sql)
	for s.next() {
		switch {
		case s.bad != "":
			return "", s.bad
		case s.blank:
		case s.token() == ";" && end == len(sql):
			end = s.from
		case end < len(sql):
			return "", "two statements stand here; make two queries of them"
		case first < 0:
			first = s.from
		}
	}
	if first < 0 || first >= end {
		return "", "there is no statement; write a SELECT"
	}
	statement = strings.TrimSpace(sql[first:end])
	word := statement
	if i := strings.IndexFunc(word, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }); i >= 0 {
		word = word[:i]
	}
	if !slices.Contains(readers, strings.ToUpper(word)) {
		return "", "a query may only read; begin it with SELECT or WITH"
	}
	return statement, ""
}

// scanner splits SQL into tokens as far as it takes to find where a statement
// ends: quoted text, comments, white space, single characters.
type scanner struct {
	text     string
	from, to int
	blank    bool   // the token is a comment or white space
	bad      string // what is wrong with the token
}

func (s *scanner) token() string { return s.text[s.from:s.to] }

// next goes to the next token and reports whether there is one.
func (s *scanner) next() bool {
	s.from, s.blank = s.to, false
	rest := s.text[s.from:]
	if rest == "" {
		return false
	}
	switch {
	case strings.HasPrefix(rest, "/*!"), strings.HasPrefix(rest, "/*M!"):
		s.bad = "some databases run what stands in a comment that begins with /*!; write it out, or use another comment"
	case strings.HasPrefix(rest, "--"):
		s.blank = true
		s.until(2, "\n", false)
	case strings.HasPrefix(rest, "/*"):
		s.blank = true
		s.until(2, "*/", true)
		if strings.Contains(s.token()[2:], "/*") {
			s.bad = "a comment stands in a comment, which databases read differently; take the inner one out"
		}
	case rest[0] == '\'' || rest[0] == '"' || rest[0] == '`':
		s.until(1, rest[:1], true)
	case rest[0] == '$' && dollarQuote(rest) != "":
		quote := dollarQuote(rest)
		s.until(len(quote), quote, true)
	default:
		s.to++
		s.blank = strings.ContainsRune(" \t\r\n\f\v", rune(rest[0]))
	}
	return true
}

// until ends the token behind the next occurrence of end, which may be missing
// where it is not needed.
func (s *scanner) until(opening int, end string, needed bool) {
	start := s.from + opening
	i := strings.Index(s.text[start:], end)
	if i < 0 {
		s.to = len(s.text)
		if needed {
			s.bad = "what begins with " + s.text[s.from:start] + " is never closed"
		}
		return
	}
	s.to = start + i + len(end)
}

// dollarQuote returns the opening of a text quoted as PostgreSQL may ($tag$), or "".
func dollarQuote(text string) string {
	i := strings.IndexByte(text[1:], '$')
	if i < 0 {
		return ""
	}
	for j, r := range text[1 : 1+i] {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (j == 0 || r < '0' || r > '9') {
			return ""
		}
	}
	return text[:i+2]
}
