package words

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Gap stands between terms that are not beside each other in a text. It is no word.
const Gap = "·"

// longest is how many characters of a word count as a term.
const longest = 64

// part reports whether a folded character belongs to a word.
func part(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// unspaced reports whether a character is of a script that puts no spaces
// between words. Nobody can say without a dictionary where its words begin.
func unspaced(r rune) bool {
	return r >= 0x0e00 && unicode.Is(unicode.L, r) && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// Starts returns what of a text a search may begin with: from each place where a
// word begins, the rest up to the next space, folded, without punctuation. So
// "Spider-Man 2" gives "spiderman", "man" and "2", and what somebody typed finds it
// when it begins one of those. In scripts without spaces each letter begins a word.
func Starts(text string) []string {
	var starts []string
	for chunk := range strings.FieldsSeq(Fold(text)) {
		bare, begins := strip(chunk)
		for _, at := range begins {
			starts = append(starts, bare[at:])
		}
	}
	return starts
}

// plain returns the only word of a chunk, for the common case that there is
// nothing to look into: letters of ASCII with punctuation around them.
func plain(chunk string) (word string, ok bool) {
	from, to := 0, len(chunk)
	for from < to && chunk[from] < utf8.RuneSelf && !part(rune(chunk[from])) {
		from++
	}
	for from < to && chunk[to-1] < utf8.RuneSelf && !part(rune(chunk[to-1])) {
		to--
	}
	for i := from; i < to; i++ {
		if chunk[i] >= utf8.RuneSelf || !part(rune(chunk[i])) {
			return "", false
		}
	}
	return chunk[from:to], true
}

// strip takes what belongs to no word out of a chunk, and returns where in the
// rest words begin.
func strip(chunk string) (bare string, begins []int) {
	var b strings.Builder
	inside, alone := false, false // whether a word has begun, and whether it is one of a script without spaces
	for _, r := range chunk {
		if !part(r) {
			inside = false
			continue
		}
		if own := unspaced(r); !inside || own || alone && leads(r) {
			begins = append(begins, b.Len())
			inside, alone = true, own
		}
		b.WriteRune(r)
	}
	return b.String(), begins
}

// leads reports whether a character is more than a mark or a modifier of the one
// before, so that it can begin a word.
func leads(r rune) bool {
	return r < utf8.RuneSelf || !unicode.In(r, unicode.M, unicode.Lm)
}

// Terms returns the words of a text for a full-text index, folded, in their order.
// Each letter of a script without spaces is a word by itself, together with its
// marks, so that a phrase finds any part of a sentence. Words with punctuation
// inside follow a Gap once more, in one piece: "Spider-Man" gives spider, man, Gap,
// spiderman.
func Terms(text string) []string {
	folded := Fold(text)
	terms := make([]string, 0, strings.Count(folded, " ")+1)
	var joined []string
	for chunk := range strings.FieldsSeq(folded) {
		if word, ok := plain(chunk); ok {
			if word != "" {
				terms = append(terms, cut(word))
			}
			continue
		}
		phrase := phraseOf(chunk)
		terms = append(terms, phrase.Words...)
		if phrase.Joined != "" {
			joined = append(joined, Gap, phrase.Joined)
		}
	}
	return append(terms, joined...)
}

// Phrase is a part of a question between spaces: words that have to stand beside
// each other, or, where Joined is not "", that word.
type Phrase struct {
	Words  []string
	Joined string
}

// Phrases returns what somebody asks for, in terms as Terms makes them: no more
// than most words.
func Phrases(question string, most int) []Phrase {
	var phrases []Phrase
	for chunk := range strings.FieldsSeq(Fold(question)) {
		phrase := phraseOf(chunk)
		if len(phrase.Words) > most {
			phrase.Words, phrase.Joined = phrase.Words[:most], ""
		}
		if len(phrase.Words) > 0 {
			phrases = append(phrases, phrase)
		}
		most -= len(phrase.Words)
	}
	return phrases
}

func phraseOf(chunk string) Phrase {
	bare, begins := strip(chunk)
	var p Phrase
	whole := true
	for i, at := range begins {
		end := len(bare)
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		first, _ := utf8.DecodeRuneInString(bare[at:])
		whole = whole && !unspaced(first)
		p.Words = append(p.Words, cut(bare[at:end]))
	}
	if len(begins) > 1 && whole {
		p.Joined = cut(bare)
	}
	return p
}

// cut returns the characters of a word that count.
func cut(word string) string {
	n := 0
	for i := range word {
		if n == longest {
			return word[:i]
		}
		n++
	}
	return word
}
