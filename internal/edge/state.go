package edge

import (
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// state is what an edge answers from while it serves one release. Immutable.
type state struct {
	number   uint64 // grows by one from state to state
	oldest   uint64 // the number from which on entries may be of use
	manifest release.Manifest
	view     *release.View
	header   []string // the value of Ovenbird-Release

	remembers bool          // see Config.Dictionaries
	before    *release.View // of the state before, if it remembers and there was one

	horizon      int64 // instants are nanoseconds since 1970
	outlives     bool  // whether what has not ended is served after the horizon
	applications map[string]*application
}

// application is how an address leads to one of an application's editions.
type application struct {
	name      string
	languages map[string]*edition // empty where the application offers no choice
	// defaults is, by country, the edition for an address without a language;
	// nil where the application is not offered.
	defaults [ovenbird.CountryCount]*edition
}

// edition is an application in one of its languages.
type edition struct {
	name      string
	countries ovenbird.CountrySet
}

// choose returns the edition that the rest of an address after the application
// leads to, and the document's path. Where the next segment is a language of
// the application it is always taken for one. It returns nil where the edition
// is not offered in the country.
func (a *application) choose(country uint8, rest string) (ed *edition, path string) {
	if len(a.languages) > 0 {
		language, path := cutSegment(rest)
		if ed := a.languages[language]; ed != nil {
			if !ed.countries.HasIndex(country) {
				return nil, path
			}
			return ed, path
		}
	}
	return a.defaults[country], rest
}

// newState returns the state of a release.
func newState(manifest release.Manifest, view *release.View) *state {
	s := &state{
		number:       1,
		manifest:     manifest,
		view:         view,
		header:       []string{manifest.ID},
		horizon:      manifest.HorizonEnd.UnixNano(),
		applications: make(map[string]*application),
	}
	for _, e := range manifest.Editions {
		s.add(e)
	}
	return s
}

func (s *state) add(e release.Edition) {
	ed := &edition{name: e.Name, countries: ovenbird.NewCountrySet(e.Countries...)}
	app := s.applications[e.Application]
	if app == nil {
		app = &application{name: e.Application, languages: make(map[string]*edition)}
		s.applications[e.Application] = app
	}
	defaults := e.DefaultCountries
	if e.Language == "" {
		defaults = e.Countries
	} else {
		app.languages[e.Language] = ed
	}
	for _, country := range defaults {
		app.defaults[country.Index()] = ed
	}
}

// next returns the first transition after an instant; the horizon's end where
// there is none.
func (s *state) next(now int64) time.Time {
	for _, p := range s.manifest.Patches {
		if p.At.UnixNano() > now {
			return p.At
		}
	}
	return s.manifest.HorizonEnd
}
