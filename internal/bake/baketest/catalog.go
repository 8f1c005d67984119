// Package baketest makes catalogs and programs to bake out of a seed, the same
// ones for the same seed: for programs that measure, and for tests.
//
// They are like those of a provider with viewers everywhere: films, and series
// with seasons and episodes; texts in twelve languages with gaps; images; ratings
// by twenty boards; two to four licenses for each title, a third of them for the
// whole world, a third for the world without some countries, a third for a
// region, over three years, so that some open or close on any day.
package baketest

import (
	"fmt"
	"math/rand/v2"
	"strings"
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

// collectionCount is how many collections a catalog has.
const collectionCount = 60

// Catalog returns a catalog of at least count titles of all kinds, with licenses
// around now in countries, and 60 collections. Tops are its movies and series.
func Catalog(seed uint64, count int, now time.Time, countries []ovenbird.Country) (s *ovenbird.Snapshot, tops []ovenbird.TitleID) {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same catalog for the same seed
	m := &maker{random: random, now: now, countries: countries}
	m.fill(count)
	return ovenbird.NewSnapshot(1, m.titles, m.licenses, m.collections), m.tops
}

// fill makes count titles of all kinds, and the collections.
func (m *maker) fill(count int) {
	for len(m.titles) < count {
		if m.random.IntN(10) > 0 {
			m.tops = append(m.tops, m.title(ovenbird.Movie, "").ID)
			continue
		}
		series := m.title(ovenbird.Series, "")
		m.tops = append(m.tops, series.ID)
		for range 1 + m.random.IntN(3) {
			season := m.title(ovenbird.Season, series.ID)
			for range 4 + m.random.IntN(7) {
				m.title(ovenbird.Episode, season.ID)
			}
		}
	}
	for i := range collectionCount {
		var items []ovenbird.TitleID
		for _, at := range m.random.Perm(len(m.tops))[:min(20+m.random.IntN(60), len(m.tops))] {
			items = append(items, m.tops[at])
		}
		id := fmt.Sprintf("k%02d", i)
		m.collections = append(m.collections, &ovenbird.Collection{
			ID: ovenbird.CollectionID(id), SortKey: id, Published: true, Items: items,
			Texts: ovenbird.Texts{ovenbird.Name: m.translated("Collection " + id)},
		})
	}
}

func (m *maker) title(kind ovenbird.Kind, parent ovenbird.TitleID) *ovenbird.Title {
	id := fmt.Sprintf("t%06d", len(m.titles))
	t := &ovenbird.Title{
		ID: ovenbird.TitleID(id), Kind: kind, Parent: parent, SortKey: id, Published: true, Video: true,
		Year: 1960 + m.random.IntN(66), Runtime: time.Duration(20+m.random.IntN(120)) * time.Minute,
		Genres: []string{genres[m.random.IntN(len(genres))], genres[m.random.IntN(len(genres))]},
		Cast:   m.people(5), Directors: m.people(1),
		Texts: ovenbird.Texts{
			ovenbird.Name:     m.translated(m.name()),
			ovenbird.Synopsis: m.translated(m.sentences(3)), ovenbird.ShortSynopsis: m.translated(m.sentences(1)),
		},
		Images: []ovenbird.Image{
			{Role: ovenbird.Poster, URL: "https://images.example/" + id + "/poster.jpg", Width: 600, Height: 900},
			{Role: ovenbird.Hero, URL: "https://images.example/" + id + "/hero.jpg", Width: 1920, Height: 1080},
		},
	}
	for system := range systemCount {
		if m.random.IntN(4) > 0 {
			value := ratingValues[m.random.IntN(len(ratingValues))]
			t.Ratings = append(t.Ratings, ovenbird.Rating{System: systemName(system), Value: value})
		}
	}
	m.titles = append(m.titles, t)
	for range 2 + m.random.IntN(3) {
		m.license(t.ID)
	}
	return t
}

var genres = []string{"comedy", "drama", "crime", "documentary", "family", "horror", "romance", "thriller"}

func (m *maker) people(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("Person %04d", m.random.IntN(5000))
	}
	return names
}

var words = []string{
	"a", "story", "of", "two", "friends", "who", "leave", "the", "city", "for", "an", "island", "and", "find", "what", "they",
	"had", "never", "been", "looking", "for", "while", "old", "enemies", "prepare", "their", "return", "with", "nothing", "left",
	"to", "lose", "but", "time", "love", "and", "one", "last", "winter",
}

var syllables = []string{
	"ba", "co", "di", "fe", "gu", "ha", "jo", "ki", "la", "mo", "ne", "pi", "qua",
	"ro", "su", "ta", "vi", "wen", "xa", "yo", "zu", "ster", "lin", "mar", "ton",
}

// name draws a name of a few words out of very many, every fifth with an article.
func (m *maker) name() string {
	var names []string
	if m.random.IntN(5) == 0 {
		names = append(names, "The")
	}
	for range 1 + m.random.IntN(3) {
		var word strings.Builder
		for range 2 + m.random.IntN(2) {
			word.WriteString(syllables[m.random.IntN(len(syllables))])
		}
		names = append(names, strings.ToUpper(word.String()[:1])+word.String()[1:])
	}
	return strings.Join(names, " ")
}

// sentences draws some sentences of a dozen words.
func (m *maker) sentences(count int) string {
	var s strings.Builder
	for range count {
		for range 12 {
			s.WriteString(words[m.random.IntN(len(words))] + " ")
		}
		s.WriteString("end. ")
	}
	return s.String()
}

// translated has a text in English and, with gaps, in other languages.
func (m *maker) translated(text string) map[ovenbird.Locale]string {
	texts := map[ovenbird.Locale]string{"en": text}
	for _, l := range languages {
		if m.random.IntN(3) > 0 {
			texts[l.locale] = text + " (" + string(l.locale) + ")"
		}
	}
	return texts
}

func (m *maker) license(title ovenbird.TitleID) {
	day := 24 * time.Hour
	start := m.now.Add(time.Duration(m.random.IntN(3*365)-2*365) * day).Add(time.Duration(m.random.IntN(24)) * time.Hour)
	l := &ovenbird.License{
		ID: ovenbird.LicenseID(fmt.Sprintf("l%07d", len(m.licenses))), Title: title, Territories: []string{"*"},
		Applications: []string{"*"}, Model: ovenbird.SVOD,
		Window: ovenbird.Window{Start: start, End: start.Add(time.Duration(365+m.random.IntN(2*365)) * day)},
	}
	switch m.random.IntN(3) {
	case 0:
		l.Exclude = m.some(5)
	case 1:
		l.Territories = m.region()
	}
	m.licenses = append(m.licenses, l)
}

// some draws a few countries.
func (m *maker) some(count int) []string {
	var list []string
	for _, at := range m.random.Perm(len(m.countries))[:min(count, len(m.countries))] {
		list = append(list, string(m.countries[at]))
	}
	return list
}

// region draws a stretch of the countries.
func (m *maker) region() []string {
	from := m.random.IntN(len(m.countries))
	var list []string
	for _, country := range m.countries[from:min(from+20, len(m.countries))] {
		list = append(list, string(country))
	}
	return list
}
