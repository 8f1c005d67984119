// Package baketest makes catalogs and programs to bake out of a seed, the same
// ones for the same seed: for programs that measure, and for tests.
package baketest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"ovenbird/internal/ovenbird"
)

// maker draws a catalog from a seed.
type maker struct {
	random      *rand.Rand
	now         time.Time
	countries   []ovenbird.Country
	titles      []*ovenbird.Title
	licenses    []*ovenbird.License
	collections []*ovenbird.Collection
	tops        []ovenbird.TitleID
}

// Catalog returns a catalog of at least count titles of all kinds, with licenses
// around now in countries, and 20 collections. Tops are its movies and series.
func Catalog(seed uint64, count int, now time.Time, countries []ovenbird.Country) (s *ovenbird.Snapshot, tops []ovenbird.TitleID) {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same catalog for the same seed
	m := &maker{random: random, now: now, countries: countries}
	m.fill(count)
	return ovenbird.NewSnapshot(1, m.titles, m.licenses, m.collections), m.tops
}

// fill makes count titles of all kinds, and the collections.
func (m *maker) fill(count int) {
	for len(m.titles) < count {
		if len(m.titles)%10 != 0 {
			m.tops = append(m.tops, m.title(ovenbird.Movie, "").ID)
			continue
		}
		series := m.title(ovenbird.Series, "")
		m.tops = append(m.tops, series.ID)
		for range 2 {
			season := m.title(ovenbird.Season, series.ID)
			for range 4 {
				m.title(ovenbird.Episode, season.ID)
			}
		}
	}
	for i := range 20 {
		var items []ovenbird.TitleID
		for _, at := range m.random.Perm(len(m.tops))[:min(40, len(m.tops))] {
			items = append(items, m.tops[at])
		}
		id := fmt.Sprintf("k%02d", i)
		m.collections = append(m.collections, &ovenbird.Collection{
			ID: ovenbird.CollectionID(id), SortKey: id, Published: true, Texts: m.texts("Collection " + id), Items: items,
		})
	}
}

func (m *maker) title(kind ovenbird.Kind, parent ovenbird.TitleID) *ovenbird.Title {
	id := fmt.Sprintf("t%06d", len(m.titles))
	t := &ovenbird.Title{
		ID: ovenbird.TitleID(id), Kind: kind, Parent: parent, SortKey: id, Published: true, Video: true,
		Texts: m.texts("Title " + id),
	}
	m.titles = append(m.titles, t)
	for range 2 + m.random.IntN(2) {
		m.license(t.ID)
	}
	return t
}

// texts has a name in English and, with gaps, in other languages.
func (m *maker) texts(name string) ovenbird.Texts {
	names := map[ovenbird.Locale]string{"en": fmt.Sprintf("%c%c %s", 'A'+m.random.IntN(26), 'a'+m.random.IntN(26), name)}
	for _, locale := range []ovenbird.Locale{"sv", "de", "fi"} {
		if m.random.IntN(3) > 0 {
			names[locale] = fmt.Sprintf("%s (%s)", names["en"], locale)
		}
	}
	return ovenbird.Texts{
		ovenbird.Name:     names,
		ovenbird.Synopsis: {"en": "What happens in " + name + ", told in one sentence of a usual length."},
	}
}

func (m *maker) license(title ovenbird.TitleID) {
	day := 24 * time.Hour
	start := m.now.Add(time.Duration(m.random.IntN(3*365)-2*365) * day)
	l := &ovenbird.License{
		ID: ovenbird.LicenseID(fmt.Sprintf("l%07d", len(m.licenses))), Title: title, Territories: []string{"*"},
		Applications: []string{"*"}, Model: ovenbird.SVOD,
		Window: ovenbird.Window{Start: start, End: start.Add(time.Duration(30+m.random.IntN(700)) * day)},
	}
	switch m.random.IntN(3) {
	case 0:
		l.Exclude = m.some()
	case 1:
		l.Territories = m.some()
	}
	m.licenses = append(m.licenses, l)
}

// some draws a few countries.
func (m *maker) some() []string {
	var list []string
	for _, at := range m.random.Perm(len(m.countries))[:min(5, len(m.countries))] {
		list = append(list, string(m.countries[at]))
	}
	return list
}
