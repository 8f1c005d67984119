package words

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTheQuickWayFoldsAsTheBookDoes(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(
		rapid.SampledFrom([]rune("aZ éÖøßİıſ´™½ŉǅ\u0301\u0323\u3099\u00ad\u0080ʼɐɏʀΣё漢がक्ㅎ가אבּ")), rapid.Rune()))
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		if got, want := Fold(s), string(appendFolded(nil, s)); got != want {
			t.Fatalf("%q folds to %q, by the book to %q", s, got, want)
		}
	})
}

func BenchmarkTerms(b *testing.B) {
	for name, text := range map[string]string{
		"ASCII": "What happens in movie 7, told in a sentence or two.", "Latin": "Mitä elokuvassa 7 tapahtuu, parilla lauseella.",
		"Japanese": "千と千尋の神隠しは、2001年の映画です。",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Terms(text)
			}
		})
	}
}
