package shape

import (
	"cmp"
	"slices"
	"strings"
)

// ReadSet is which country-dependent facts a plan reads, and of what: the
// reasons for which its documents may differ between countries. It is ordered.
type ReadSet []Read

// Read is one relation of a plan and the facts that are read of what it leads to.
type Read struct {
	Relation string   // field names from the root, such as "title.seasons"; "" for the variation itself
	Facts    []string // in order, each once: "visible", "name", "image(POSTER)"
}

// String formats r with one relation to a line: "title.seasons: name, visible".
func (r ReadSet) String() string {
	var b strings.Builder
	for _, read := range r {
		if read.Relation != "" {
			b.WriteString(read.Relation + ": ")
		}
		b.WriteString(strings.Join(read.Facts, ", ") + "\n")
	}
	return b.String()
}

// add returns r with a fact of a relation.
func (r ReadSet) add(relation, fact string) ReadSet {
	i, found := slices.BinarySearchFunc(r, relation, func(read Read, relation string) int {
		return cmp.Compare(read.Relation, relation)
	})
	if !found {
		r = slices.Insert(r, i, Read{Relation: relation})
	}
	if j, found := slices.BinarySearch(r[i].Facts, fact); !found {
		r[i].Facts = slices.Insert(r[i].Facts, j, fact)
	}
	return r
}

// The facts that differ between countries, beside the text fields, which are
// called by their own names.
const (
	factAvailability = "availability"
	factCountry      = "country"
	factFound        = "found" // whether a search finds it
	factImage        = "image" // with its role: image(POSTER)
	factLeaves       = "leaves"
	factOpens        = "opens"
	factRating       = "rating"
	factShown        = "shown"   // whether a collection is
	factVisible      = "visible" // whether a title is
)
