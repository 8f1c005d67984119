package site

import (
	"io/fs"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// Site is a loaded site. It is immutable.
type Site struct {
	Name        string // of the provider, as an identifier
	Description string // one line for people; "" when there is none
	Dir         string // the folder that it was loaded from
	Stacks      []Stack
	Content     Content

	files  fs.FS
	shapes []string        // paths of the shapes that documents use, below the content stack
	data   map[string]bool // paths of data: files to import, and feeds
	notes  []Finding       // what loading came upon that works, and is not as it should be
}

// Content is the content stack: what is shown where, and when it is baked.
type Content struct {
	DefaultLocale ovenbird.Locale // ends every locale chain
	Countries     []Country       // by code
	Applications  []Application   // as ordered in the file
	Rules         *facts.Rules    // territory groups, the standard ones included, and rating ages
	Schedule      Schedule
	Releases      Releases
	Catalog       []CatalogFile // in the order to import
	Sources       []Source      // as ordered in the file

	// Hash identifies everything here that can change a document. Two sites with
	// the same hash bake the same documents from the same catalog.
	Hash string

	// written has the paths of files as they stand in the stack, by their paths here,
	// with the hash of a file that is part of it.
	written map[string]string
}

// Country is a country in which the site shows its catalog.
type Country struct {
	Code     ovenbird.Country
	Locales  []ovenbird.Locale // the locale chain, complete: with the default locale, unless that is held back here
	Holdback []ovenbird.Locale // what no text or image may be shown in here; covers more specific locales
	Ratings  []string          // rating systems, first choice first; may be empty
}

// Application is one family of client apps.
type Application struct {
	Name          string // in addresses
	DisplayName   string // for people
	Languages     []ovenbird.Locale
	Holdback      []ovenbird.Locale   // like a country's, for this application
	Countries     ovenbird.CountrySet // where it is offered; never empty
	RequiresVideo bool
	MaxAge        int // facts.NoMaxAge where it is for everyone
	Editions      []*facts.Edition
	Documents     []*shape.Plan // as ordered in the file
}

// Schedule says when documents are baked.
type Schedule struct {
	Every    time.Duration // between bakes when nothing happens; 10m unless set
	Horizon  time.Duration // how far ahead a release knows transitions; 24h unless set
	Debounce time.Duration // how long a burst of edits is gathered; 200ms unless set
}

// Releases says how releases are kept and guarded.
type Releases struct {
	Keep   int     // the last so many are kept; 20 unless set
	Shrink float64 // a release with more than this share fewer logical documents is held; 0.2 unless set
}

// CatalogFile is a file that `up` imports when it starts.
type CatalogFile struct {
	File    string // path, the site's folder included
	Mapping string // path of the mapping for CSV and TSV; "" for NDJSON
}

// Country returns the site's entry for a country.
func (c *Content) Country(code ovenbird.Country) (Country, bool) {
	for _, country := range c.Countries {
		if country.Code == code {
			return country, true
		}
	}
	return Country{}, false
}

// Source returns the source with a name.
func (c *Content) Source(name string) (Source, bool) {
	for _, source := range c.Sources {
		if source.Name == name {
			return source, true
		}
	}
	return Source{}, false
}

// Application returns the application with a name.
func (c *Content) Application(name string) (Application, bool) {
	for _, application := range c.Applications {
		if application.Name == name {
			return application, true
		}
	}
	return Application{}, false
}

// Editions returns the editions of all applications, in order.
func (c *Content) Editions() []*facts.Edition {
	var editions []*facts.Edition
	for i := range c.Applications {
		editions = append(editions, c.Applications[i].Editions...)
	}
	return editions
}
