package model

import (
	"fmt"
	"sort"
	"time"

	"ovenbird/internal/ovenbird"
)

// Sight is what one variation shows at one instant. It remembers what it was
// asked, so it belongs to one goroutine.
type Sight struct {
	Variation Variation
	At        time.Time

	model   *Model
	chain   []ovenbird.Locale
	reasons map[ovenbird.TitleID]string // why titles are hidden, of those that were judged
	words   map[ovenbird.TitleID][]string
	stays   map[ovenbird.TitleID]stay
}

// At returns what a variation shows at an instant.
func (m *Model) At(v Variation, at time.Time) *Sight {
	return &Sight{
		Variation: v, At: at, model: m, chain: m.Chain(v),
		reasons: make(map[ovenbird.TitleID]string), words: make(map[ovenbird.TitleID][]string), stays: make(map[ovenbird.TitleID]stay),
	}
}

// Visible reports whether a title may be shown.
func (s *Sight) Visible(id ovenbird.TitleID) bool {
	visible, _ := s.Judge(id)
	return visible
}

// Judge reports whether a title may be shown, and why it is not: the first rule
// that hides it, in words; "" where it is shown.
func (s *Sight) Judge(id ovenbird.TitleID) (visible bool, reason string) {
	reason, known := s.reasons[id]
	if !known {
		if t := s.model.titles[id]; t == nil {
			reason = fmt.Sprintf("there is no title %s", id)
		} else {
			reason = s.model.hidden(s.Variation, s.At, t, true)
		}
		s.reasons[id] = reason
	}
	return reason == "", reason
}

// Shown reports whether a collection may be shown: it is published, and something
// in it is visible.
func (s *Sight) Shown(c *ovenbird.Collection) bool {
	return c.Published && len(s.items(c, byPosition)) > 0
}

// The orders of a collection's titles, as shapes name them.
const (
	byPosition = "POSITION"
	byNewest   = "NEWEST"
)

// items returns the visible titles of a collection in an order: those two, or by
// sort key.
func (s *Sight) items(c *ovenbird.Collection, order string) []*ovenbird.Title {
	var items []*ovenbird.Title
	for _, id := range c.Items {
		if s.Visible(id) {
			items = append(items, s.model.titles[id])
		}
	}
	sort.SliceStable(items, func(i, j int) bool {
		a, b := items[i], items[j]
		switch {
		case order == byPosition:
			return false
		case order == byNewest && a.Year != b.Year:
			return a.Year > b.Year
		default:
			return before(a, b)
		}
	})
	return items
}

// pageOf returns one page of a list; pages count from 1.
func pageOf(items []*ovenbird.Title, page, size int) []*ovenbird.Title {
	var list []*ovenbird.Title
	for i, t := range items {
		if i/size == page-1 {
			list = append(list, t)
		}
	}
	return list
}
