package model

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"ovenbird/internal/ovenbird"
)

// Found returns the visible titles that a search prefix finds:
// titles at the top that have a word in their name which begins with it. Those
// whose first word does come first; then it goes by sort key and id.
func (s *Sight) Found(prefix string) []*ovenbird.Title {
	var first, rest []*ovenbird.Title
	for _, t := range s.model.everything {
		if t.Parent != "" || !s.Visible(t.ID) {
			continue
		}
		for i, word := range s.wordsOf(t) {
			if !strings.HasPrefix(word, prefix) {
				continue
			}
			if i == 0 {
				first = append(first, t)
			} else {
				rest = append(rest, t)
			}
			break
		}
	}
	return append(first, rest...)
}

// Prefixes lists the search prefixes of up to so many characters that find
// something.
func (s *Sight) Prefixes(longest int) []string {
	var list []string
	known := make(map[string]bool)
	for _, t := range s.model.everything {
		if t.Parent != "" || !s.Visible(t.ID) {
			continue
		}
		for _, word := range s.wordsOf(t) {
			characters := []rune(word)
			for n := 1; n <= longest && n <= len(characters); n++ {
				if prefix := string(characters[:n]); !known[prefix] {
					known[prefix] = true
					list = append(list, prefix)
				}
			}
		}
	}
	return list
}

// wordsOf returns the words of a title's name as a search compares
// them: without accents and case, divided at whatever is neither letter nor digit.
func (s *Sight) wordsOf(t *ovenbird.Title) []string {
	name, _ := s.Text(t.Texts, ovenbird.Name)
	var words []string
	var word strings.Builder
	for _, r := range norm.NFKD.String(name) + " " {
		switch {
		case unicode.Is(unicode.Mn, r): // an accent
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			word.WriteRune(unicode.ToLower(r))
		case word.Len() > 0:
			words = append(words, word.String())
			word.Reset()
		}
	}
	return words
}
