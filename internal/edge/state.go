package edge

import (
	"math"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// state is everything that an edge answers with while it serves one release.
// It is immutable, but for codings that are made later (see document).
type state struct {
	manifest release.Manifest
	content  release.Content
	header   []string      // the value of Ovenbird-Release
	made     int           // how many entries are not those of the state before
	read     time.Duration // spent on reading what the state was made from

	horizon      int64 // instants are nanoseconds since 1970
	outlives     bool  // whether what has not ended is served after the horizon
	applications map[string]*application
	editions     map[string]*edition // by name; "" is for documents of the whole site
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
	entries   *table
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

// entry is what lies at a path of an edition, over the time of the release.
type entry struct {
	surrogates []string  // the value of Surrogate-Key
	tags       []string  // the value of Cache-Tag
	versions   []version // at least one, in the order in which they come into force
	// ends is the first instant after the horizon at which it can not be said any
	// more that the last version may be shown; forever where there is none.
	ends int64
	// before is what the path led to in the release before; nil where there was
	// nothing, or where clients are not offered dictionaries.
	before *entry

	// cards are the slots of its lists, ordered, and parts what they were made
	// from: kept alive to make the lists again when one card changes.
	cards []string
	parts []*object
}

// version is an entry until an instant.
type version struct {
	until     int64 // the first instant at which the next version is in force
	partition *partition
	documents []*document // by class
}

// forever is the end of the last version of an entry.
const forever = math.MaxInt64

// partition says which class each country belongs to: 0 for none, otherwise the
// class's index and 1. Very many entries share one.
type partition [ovenbird.CountryCount]uint8

// document returns the document for a country, or nil.
func (v *version) document(country uint8) *document {
	class := v.partition[country]
	if class == 0 {
		return nil
	}
	return v.documents[class-1]
}

// at returns the document for a country at an instant, or nil, and until when
// it stays that one.
func (e *entry) at(country uint8, now int64) (d *document, until int64) {
	i := 0
	for now >= e.versions[i].until {
		i++
	}
	d = e.versions[i].document(country)
	for i+1 < len(e.versions) && e.versions[i+1].document(country) == d {
		i++
	}
	return d, e.versions[i].until
}

// newState returns the state of a release over the entries of its editions.
func newState(manifest release.Manifest, content release.Content, tables map[string]*table) *state {
	s := &state{
		manifest:     manifest,
		content:      content,
		header:       []string{manifest.ID},
		horizon:      manifest.HorizonEnd.UnixNano(),
		applications: make(map[string]*application),
		editions:     map[string]*edition{"": {countries: ovenbird.Worldwide(), entries: tableOf(tables, "")}},
	}
	for _, e := range manifest.Editions {
		s.add(e, tableOf(tables, e.Name))
	}
	return s
}

func tableOf(tables map[string]*table, name string) *table {
	if t := tables[name]; t != nil {
		return t
	}
	return newTable()
}

func (s *state) add(e release.Edition, entries *table) {
	ed := &edition{name: e.Name, countries: ovenbird.NewCountrySet(e.Countries...), entries: entries}
	s.editions[e.Name] = ed
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
	for _, p := range s.content.Patches {
		if p.At.UnixNano() > now {
			return p.At
		}
	}
	return s.manifest.HorizonEnd
}

// count returns how many entries there are in all editions.
func (s *state) count() int {
	n := 0
	for _, ed := range s.editions {
		n += ed.entries.count
	}
	return n
}
