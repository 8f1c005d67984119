package release

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
)

// List is a list before it is made: the object for each slot of a template, the
// same for a set of countries.
type List struct {
	Countries ovenbird.CountrySet
	Cards     []Hash // by slot
}

// Recipe names what a list of a template is made from, so that equal ones are made once.
func (l List) Recipe(template Hash) Hash {
	b := make([]byte, 0, (len(l.Cards)+1)*len(template))
	b = append(b, template[:]...)
	for _, card := range l.Cards {
		b = append(b, card[:]...)
	}
	return sha256.Sum256(b)
}

// Cards returns the paths of the cards in the slots, ordered, each once.
func (t Template) Cards() []string { return slices.Compact(slices.Sorted(slices.Values(t.Slots))) }

// Lists works out which lists the template leads to in the given countries. slots
// is what Cards returns, and cards has the classes of each. A country without one
// of the cards is an error: no release has that.
func (t Template) Lists(slots []string, countries ovenbird.CountrySet, cards map[string][]Class) ([]List, error) {
	rows := make([][]Class, len(slots))
	for i, slot := range slots {
		rows[i] = cards[slot]
		if missing := countries.Minus(Row{Classes: rows[i]}.Countries()); !missing.Empty() {
			return nil, fmt.Errorf("it holds card %q, which does not exist in %s", strings.TrimPrefix(slot, cardMark), missing)
		}
	}
	cells := split(countries, rows)
	lists := make([]List, len(cells))
	for i, cell := range cells {
		country, _ := cell.First()
		lists[i] = List{Countries: cell, Cards: make([]Hash, len(t.Slots))}
		for j, slot := range t.Slots {
			lists[i].Cards[j] = objectFor(cards[slot], country)
		}
	}
	return lists, nil
}

// split divides countries into the sets that no row of classes tells apart. It
// leaves out countries that some row does not have.
func split(countries ovenbird.CountrySet, rows [][]Class) []ovenbird.CountrySet {
	cells := []ovenbird.CountrySet{countries}
	var finer []ovenbird.CountrySet
	for _, classes := range rows {
		finer = finer[:0]
		for _, cell := range cells {
			for _, class := range classes {
				if part := cell.Intersect(class.Countries); !part.Empty() {
					finer = append(finer, part)
				}
			}
		}
		cells, finer = finer, cells
	}
	return cells
}

// objectFor returns the object of the class that has a country. It is there,
// because split would have left the country out.
func objectFor(classes []Class, country uint8) Hash {
	for _, class := range classes {
		if class.Countries.HasIndex(country) {
			return class.Object
		}
	}
	return Hash{}
}

// PurgeKeys are the names by which a CDN can purge all documents of the key's
// edition, or this one in all countries.
func (k Key) PurgeKeys() []string { return []string{EditionPurgeKey(k.Edition), k.PurgeKey()} }
