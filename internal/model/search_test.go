package model

import (
	"slices"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	index "ovenbird/internal/words"
)

// The bake and the model each say for themselves where a search may begin.
func TestTheModelAndTheBakeFindTheSameBeginnings(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(
		rapid.SampledFrom([]rune("aB1 -'’.·\u3000\u200c\u0301\u3099\u0000½™´ßøİıςΣжёが漢ーカ々กำหိမကहि한ㅎأة٣בּ🐻")),
		rapid.Rune(), rapid.RuneFrom(nil, unicode.Mn, unicode.L)))
	rapid.Check(t, func(t *rapid.T) {
		name := text.Draw(t, "name")
		if got, want := beginnings(name), index.Starts(name); !slices.Equal(got, want) {
			t.Fatalf("%q begins with %q for the model, %q for the bake", name, got, want)
		}
	})
}
