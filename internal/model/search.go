package model

import (
	"slices"
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

// wordsOf returns what of a title's name a search may begin with: from each
// place where a word begins, the letters and digits up to the next space.
func (s *Sight) wordsOf(t *ovenbird.Title) []string {
	words, known := s.words[t.ID]
	if !known {
		name, _ := s.Text(t.Texts, ovenbird.Name)
		words = beginnings(name)
		s.words[t.ID] = words
	}
	return words
}

func beginnings(name string) []string {
	characters := []rune(plainly(name))
	var words []string
	for i, r := range characters {
		if !inWord(r) || i > 0 && inWord(characters[i-1]) && !beginsAfter(characters[:i], r) {
			continue
		}
		var rest strings.Builder
		for _, r := range characters[i:] {
			if r == ' ' {
				break
			}
			if inWord(r) {
				rest.WriteRune(r)
			}
		}
		words = append(words, rest.String())
	}
	return words
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) }

// beginsAfter reports whether r begins a word although a letter, digit or mark
// stands before it: in scripts without spaces each letter does, and so does what
// follows such a letter in another script.
func beginsAfter(before []rune, r rune) bool {
	if withoutSpaces(r) {
		return true
	}
	if unicode.IsMark(r) || unicode.Is(unicode.Lm, r) {
		return false
	}
	for _, last := range slices.Backward(before) {
		if !inWord(last) {
			return false
		}
		if withoutSpaces(last) {
			return true
		}
		if !unicode.IsMark(last) && !unicode.Is(unicode.Lm, last) {
			return false
		}
	}
	return false
}

func withoutSpaces(r rune) bool {
	if !unicode.IsLetter(r) {
		return false
	}
	for script := range strings.FieldsSeq("Han Hiragana Katakana Thai Lao Khmer Myanmar") {
		if unicode.Is(unicode.Scripts[script], r) {
			return true
		}
	}
	return false
}

// plainly writes a text without case, accents and points, with letters that carry
// theirs inside as people type them; whatever is between words as spaces is a space.
func plainly(text string) string {
	for _, fraction := range "¼½¾⅓⅔" {
		text = strings.ReplaceAll(text, string(fraction), " "+string(fraction))
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.NewReplacer("´", "'", "™", "", "℠", "").Replace(text)) {
		switch r = unicode.ToLower(r); {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			b.WriteByte(' ')
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r) && drawnOn(r):
		default:
			b.WriteString(typedAs(r))
		}
	}
	return b.String()
}

// drawnOn reports whether a mark is an accent, a point, or says how to draw.
// Those that came into Unicode late and lie far behind are left alone.
func drawnOn(r rune) bool {
	switch {
	case r > 0xffff:
		return false
	case unicode.In(r, unicode.Hebrew, unicode.Arabic):
		return r != 0xfb1e
	case unicode.Is(unicode.Cyrillic, r):
		return r < 0x0500 || r > 0xfe00 // between them are numbers and old letters
	}
	// The marks below stand in many scripts: some are Indian, and some make other
	// sounds, and so other letters, of kana and Chinese characters.
	other := 0x0900 <= r && r < 0x0a00 || 0x1c00 <= r && r < 0x1d00 || 0x3000 <= r && r < 0x3100
	return unicode.Is(unicode.Inherited, r) && !other
}

// typedAs writes a letter as people type it.
func typedAs(r rune) string {
	const pairs = " øo łl đd ðd æae œoe þth ßss ıi ħh ŧt ŋn əe ɓb ɗd ɛe ɔo ƙk ɖd ɣg ƴy ςσ ґг ىي یي کك ةه ʹ' ʺ' ʻ' ʼ' ʽ' ʾ' ʿ'" +
		" ٠0 ١1 ٢2 ٣3 ٤4 ٥5 ٦6 ٧7 ٨8 ٩9 ۰0 ۱1 ۲2 ۳3 ۴4 ۵5 ۶6 ۷7 ۸8 ۹9 ०0 १1 २2 ३3 ४4 ५5 ६6 ७7 ८8 ९9 ـ "
	if _, after, ok := strings.Cut(pairs, " "+string(r)); ok && r > 'z' {
		instead, _, _ := strings.Cut(after, " ")
		return instead
	}
	return string(r)
}
