package site

import (
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
)

// heldBack reports whether a locale is one of those held back, or a more specific
// form of one: who may not show German may not show the German of Austria either.
func heldBack(held []ovenbird.Locale, locale ovenbird.Locale) bool {
	return slices.ContainsFunc(held, func(h ovenbird.Locale) bool {
		return locale == h || strings.HasPrefix(string(locale), string(h)+"-")
	})
}

// offeredAndHeld reports locales that a country or an application both names to be
// shown and holds back. n is where it holds back; nil where it does not.
func (l *loader) offeredAndHeld(n *node, what string, offered, held []ovenbird.Locale) {
	for _, locale := range offered {
		if n != nil && heldBack(held, locale) {
			l.at(n.place, "%s holds %s back and shows it; take it out of one of the two", what, locale)
		}
	}
}

// speechless reports countries in which holdbacks leave an application no locale.
func (l *loader) speechless(n *node, a *Application, countries []Country) {
	var silent ovenbird.CountrySet
	for _, e := range a.Editions {
		for _, chain := range e.Chains {
			if len(chain.Locales) == 0 {
				silent = silent.Union(chain.Countries)
			}
		}
	}
	for _, c := range countries {
		if silent.Has(c.Code) && len(a.Holdback)+len(c.Holdback) > 0 {
			l.at(n.place, "application %s has no locale to show in %s: all are held back; give the country another, or exclude it here",
				a.Name, c.Code)
		}
	}
}
