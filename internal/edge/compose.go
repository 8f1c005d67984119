package edge

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// split divides countries into the sets that no row of classes tells apart. It
// leaves out countries that some row does not have; rest has those.
func split(countries ovenbird.CountrySet, rows [][]release.Class) (cells []ovenbird.CountrySet, rest ovenbird.CountrySet) {
	cells = []ovenbird.CountrySet{countries}
	var finer []ovenbird.CountrySet
	for _, classes := range rows {
		finer = finer[:0]
		for _, cell := range cells {
			left := cell
			for _, class := range classes {
				if part := left.Intersect(class.Countries); !part.Empty() {
					finer = append(finer, part)
					left = left.Minus(part)
				}
			}
			rest = rest.Union(left)
		}
		cells, finer = finer, cells
	}
	return cells, rest
}

// objectFor returns the object of the class that has a country. It is there,
// because split would have left the country out.
func objectFor(classes []release.Class, country uint8) release.Hash {
	for _, class := range classes {
		if class.Countries.HasIndex(country) {
			return class.Object
		}
	}
	return release.Hash{}
}

// combination is a list before it is made: a template and the object for each slot,
// the same for a set of countries.
type combination struct {
	countries ovenbird.CountrySet
	cards     []release.Hash // by slot
}

// recipe names what a combination is made from, so that equal ones are made once.
func (c combination) recipe(template release.Hash) release.Hash {
	b := make([]byte, 0, (len(c.cards)+1)*len(template))
	b = append(b, template[:]...)
	for _, card := range c.cards {
		b = append(b, card[:]...)
	}
	return sha256.Sum256(b)
}

// combine works out which lists a template leads to in the given countries.
// cards has the classes of every slot.
func combine(o *object, countries ovenbird.CountrySet, cards map[string][]release.Class) ([]combination, error) {
	rows := make([][]release.Class, len(o.slots))
	for i, slot := range o.slots {
		rows[i] = cards[slot]
		if missing := countries.Minus(covered(rows[i])); !missing.Empty() {
			return nil, fmt.Errorf("it holds card %q, which does not exist in %s", strings.TrimPrefix(slot, "\x00"), missing)
		}
	}
	cells, _ := split(countries, rows)
	made := make([]combination, len(cells))
	for i, cell := range cells {
		country, _ := cell.First()
		made[i] = combination{countries: cell, cards: make([]release.Hash, len(o.template.Slots))}
		for j, slot := range o.template.Slots {
			made[i].cards[j] = objectFor(cards[slot], country)
		}
	}
	return made, nil
}

func covered(classes []release.Class) ovenbird.CountrySet {
	var all ovenbird.CountrySet
	for _, class := range classes {
		all = all.Union(class.Countries)
	}
	return all
}
