package facts

import (
	"maps"
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
)

// WorldwideToken is the territory that means every country.
const WorldwideToken = "*"

// Group is a named set of countries whose members change over time.
type Group []Membership

// Membership is who belongs to a group from an instant on, until the next one.
type Membership struct {
	From      time.Time // zero: since ever
	Countries ovenbird.CountrySet
}

// Groups are territory groups by name, such as EU.
type Groups map[string]Group

// At returns the members in force at t. A zero t asks for the latest: a license
// that has always been in force was not written against an old membership.
func (g Group) At(t time.Time) ovenbird.CountrySet {
	var members ovenbird.CountrySet
	for _, m := range g {
		if t.IsZero() || !t.Before(m.From) {
			members = m.Countries
		}
	}
	return members
}

// Names returns the names of the groups in order.
func (g Groups) Names() []string { return slices.Sorted(maps.Keys(g)) }

// StandardGroups returns the groups every site has. A site may add its own and
// replace these.
func StandardGroups() Groups {
	set := ovenbird.NewCountrySet
	eu27 := set("AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT",
		"LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE")
	efta := set("IS", "LI", "NO")
	// The United Kingdom left at the end of 31 January 2020, Brussels time.
	brexit := time.Date(2020, 1, 31, 23, 0, 0, 0, time.UTC)
	always := func(s ovenbird.CountrySet) Group { return Group{{Countries: s}} }
	return Groups{
		"EU":      {{Countries: eu27.With("GB")}, {From: brexit, Countries: eu27}},
		"EEA":     {{Countries: eu27.With("GB").Union(efta)}, {From: brexit, Countries: eu27.Union(efta)}},
		"NORDICS": always(set("DK", "FI", "IS", "NO", "SE")),
		"BALTICS": always(set("EE", "LV", "LT")),
		"BENELUX": always(set("BE", "NL", "LU")),
		"DACH":    always(set("DE", "AT", "CH")),
		"GCC":     always(set("AE", "BH", "KW", "OM", "QA", "SA")),
		"LATAM": always(set("AR", "BO", "BR", "CL", "CO", "CR", "CU", "DO", "EC", "SV", "GT", "HN", "MX", "NI", "PA",
			"PY", "PE", "PR", "UY", "VE")),
	}
}

// resolve turns territories as written into the countries they mean for a
// license that starts at start, and returns the names that mean nothing: a
// catalog refuses them on the way in, but a site may drop a group later.
func (g Groups) resolve(territories []string, start time.Time) (set ovenbird.CountrySet, unknown []string) {
	for _, name := range territories {
		if name == WorldwideToken {
			set = ovenbird.Worldwide()
		} else if group, ok := g[name]; ok {
			set = set.Union(group.At(start))
		} else if country, err := ovenbird.ParseCountry(name); err == nil {
			set = set.With(country)
		} else {
			unknown = append(unknown, name)
		}
	}
	return set, unknown
}

// included returns the countries that l names. A license must never grow by a
// name that nobody knows, so such a name adds nothing.
func (g Groups) included(l *ovenbird.License) ovenbird.CountrySet {
	set, _ := g.resolve(l.Territories, l.Window.Start)
	return set
}

// excluded returns the countries that l leaves out. A name that nobody knows may
// mean any country, so it leaves out all of them.
func (g Groups) excluded(l *ovenbird.License) (set ovenbird.CountrySet, unknown []string) {
	set, unknown = g.resolve(l.Exclude, l.Window.Start)
	if len(unknown) > 0 {
		set = ovenbird.Worldwide()
	}
	return set, unknown
}

// CountriesOf returns where l gives the right to show its title.
func (g Groups) CountriesOf(l *ovenbird.License) ovenbird.CountrySet {
	excluded, _ := g.excluded(l)
	return g.included(l).Minus(excluded)
}
