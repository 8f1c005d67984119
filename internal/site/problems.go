package site

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"ovenbird/internal/ovenbird"
)

// Errors is everything that is wrong with a site's files, in the order of files
// and lines. Its code is Invalid.
type Errors []*ovenbird.Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

// problems collects what is wrong while a site is read.
type problems struct {
	list []*ovenbird.Error
}

// at records a problem at a place: what is wrong, then what would be right.
func (p *problems) at(place ovenbird.Place, format string, args ...any) {
	p.list = append(p.list, &ovenbird.Error{Code: ovenbird.Invalid, Place: place, Message: fmt.Sprintf(format, args...)})
}

// add records an error of another package at a place, or at its own where it has
// one. An error that joins several is recorded as several.
func (p *problems) add(place ovenbird.Place, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			p.add(place, one)
		}
		return
	}
	if known, ok := errors.AsType[*ovenbird.Error](err); ok && known.Place != (ovenbird.Place{}) {
		place = known.Place
		p.at(place, "%s", known.Message)
		return
	}
	p.at(place, "%s", err.Error())
}

// err returns all problems as one error, nil when there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	files := make(map[string]int) // files stay in the order in which they were read
	for _, one := range p.list {
		if _, ok := files[one.Place.File]; !ok {
			files[one.Place.File] = len(files)
		}
	}
	sorted := slices.Clone(p.list)
	slices.SortStableFunc(sorted, func(a, b *ovenbird.Error) int {
		return cmp.Or(
			cmp.Compare(files[a.Place.File], files[b.Place.File]),
			cmp.Compare(a.Place.Line, b.Place.Line),
			cmp.Compare(a.Place.Column, b.Place.Column),
		)
	})
	// Applications may share a shape, and then its mistakes.
	return Errors(slices.CompactFunc(sorted, func(a, b *ovenbird.Error) bool {
		return a.Place == b.Place && a.Message == b.Message
	}))
}

// sortedKeys returns the names in a set in order.
func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// suggest ends a sentence about an unknown name: with the known name that was
// probably meant, or with all of them.
func suggest(name string, known []string) string {
	best, distance := "", len(name)/3+2
	for _, candidate := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return "none is defined"
	default:
		return "known here: " + strings.Join(known, ", ")
	}
}
