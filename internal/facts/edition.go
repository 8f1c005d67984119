package facts

import "ovenbird/internal/ovenbird"

// Edition is an application in one of the languages it offers, with the rules
// by which it shows titles. An application that offers no choice of language
// has one edition.
type Edition struct {
	Application   string
	Language      ovenbird.Locale // "" when the application offers no choice
	Countries     ovenbird.CountrySet
	Chains        []Chain // cover Countries, each country in exactly one
	Boards        []Board // each country in at most one
	RequiresVideo bool    // titles without a ready video are hidden
	MaxAge        int     // titles for older viewers, or without a known age, are hidden; NoMaxAge for no limit
}

// NoMaxAge is the MaxAge of an edition for everyone.
const NoMaxAge = -1

// Chain is the order in which locales are tried for some countries.
type Chain struct {
	Countries ovenbird.CountrySet
	Locales   []ovenbird.Locale // first choice first
}

// Board is the order in which rating systems are looked for in some countries.
type Board struct {
	Countries ovenbird.CountrySet
	Systems   []string // first choice first
}

// Name is the edition's part of an address: "tv", or "web/fi".
func (e *Edition) Name() string {
	if e.Language == "" {
		return e.Application
	}
	return e.Application + "/" + string(e.Language)
}

// chainOf returns the chain of the country with bit c.
func (e *Edition) chainOf(c uint8) *Chain {
	for i := range e.Chains {
		if e.Chains[i].Countries.HasIndex(c) {
			return &e.Chains[i]
		}
	}
	return &Chain{}
}

// Rules is what a site says about territories and ratings.
type Rules struct {
	Groups Groups
	// Ages is the minimum age in years that a rating stands for. A rating that
	// is missing here is unmapped, and blocked wherever an edition has a MaxAge.
	Ages map[ovenbird.Rating]int
}
