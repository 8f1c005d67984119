package ovenbird_test

import (
	"strings"
	"testing"
	"time"

	"ovenbird/internal/ovenbird"
)

func TestAWindowHasItsStartAndNotItsEnd(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	end := start.AddDate(0, 1, 0)
	var open time.Time
	tests := []struct {
		name       string
		start, end time.Time
		at         time.Time
		want       bool
	}{
		{"before the start", start, end, start.Add(-1), false},
		{"at the start", start, end, start, true},
		{"just before the end", start, end, end.Add(-1), true},
		{"at the end", start, end, end, false},
		{"the same instant on another clock", start, end, start.In(time.FixedZone("", 2*60*60)), true},
		{"no start", open, end, time.Unix(0, 0), true},
		{"no start, at the end", open, end, end, false},
		{"no end", start, open, start.AddDate(1000, 0, 0), true},
		{"no end, before the start", start, open, start.Add(-1), false},
		{"open on both sides", open, open, start, true},
		{"nothing between", start, start, start, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := (ovenbird.Window{Start: test.start, End: test.end}).Contains(test.at); got != test.want {
				t.Errorf("contains %s: %t", test.at, got)
			}
		})
	}
}

func TestAValidWindowCanContainSomething(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		window ovenbird.Window
		want   bool
	}{
		{"open", ovenbird.Window{}, true},
		{"without an end", ovenbird.Window{Start: at}, true},
		{"without a start", ovenbird.Window{End: at}, true},
		{"an instant long", ovenbird.Window{Start: at, End: at.Add(1)}, true},
		{"empty", ovenbird.Window{Start: at, End: at}, false},
		{"backwards", ovenbird.Window{Start: at, End: at.Add(-1)}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.window.Valid(); got != test.want {
				t.Errorf("valid: %t", got)
			}
			if test.want && !test.window.Start.IsZero() && !test.window.Contains(test.window.Start) {
				t.Error("a valid window does not contain its start")
			}
		})
	}
}

func TestCheckID(t *testing.T) {
	longest := strings.Repeat("x", ovenbird.MaxIDLength)
	tests := []struct {
		name, id string
		says     string // part of the error; empty when the id is fine
	}{
		{"letters and digits", "tt0110912", ""},
		{"every sign allowed", "a-b_c.d~e:f@g+h", ""},
		{"other alphabets", "пингвин-ペンギン", ""},
		{"dots and more", "..a", ""},
		{"the longest", longest, ""},
		{"empty", "", "empty"},
		{"too long", longest + "x", "128"},
		{"too long in bytes", strings.Repeat("ä", ovenbird.MaxIDLength/2+1), "130 bytes"},
		{"a folder", ".", "only dots"},
		{"the folder above", "..", "only dots"},
		{"a slash", "a/b", "'/'"},
		{"a backslash", `a\b`, `'\\'`},
		{"a space", "a b", "' '"},
		{"a percent sign", "a%2Fb", "'%'"},
		{"a line break", "a\nb", `'\n'`},
		{"a zero", "a\x00", `'\x00'`},
		{"no UTF-8", "a\xff", "UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := ovenbird.CheckID(test.id)
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want an invalid id, and %q in the reason", err, test.says)
			}
		})
	}
}
