package model

import (
	"sort"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"ovenbird/internal/ovenbird"
)

// above follows parent, series or season: the nearest title above of that kind,
// null where there is none or it is hidden.
func (r *rendering) above(f *field, t *ovenbird.Title) Value {
	for i, up := range r.model.lineage(t) {
		if i > 0 && (f.name == "parent" || f.name == string(up.Kind)) {
			return r.visibleTitle(f, up.ID)
		}
	}
	return nil
}

// below follows seasons, episodes, specials or clips: the visible ones, in order.
func (r *rendering) below(f *field, t *ovenbird.Title) []*ovenbird.Title {
	var list []*ovenbird.Title
	for _, other := range r.model.below(f.name, t) {
		if r.Visible(other.ID) {
			list = append(list, other)
		}
	}
	if f.argument(r.keys, "order", "ASC") == "DESC" {
		for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
			list[i], list[j] = list[j], list[i]
		}
	}
	return list
}

// below lists the titles to which a relation leads down from t, by sort key and
// id: right below, but for specials, which may be anywhere below.
func (m *Model) below(relation string, t *ovenbird.Title) []*ovenbird.Title {
	var list []*ovenbird.Title
	for _, child := range m.children[t.ID] {
		episode := child.Kind == ovenbird.Episode
		switch {
		case relation == "seasons" && child.Kind == ovenbird.Season,
			relation == "episodes" && episode && !child.Special,
			relation == "specials" && episode && child.Special,
			relation == "clips" && child.Kind == ovenbird.Clip:
			list = append(list, child)
		}
		if relation == "specials" {
			list = append(list, m.below(relation, child)...)
		}
	}
	sort.Slice(list, func(i, j int) bool { return before(list[i], list[j]) })
	return list
}

// sets returns selection sets as a list.
func sets(list ...ast.SelectionSet) []ast.SelectionSet { return list }

// firstOf returns the first n of a list, all where n is 0.
func firstOf(list List, n int) List {
	if n > 0 && n < len(list) {
		return list[:n]
	}
	return list
}

// words returns a list of strings.
func words[S ~string](texts []S) List {
	list := List{}
	for _, text := range texts {
		list = append(list, string(text))
	}
	return list
}

// orNull returns a string, null where it is empty.
func orNull(s string) Value {
	if s == "" {
		return nil
	}
	return s
}

// orUnknown returns a number, null where it is 0, which means unknown.
func orUnknown(n int) Value {
	if n == 0 {
		return nil
	}
	return n
}

// instant returns an instant as RFC 3339 in UTC, null where it is zero.
func instant(at time.Time) Value {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format(time.RFC3339Nano)
}
