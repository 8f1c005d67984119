package tree

import (
	"maps"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// layout says where the documents of a release lie in a tree.
type layout struct {
	offers    map[string]*offer          // by the name of the edition
	languages map[string]map[string]bool // by application, the languages it offers
	defaults  map[string][]*offer        // by application, its editions with a language
}

// offer is an edition as far as it is in the tree.
type offer struct {
	release.Edition
	countries ovenbird.CountrySet
	// defaults are the countries where an address without a language leads to it.
	defaults ovenbird.CountrySet
}

// whole stands for a document of the whole site, which has one file: it is in the
// first country there is, whichever that is.
func whole() ovenbird.CountrySet { return ovenbird.NewCountrySet(ovenbird.CountryAt(0)) }

func newLayout(editions []release.Edition, scope Scope) *layout {
	l := &layout{
		offers:    map[string]*offer{"": {countries: whole()}},
		languages: make(map[string]map[string]bool), defaults: make(map[string][]*offer),
	}
	countries := scope.countries()
	for _, e := range editions {
		if !scope.has(e.Application) {
			continue
		}
		o := &offer{Edition: e, countries: countries.Intersect(ovenbird.NewCountrySet(e.Countries...))}
		l.offers[e.Name] = o
		if e.Language == "" {
			continue
		}
		o.defaults = o.countries.Intersect(ovenbird.NewCountrySet(e.DefaultCountries...))
		if l.languages[e.Application] == nil {
			l.languages[e.Application] = make(map[string]bool)
		}
		l.languages[e.Application][e.Language] = true
		l.defaults[e.Application] = append(l.defaults[e.Application], o)
	}
	return l
}

// equal reports whether documents lie at the same places in both.
func (l *layout) equal(other *layout) bool {
	return maps.EqualFunc(l.offers, other.offers, func(a, b *offer) bool {
		return a.Application == b.Application && a.Language == b.Language && a.countries == b.countries && a.defaults == b.defaults
	})
}

// countries returns where an edition is in the tree.
func (l *layout) countries(edition string) ovenbird.CountrySet {
	if o := l.offers[edition]; o != nil {
		return o.countries
	}
	return ovenbird.CountrySet{}
}

// names returns the names of a document's files in a country: its address, and the
// one without a language where that leads to it too.
func (l *layout) names(key release.Key, country uint8) []string {
	o := l.offers[key.Edition]
	if o == nil || !o.countries.HasIndex(country) {
		return nil
	}
	if key.Edition == "" {
		return []string{key.Path}
	}
	prefix := string(ovenbird.CountryAt(country)) + "/"
	names := []string{prefix + key.Edition + "/" + key.Path}
	first, _, _ := strings.Cut(key.Path, "/")
	if o.defaults.HasIndex(country) && !l.languages[o.Application][first] {
		names = append(names, prefix+o.Application+"/"+key.Path)
	}
	return names
}

// find returns the document whose file in a country has a name. It is not ok where
// no edition of the tree could have it.
func (l *layout) find(name string) (key release.Key, country uint8, ok bool) {
	code, rest, _ := strings.Cut(name, "/")
	known, err := ovenbird.ParseCountry(code)
	if err != nil || string(known) != code || rest == "" {
		return release.Key{Path: name}, 0, true
	}
	country = known.Index()
	application, path, _ := strings.Cut(rest, "/")
	if o := l.offers[application]; o != nil && o.countries.HasIndex(country) {
		return release.Key{Edition: application, Path: path}, country, true
	}
	if first, below, _ := strings.Cut(path, "/"); l.languages[application][first] {
		o := l.offers[application+"/"+first]
		return release.Key{Edition: application + "/" + first, Path: below}, country, o.countries.HasIndex(country)
	}
	for _, o := range l.defaults[application] {
		if o.defaults.HasIndex(country) {
			return release.Key{Edition: o.Name, Path: path}, country, true
		}
	}
	return release.Key{}, 0, false
}

// belongs reports whether a file looks as if it had once been in a tree: only such
// a file is ever deleted without a release that says so.
func belongs(name string) bool {
	document, _, _ := uncoded(name)
	code, rest, _ := strings.Cut(document, "/")
	country, err := ovenbird.ParseCountry(code)
	return err == nil && string(country) == code && strings.Contains(rest, "/") && strings.HasSuffix(document, ".json")
}
