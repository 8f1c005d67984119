package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Key names a document of an edition, or a card.
type Key struct {
	Edition string // "" for documents that are the same in all of them
	Path    string // begins with "\x00" for a card, which has no address
}

// CardPath returns the path of the card that a shape makes of a title.
// shapeHash tells shapes apart; it contains no "/".
func CardPath(shapeHash string, title ovenbird.TitleID) string {
	return cardMark + shapeHash + "/" + string(title)
}

const cardMark = "\x00"

// IsCard reports whether k names a card rather than a document.
func (k Key) IsCard() bool { return strings.HasPrefix(k.Path, cardMark) }

// Compare orders keys by edition, then path, bytewise.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Edition, other.Edition), strings.Compare(k.Path, other.Path))
}

// String writes k for people.
func (k Key) String() string {
	return k.Edition + "/" + strings.Replace(k.Path, cardMark, "card:", 1)
}

// Class is a set of countries for which a row leads to the same object.
type Class struct {
	Countries ovenbird.CountrySet
	Object    Hash
}

// Row says which object a key leads to, per country. Where no class has the
// country there is no such document. A row without classes is absent.
//
// The classes of a row are canonical when they are disjoint, none is empty, no
// object occurs twice, and they are ordered by their first country. NewRow
// makes them so; whatever takes rows expects them so.
type Row struct {
	Key
	Classes []Class
	// Ends is when the row must not be served any more by who has heard of nothing
	// newer: the first instant after the release's horizon at which a license that
	// it stands on ends, in seconds since 1970, rounded down. 0 means that none
	// does. Lists end with their cards, so theirs is 0.
	Ends int64

	division *partition // of the classes; known of rows in trees, whoever's
}

// NewRow returns a row with canonical classes: empty ones are left out, those
// that lead to the same object become one. It panics if two classes that lead
// to different objects share a country, because then the caller does not know
// what to show there.
func NewRow(key Key, classes []Class) Row {
	merged := make([]Class, 0, len(classes))
	at := make(map[Hash]int, len(classes))
	for _, c := range classes {
		if c.Countries.Empty() {
			continue
		}
		if i, ok := at[c.Object]; ok {
			merged[i].Countries = merged[i].Countries.Union(c.Countries)
			continue
		}
		at[c.Object] = len(merged)
		merged = append(merged, c)
	}
	slices.SortFunc(merged, func(a, b Class) int { return cmp.Compare(first(a.Countries), first(b.Countries)) })
	if err := checkClasses(merged); err != nil {
		panic(fmt.Sprintf("release: row %s: %v", key, err))
	}
	return Row{Key: key, Classes: merged}
}

// Object returns the object for a country; ok is false where there is none.
func (r Row) Object(country ovenbird.Country) (object Hash, ok bool) {
	i := country.Index()
	for _, c := range r.Classes {
		if c.Countries.HasIndex(i) {
			return c.Object, true
		}
	}
	return Hash{}, false
}

// Countries returns the countries for which the row leads to an object.
func (r Row) Countries() ovenbird.CountrySet {
	var all ovenbird.CountrySet
	for _, c := range r.Classes {
		all = all.Union(c.Countries)
	}
	return all
}

// Equal reports whether r and other are the same row.
func (r Row) Equal(other Row) bool {
	return r.Key == other.Key && r.Ends == other.Ends && slices.Equal(r.Classes, other.Classes)
}

// documents counts the documents of r that a viewer can ask for.
func (r Row) documents() int {
	if r.IsCard() {
		return 0
	}
	return r.Countries().Len()
}

// checkClasses reports how classes are not canonical, apart from an object that
// occurs twice, which costs too much to look for.
func checkClasses(classes []Class) error {
	var seen ovenbird.CountrySet
	last := -1
	for _, c := range classes {
		lead, ok := c.Countries.First()
		switch {
		case !ok:
			return fmt.Errorf("a class without countries")
		case !seen.Intersect(c.Countries).Empty():
			return fmt.Errorf("two classes with %s", seen.Intersect(c.Countries))
		case int(lead) < last:
			return fmt.Errorf("classes out of order")
		}
		seen = seen.Union(c.Countries)
		last = int(lead)
	}
	return nil
}

func first(s ovenbird.CountrySet) int {
	i, _ := s.First()
	return int(i)
}
