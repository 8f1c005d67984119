package shape

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStringsAreEscapedAsJSONDemandsAndNoMore(t *testing.T) {
	for text, want := range map[string]string{
		"":                   `""`,
		"plain":              `"plain"`,
		`a "b" \ /`:          `"a \"b\" \\ /"`,
		"\b\f\n\r\t":         `"\b\f\n\r\t"`,
		"\x00\x0b\x1f\x7f":   "\"\\u0000\\u000b\\u001f\x7f\"",
		"<b>&amp;</b>":       `"<b>&amp;</b>"`,
		"Ёлка 🐻 \u2028":      "\"Ёлка 🐻 \u2028\"",
		"cut\xc3":            "\"cut\uFFFD\"",
		"\xff\xfea\xed\xa0z": "\"\uFFFD\uFFFDa\uFFFD\uFFFDz\"",
	} {
		if got := string(appendString(nil, text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestStringsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		var back string
		if err := json.Unmarshal(appendString(nil, text), &back); err != nil {
			t.Fatal(err)
		}
		if want := string(bytes.ToValidUTF8([]byte(text), nil)); strings.ReplaceAll(back, "\uFFFD", "") != strings.ReplaceAll(want, "\uFFFD", "") {
			t.Fatalf("%q came back as %q", text, back)
		}
	})
}

func TestInstantsAreWrittenInUTC(t *testing.T) {
	helsinki := time.FixedZone("", 2*60*60)
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "null"},
		{time.Date(2026, 1, 1, 0, 0, 0, 0, helsinki), `"2025-12-31T22:00:00Z"`},
		{time.Date(2026, 1, 1, 0, 0, 0, 5e8, time.UTC), `"2026-01-01T00:00:00.5Z"`},
	} {
		if got := string(appendTime(nil, test.at)); got != test.want {
			t.Errorf("%v: %s, want %s", test.at, got, test.want)
		}
	}
}
