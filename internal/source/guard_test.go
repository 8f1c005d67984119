package source

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/catalog"
)

func TestColumnChanges(t *testing.T) {
	before := []Column{{"id", Text}, {"year", Integer}, {"note", Text}}
	used := []string{"id", "year"}
	for _, test := range []struct {
		name        string
		now         []Column
		held, noted string
	}{
		{"nothing", before, "", ""},
		{"another order", []Column{{"note", Text}, {"id", Text}, {"year", Integer}}, "", ""},
		{"one more", append(slices.Clone(before), Column{"more", Text}), "", "more is new"},
		{"an unused one is gone", before[:2], "", "note is gone"},
		{"an unused one has another kind", []Column{{"id", Text}, {"year", Integer}, {"note", JSON}}, "", "note was text, and is json"},
		{"a used one is gone", []Column{{"id", Text}, {"note", Text}}, "year is gone", ""},
		{"a used one has another name", []Column{{"id", Text}, {"released", Integer}, {"note", Text}}, "year is gone; new is released", "released is new"},
		{"a used one has another kind", []Column{{"id", Text}, {"year", Text}, {"note", Text}}, "year was integer, and is text", ""},
	} {
		held, noted := columnChanges("titles", before, test.now, used)
		if !tells(held, test.held) || !tells(noted, test.noted) {
			t.Errorf("%s: held %q and noted %q, want %q and %q", test.name, held, noted, test.held, test.noted)
		}
	}
	if held, noted := columnChanges("titles", nil, before, used); held != nil || noted != nil {
		t.Errorf("the first time has held %q and noted %q", held, noted)
	}
}

// tells reports whether a list says one thing, or nothing where that is "".
func tells(list []string, what string) bool {
	if what == "" {
		return len(list) == 0
	}
	return len(list) == 1 && strings.Contains(list[0], what)
}

func TestLossesAreHeldByTheirShare(t *testing.T) {
	for _, test := range []struct {
		had, vanished, allowed int64
		held                   bool
	}{
		{0, 0, 0, false},
		{10, 0, 0, false},
		{10, 2, 0, false},
		{10, 3, 0, true},
		{10, 3, 3, false},
		{10, 4, 3, true},
		{3, 1, 0, false},
		{2, 2, 0, true},
		{1, 1, 0, true},
		{1, 1, 1, false},
		{100000, 20000, 0, false},
		{100000, 20001, 0, true},
	} {
		losses := map[catalog.RecordType]Losses{catalog.TypeTitle: {test.had, test.vanished}}
		allowed := map[catalog.RecordType]Losses{catalog.TypeTitle: {test.had, test.allowed}}
		if got := len(tooMany(losses, allowed, 0.2)) > 0; got != test.held {
			t.Errorf("%d of %d with %d allowed: held is %t", test.vanished, test.had, test.allowed, got)
		}
	}
}

// However large the share, all of it never goes by itself; and what was allowed goes.
func TestLawsOfLosses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		had := rapid.Int64Range(1, 1000).Draw(t, "had")
		vanished := rapid.Int64Range(0, had).Draw(t, "vanished")
		share := rapid.Float64Range(0, 1).Draw(t, "share")
		losses := map[catalog.RecordType]Losses{catalog.TypeLicense: {had, vanished}}
		held := len(tooMany(losses, nil, share)) > 0
		if vanished == had && !held {
			t.Error("all of it went")
		}
		if vanished == 0 && held {
			t.Error("nothing vanished, and it is held")
		}
		if len(tooMany(losses, losses, share)) > 0 {
			t.Error("what was allowed is held")
		}
		more := map[catalog.RecordType]Losses{catalog.TypeLicense: {had, min(had, vanished+1)}}
		if held && vanished > 1 && len(tooMany(more, nil, share)) == 0 {
			t.Error("more vanished, and it is held no more")
		}
	})
}
