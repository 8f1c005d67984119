package model

import (
	"time"

	"ovenbird/internal/ovenbird"
)

// Site is what a site says about who sees what, as it is written: nothing is
// worked out yet. It is plain data; New takes it over.
type Site struct {
	DefaultLocale ovenbird.Locale // ends every locale chain
	Countries     []Country
	Groups        map[string][]Membership // territory groups by name, the standard ones included
	Ages          map[ovenbird.Rating]int // the minimum age, in years, that a rating stands for
	Applications  []Application
}

// Country is what a site says about one country.
type Country struct {
	Code     ovenbird.Country
	Locales  []ovenbird.Locale // the order in which locales are tried, with or without the default locale
	Holdback []ovenbird.Locale // held back here, with every locale that is a more specific form of one
	Ratings  []string          // the order in which rating systems are looked for
}

// Membership is who belongs to a territory group from an instant on, until the
// next entry of the group, in which From increases.
type Membership struct {
	From      time.Time // zero: since ever
	Countries []ovenbird.Country
}

// Application is one family of client apps.
type Application struct {
	Name          string
	Languages     []ovenbird.Locale  // a viewer chooses among these; empty where there is no choice
	Countries     []ovenbird.Country // where it is offered
	Holdback      []ovenbird.Locale  // held back here, like a country's
	RequiresVideo bool               // titles without a ready video are hidden
	MaxAge        int                // in years: titles for older viewers, or without a known age, are hidden; NoMaxAge for no limit
	Documents     []Document
}

// NoMaxAge is the MaxAge of an application for everyone.
const NoMaxAge = -1

// Document is one kind of document of an application.
type Document struct {
	Path          string // titles/{title}.json
	Shape         string // the text of the GraphQL selection
	PageSize      int    // titles to a page; 0 where there are no pages
	LongestPrefix int    // characters of the longest search prefix; read only where the path has {prefix}
}

// Variation is one country in one application, in one of its languages where it
// offers several.
type Variation struct {
	Country     ovenbird.Country
	Application string
	Language    ovenbird.Locale // "" where the application offers no choice
}

// Edition returns the part of the variation's addresses between the country and
// the document: "tv", or "web/fi".
func (v Variation) Edition() string {
	if v.Language == "" {
		return v.Application
	}
	return v.Application + "/" + string(v.Language)
}

// Variations lists all variations of a site.
func (s *Site) Variations() []Variation {
	var list []Variation
	for _, a := range s.Applications {
		languages := a.Languages
		if len(languages) == 0 {
			languages = []ovenbird.Locale{""}
		}
		for _, language := range languages {
			for _, country := range a.Countries {
				list = append(list, Variation{country, a.Name, language})
			}
		}
	}
	return list
}
