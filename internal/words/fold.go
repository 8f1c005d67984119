package words

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Version changes when Fold or Terms comes to something else for some text: what
// was stored has to be made again then.
const Version = 1

// Fold brings a text to the form in which searches compare: compatibility
// decomposition (NFKD, Unicode Standard Annex #15) without accents and points, in
// lower case, with a few letters written as those that people type instead:
// "Élan" becomes "elan", "Straße" "strasse", "Ｗａｌｌ·Ｅ" "wall·e". Marks that are
// part of a letter, as the vowels of Devanagari and Thai are, stay.
func Fold(s string) string {
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			b = append(b, foldASCII(s[i]))
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r < endOfLatin {
			b = append(b, latin[r-utf8.RuneSelf]...)
			i += size
			continue
		}
		end := i + size
		for end < len(s) && s[end] >= firstBeyond {
			_, size = utf8.DecodeRuneInString(s[end:])
			end += size
		}
		b = appendFolded(b, s[i:end])
		i = end
	}
	return string(b)
}

func foldASCII(c byte) byte {
	switch {
	case c < ' ' || c == 0x7f:
		return ' '
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	default:
		return c
	}
}

// appendFolded folds by the book. A text can be divided in front of a character of
// Latin: no mark moves over one, and of its own none stays.
func appendFolded(b []byte, s string) []byte {
	for _, r := range norm.NFKD.String(before.Replace(s)) {
		switch {
		case unicode.Is(unicode.Cc, r):
			b = append(b, ' ')
		case unicode.Is(unicode.Cf, r), accent(r):
		default:
			r = unicode.ToLower(r)
			if instead, ok := letters[r]; ok {
				b = append(b, instead...)
			} else {
				b = utf8.AppendRune(b, r)
			}
		}
	}
	return b
}

const (
	// endOfLatin is behind Latin Extended-B, whose characters are looked up.
	endOfLatin = 0x250
	// firstBeyond is the first byte of characters from U+0280 on: those between
	// need not be looked up.
	firstBeyond = 0xca
)

// latin is what the characters from U+0080 to endOfLatin fold to.
var latin = foldLatin()

func foldLatin() (table [endOfLatin - utf8.RuneSelf]string) {
	for i := range table {
		table[i] = string(appendFolded(nil, string(rune(i+utf8.RuneSelf))))
	}
	return table
}

// before is what decomposition would make something else of: an accent that
// stands for an apostrophe would become a space, marks of trade letters, and 8½
// eighty-one halves.
var before = strings.NewReplacer("´", "'", "™", "", "℠", "", "¼", " ¼", "½", " ½", "¾", " ¾", "⅓", " ⅓", "⅔", " ⅔")

// letters are those that have no decomposition, and what people type instead.
// They are in lower case. Digits are of the scripts whose keyboards have both kinds.
var letters = map[rune]string{
	'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'æ': "ae", 'œ': "oe", 'ß': "ss", 'ı': "i", 'ħ': "h", 'ŧ': "t",
	'ŋ': "n", 'ə': "e", 'ɓ': "b", 'ɗ': "d", 'ɛ': "e", 'ɔ': "o", 'ƙ': "k", 'ɖ': "d", 'ɣ': "g", 'ƴ': "y",
	'ς': "σ",
	'ґ': "г",
	'ى': "ي", 'ی': "ي", 'ک': "ك", 'ة': "ه", 'ـ': "",
	'ʹ': "'", 'ʺ': "'", 'ʻ': "'", 'ʼ': "'", 'ʽ': "'", 'ʾ': "'", 'ʿ': "'",
	'٠': "0", '١': "1", '٢': "2", '٣': "3", '٤': "4", '٥': "5", '٦': "6", '٧': "7", '٨': "8", '٩': "9",
	'۰': "0", '۱': "1", '۲': "2", '۳': "3", '۴': "4", '۵': "5", '۶': "6", '۷': "7", '۸': "8", '۹': "9",
	'०': "0", '१': "1", '२': "2", '३': "3", '४': "4", '५': "5", '६': "6", '७': "7", '८': "8", '९': "9",
}

// accents are the ranges whose marks (Mn) Fold leaves out: those of Latin, Greek
// and Cyrillic, Hebrew and Arabic points, and what says how to draw a character.
var accents = [][2]rune{
	{0x0300, 0x036f},
	{0x0483, 0x0487},
	{0x0591, 0x05c7},
	{0x0610, 0x061a},
	{0x064b, 0x065f},
	{0x0670, 0x0670},
	{0x06d6, 0x06ed},
	{0x0898, 0x08ff},
	{0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},
	{0x20d0, 0x20ff},
	{0xfe00, 0xfe0f},
	{0xfe20, 0xfe2f},
}

func accent(r rune) bool {
	for _, between := range accents {
		if between[0] <= r && r <= between[1] {
			return unicode.Is(unicode.Mn, r)
		}
	}
	return false
}
