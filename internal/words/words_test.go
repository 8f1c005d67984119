package words_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"ovenbird/internal/words"
)

func TestTextsComeToWhatTheSharedTableSays(t *testing.T) {
	body, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text, Fold    string
		Starts, Terms []string
	}
	if err := json.Unmarshal(body, &cases); err != nil || len(cases) < 50 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		if got := words.Fold(c.Text); got != c.Fold {
			t.Errorf("%q folds to %q, want %q", c.Text, got, c.Fold)
		}
		if got := words.Starts(c.Text); !slices.Equal(got, c.Starts) {
			t.Errorf("%q starts with %q, want %q", c.Text, got, c.Starts)
		}
		if got := words.Terms(c.Text); !slices.Equal(got, c.Terms) {
			t.Errorf("%q has the terms %q, want %q", c.Text, got, c.Terms)
		}
	}
}

// texts are of many scripts, with what lies between words.
func texts() *rapid.Generator[string] {
	return rapid.StringOf(rapid.OneOf(
		rapid.SampledFrom([]rune(" -'’.·\u200c\u0301\u3099\u0000½™ßøİıςΣが漢カーกำहि한ㅎأבּ🐻")), rapid.Rune()))
}

func TestFoldingTwiceIsFoldingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		once := words.Starts(text)
		for _, start := range once {
			if again := words.Starts(start); len(again) == 0 || again[0] != start {
				t.Fatalf("%q starts with %q, which starts with %q", text, start, again)
			}
		}
	})
}

func TestWhatIsFoundAndStoredIsMadeOfWordsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		for _, word := range append(words.Starts(text), words.Terms(text)...) {
			if word == words.Gap {
				continue
			}
			for _, r := range word {
				if !unicode.In(r, unicode.L, unicode.M, unicode.N) || unicode.IsUpper(r) && unicode.ToLower(r) != r {
					t.Fatalf("%q has the word %q with %q in it", text, word, r)
				}
			}
			if word == "" || !utf8.ValidString(word) || strings.ContainsRune(word, 0) {
				t.Fatalf("%q has the word %q", text, word)
			}
		}
	})
}

func TestEachWordOfATextIsAskedForAsItIsStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		terms := words.Terms(text)
		var asked []string
		for _, phrase := range words.Phrases(text, len(terms)) {
			asked = append(asked, phrase.Words...)
			if phrase.Joined != "" && !slices.Contains(terms, phrase.Joined) {
				t.Fatalf("%q is asked for as %q, stored as %q", text, phrase.Joined, terms)
			}
		}
		if !slices.Equal(asked, terms[:len(asked)]) {
			t.Fatalf("%q is asked for as %q, stored as %q", text, asked, terms)
		}
	})
}

func TestAQuestionIsCutToTheWordsThatCount(t *testing.T) {
	phrases := words.Phrases("one two-three "+strings.Repeat("x", 100), 4)
	if len(phrases) != 3 || phrases[1].Joined != "twothree" || utf8.RuneCountInString(phrases[2].Words[0]) != 64 {
		t.Errorf("got %q", phrases)
	}
	if phrases = words.Phrases("one 千と千尋の神隠し more", 4); len(phrases) != 2 || len(phrases[1].Words) != 3 {
		t.Errorf("got %q", phrases)
	}
	if phrases = words.Phrases("?! ' \x00 🐻", 10); phrases != nil {
		t.Errorf("got %q", phrases)
	}
}
