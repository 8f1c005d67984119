package site

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// What a site gets that does not say.
const (
	defaultEvery    = 10 * time.Minute
	defaultHorizon  = 24 * time.Hour
	defaultDebounce = 200 * time.Millisecond
	defaultKeep     = 20
	defaultShrink   = 0.2
	defaultPage     = 50
	defaultPrefix   = 3
)

// What a site may ask for at most.
const (
	maxAge     = 21  // years
	mostPage   = 500 // titles
	mostPrefix = 6   // characters; each one more multiplies the search documents
	mostKeep   = 10000
)

func (l *loader) contentStack(s *Site) { l.content(&s.Content) }

func (l *loader) content(c *Content) {
	file := l.stack.path(stackFile)
	known := []string{"default_locale", "ratings", "groups", "countries", "applications", "schedule", "releases", "catalog", "sources"}
	root := l.object(l.yaml(stackFile), file, append(known, header...)...)
	if root == nil {
		return
	}
	l.describe(root)
	c.DefaultLocale, _ = l.locale(l.need(root, file, "default_locale", "default_locale: en"), "default_locale")
	c.Rules = &facts.Rules{Groups: l.groups(root.get("groups"))}
	var systems []string
	c.Rules.Ages, systems = l.ages(root.get("ratings"))
	c.Countries = l.countryEntries(l.need(root, file, "countries", "countries: {FI: {locales: [fi, sv]}}"), c.DefaultLocale, systems)
	c.Applications = l.applications(l.need(root, file, "applications", "applications: {tv: {documents: {…}}}"), c.Countries)
	c.Schedule = l.schedule(root.get("schedule"))
	c.Releases = l.releases(root.get("releases"))
	c.Catalog = l.catalog(root.get("catalog"))
	c.Sources = l.sources(root.get("sources"))
}

// ages reads what ratings mean, and the names of the rating systems.
func (l *loader) ages(n *node) (ages map[ovenbird.Rating]int, systems []string) {
	ages = make(map[ovenbird.Rating]int)
	if n == nil || !l.expect(n, "ratings", mappingKind) {
		return ages, nil
	}
	for _, system := range n.entries {
		systems = append(systems, system.key)
		if !l.expect(system.value, "rating system "+system.key, mappingKind) {
			continue
		}
		for _, value := range system.value.entries {
			what := "the age for " + system.key + " " + value.key
			if value.value.kind == nullKind {
				l.at(value.place, "%s is missing; give the minimum age, or leave %s out to have it count as unrated", what, value.key)
				continue
			}
			ages[ovenbird.Rating{System: system.key, Value: value.key}] = l.integer(value.value, what, 0, maxAge, maxAge)
		}
	}
	return ages, systems
}

// groupPattern is what names of territory groups look like, if they are not the
// code of a country.
var groupPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,31}$`)

// groups reads the site's territory groups over the standard ones.
func (l *loader) groups(n *node) facts.Groups {
	groups := facts.StandardGroups()
	if n == nil || !l.expect(n, "groups", mappingKind) {
		return groups
	}
	for _, e := range n.entries {
		if _, err := ovenbird.ParseCountry(e.key); err == nil || !groupPattern.MatchString(e.key) {
			l.at(e.place, "%q can not be a group's name; use 2 to 32 capitals, digits and _, beginning with a letter, "+
				"that are not the code of a country", e.key)
		}
		groups[e.key] = l.group(e.key, e.value)
	}
	return groups
}

// group reads a list of countries, or a list of versions with the instant from
// which each holds.
func (l *loader) group(name string, n *node) facts.Group {
	what := "group " + name
	if !l.expect(n, what, listKind) {
		return nil
	}
	if len(n.items) == 0 {
		l.at(n.place, "%s is empty; list its countries, or remove it", what)
		return nil
	}
	if n.items[0].kind != mappingKind {
		return facts.Group{{Countries: l.countries(n, what)}}
	}
	var group facts.Group
	for _, item := range n.items {
		version := l.object(item, "a version of "+what, "from", "countries")
		if version == nil {
			continue
		}
		from := l.instant(version.get("from"), "from")
		if len(group) > 0 && !from.After(group[len(group)-1].From) {
			l.at(version.place, "this version of %s does not begin after the one above; order them by from", what)
		}
		members := l.countries(l.need(version, "a version of "+what, "countries", "countries: [FI, SE]"), what)
		group = append(group, facts.Membership{From: from, Countries: members})
	}
	return group
}

// instant reads a time with its zone; absent means since ever.
func (l *loader) instant(n *node, what string) time.Time {
	if n == nil {
		return time.Time{}
	}
	s := l.string(n, what)
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	if s != "" {
		l.at(n.place, "%s is %q; use an instant such as 2020-01-31T23:00:00Z, or a date", what, s)
	}
	return time.Time{}
}

// countryEntries reads the countries. A key may name several that are alike.
func (l *loader) countryEntries(n *node, defaultLocale ovenbird.Locale, systems []string) []Country {
	if n == nil || !l.expect(n, "countries", mappingKind) {
		return nil
	}
	if len(n.entries) == 0 {
		l.at(n.place, "countries is empty; name at least one, such as FI: {locales: [fi, sv]}")
	}
	var countries []Country
	seen := make(map[ovenbird.Country]ovenbird.Place)
	for _, e := range n.entries {
		country := l.countryEntry(e, defaultLocale, systems)
		codes := strings.Fields(e.key)
		if len(codes) == 0 {
			l.at(e.place, "this key names no country; use codes such as FI, several with spaces between")
		}
		for _, s := range codes {
			code, ok := l.country(e.place, s)
			if !ok {
				continue
			}
			if first, ok := seen[code]; ok {
				l.at(e.place, "country %s stands here a second time, first on line %d; remove one", code, first.Line)
				continue
			}
			seen[code] = e.place
			country.Code = code
			countries = append(countries, country)
		}
	}
	slices.SortFunc(countries, func(a, b Country) int { return cmp.Compare(a.Code, b.Code) })
	return countries
}

// countryEntry reads what holds for the countries of one key, and completes
// their locale chain.
func (l *loader) countryEntry(e entry, defaultLocale ovenbird.Locale, systems []string) Country {
	what := "country " + e.key
	n := l.object(e.value, what, "locales", "holdback", "ratings")
	chain := l.locales(n.get("locales"), "the locales of "+what)
	held := l.locales(n.get("holdback"), "the holdback of "+what)
	l.offeredAndHeld(n.get("holdback"), what, chain, held)
	if defaultLocale != "" && !slices.Contains(chain, defaultLocale) && !heldBack(held, defaultLocale) {
		chain = append(chain, defaultLocale)
	}
	country := Country{Locales: chain, Holdback: held}
	for _, item := range l.items(n.get("ratings"), "the ratings of "+what) {
		system := l.string(item, "a rating system")
		switch {
		case system == "":
		case !slices.Contains(systems, system):
			l.at(item.place, "unknown rating system %q; %s (ratings defines them)", system, suggest(system, systems))
		case slices.Contains(country.Ratings, system):
			l.at(item.place, "rating system %q stands twice in %s; remove one", system, what)
		default:
			country.Ratings = append(country.Ratings, system)
		}
	}
	return country
}

func (l *loader) schedule(n *node) Schedule {
	n = l.object(n, "schedule", "every", "horizon", "debounce")
	s := Schedule{
		Every:    l.duration(n.get("every"), "every", time.Minute, 24*time.Hour, defaultEvery),
		Horizon:  l.duration(n.get("horizon"), "horizon", time.Hour, 7*24*time.Hour, defaultHorizon),
		Debounce: l.duration(n.get("debounce"), "debounce", 0, time.Minute, defaultDebounce),
	}
	if s.Horizon < 2*s.Every {
		l.at(n.place, "horizon %s is less than twice every %s: one late bake and an edge would run out of known transitions; "+
			"make horizon longer", s.Horizon, s.Every)
	}
	return s
}

func (l *loader) releases(n *node) Releases {
	n = l.object(n, "releases", "keep", "shrink")
	return Releases{
		Keep:   l.integer(n.get("keep"), "keep", 1, mostKeep, defaultKeep),
		Shrink: l.percent(n.get("shrink"), "shrink", defaultShrink),
	}
}

// catalog reads the files to import: names of NDJSON files, or pairs of a table
// and its mapping.
func (l *loader) catalog(n *node) []CatalogFile {
	var files []CatalogFile
	for i, item := range l.items(n, "catalog") {
		var file CatalogFile
		if item.kind == mappingKind {
			what := "catalog entry " + strconv.Itoa(i+1)
			pair := l.object(item, what, "file", "mapping")
			file.File = l.seed(l.need(pair, what, "file", "file: titles.csv.gz"), "file")
			file.Mapping = l.seed(pair.get("mapping"), "mapping")
		} else {
			file.File = l.seed(item, "a catalog file")
		}
		files = append(files, file)
	}
	return files
}
