package bake_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
)

// fair draws a number below n, each as often as any other: rapid's own generators
// prefer small ones, which makes for catalogs with nothing in them.
func fair(t *rapid.T, name string, n int) int {
	return rapid.Custom(func(t *rapid.T) int {
		number := 0
		for range 8 {
			number *= 2
			if rapid.Bool().Draw(t, "bit") {
				number++
			}
		}
		return number % n
	}).Draw(t, name)
}

// pick draws from a list.
func pick[T any](t *rapid.T, name string, list ...T) T { return list[fair(t, name, len(list))] }

// some draws a part of a list, in any order.
func some[T any](t *rapid.T, name string, least, most int, list ...T) []T {
	rest, part := slices.Clone(list), []T{}
	for n := least + fair(t, name, most-least+1); len(part) < n && len(rest) > 0; {
		i := fair(t, name, len(rest))
		part = append(part, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return part
}

// chance is true in a share of cases.
func chance(t *rapid.T, name string, percent int) bool { return fair(t, name, 100) < percent }

// drawInstant draws from few instants that things like to happen at: together,
// in a row, at midnight, at the ends of a horizon, and a moment beside.
func drawInstant(t *rapid.T, name string) time.Time {
	hours := pick(t, name, -49, -36, -24, -12, -1, 0, 1, 11, 12, 13, 23, 24, 25, 36, 37, 48, 60)
	return noon.Add(time.Duration(hours)*time.Hour + time.Duration(pick(t, name+"+", 0, 0, 0, 0, -1, 1))*time.Second)
}

// The standard groups that generated licenses name, written out once more.
var (
	eu27    = []ovenbird.Country{"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
	brexit  = time.Date(2020, 1, 31, 23, 0, 0, 0, time.UTC)
	groupEU = []model.Membership{{Countries: append([]ovenbird.Country{"GB"}, eu27...)}, {From: brexit, Countries: eu27}}
)

// everyShape has, for each kind of document, selections of which one is drawn.
var everyShape = map[string][]string{
	"home.json": {
		`{ __typename country application language collections(first: 2) { id name titles(first: 3) { ...Card } } }
		fragment Card on Title { id name year poster: image(role: POSTER, width: 300) { url } }`,
		`{ collections { id name synopsis titleCount titles(first: 1, order: NEWEST) { id name number } more: titles(order: SORT_KEY) { id } }
		title(id: "m1") { id name } collection(id: "k~1") { id titleCount } }`,
		`{ collections { id titles { id kind name ... { series { id name } } availability { start end } rating { system value age } } } }`,
	},
	"titles/{title}.json": {
		`query ($title: ID!) { title(id: $title) { __typename id kind name synopsis shortSynopsis tagline year runtime number special added
			genres cast(first: 1) directors origins
			p: image(role: POSTER, width: 300) { url role width height __typename } h: image(role: HERO, width: 1000) { url }
			rating { system value age } availability { start end } parent { id name } series { id name } season { id name } ...Below } }
		fragment Below on Title { seasons { id name number episodes { ...Row } specials { id } clips { id } }
			episodes(order: DESC) { ...Row } specials(first: 2) { ...Row season { id } } clips(first: 1) { id name } }
		fragment Row on Title { id number name special availability { end } }`,
		`query ($title: ID!) { title(id: $title) { id name seasons(order: DESC) { id episodes(first: 1) { id } } episodes { id } } again: title(id: $title) { id } country }`,
	},
	"collections/{collection}/{page}.json": {
		`query ($collection: ID!, $page: Int!) { collection(id: $collection) { __typename id name pages titleCount titles(page: $page) { id name kind } } }`,
		`query ($collection: ID!, $page: Int!) { collection(id: $collection) { id synopsis titles(page: $page, order: NEWEST, first: 1) { id parent { id } }
			all: titles(page: $page, order: NEWEST) { id name } } }`,
	},
	"upcoming.json": {
		`{ upcoming(days: 2) { opens title { kind name synopsis year genres rating { age } image(role: POSTER, width: 1) { url } } } }`,
		`{ upcoming(days: 0, first: 2) { title { name __typename } opens __typename } long: upcoming { opens title { name } } }`,
	},
	"leaving.json": {
		`{ leaving(days: 1, first: 3) { leaves title { id name } } }`,
		`{ leaving { leaves __typename title { id name seasons { id } availability { end } } } country }`,
	},
	"search/{prefix}.json": {
		`query ($prefix: String!) { search(prefix: $prefix, first: 2) { id name } }`,
		`query ($prefix: String!) { language search(prefix: $prefix) { __typename id kind name episodes { id } } }`,
	},
}

// drawSite draws a small site with something of everything.
func drawSite(t *rapid.T) model.Site {
	s := model.Site{
		DefaultLocale: "en",
		Groups:        map[string][]model.Membership{"EU": groupEU},
		Ages: map[ovenbird.Rating]int{
			{System: "FSK", Value: "0"}: 0, {System: "FSK", Value: "6"}: 6, {System: "FSK", Value: "12"}: 12, {System: "KAVI", Value: "S"}: 0, {System: "KAVI", Value: "7"}: 7,
		},
	}
	if chance(t, "own group", 60) {
		s.Groups["MARKET"] = []model.Membership{
			{Countries: some[ovenbird.Country](t, "market", 1, 3, "DE", "FI", "GB", "US")}, {From: drawInstant(t, "from"), Countries: some[ovenbird.Country](t, "new market", 1, 3, "DE", "GR", "XK", "US")},
		}
	} else {
		s.Groups["MARKET"] = []model.Membership{{From: drawInstant(t, "from"), Countries: []ovenbird.Country{"FI", "US"}}}
	}
	codes := some(t, "countries", 2, 4, ovenbird.Country("DE"), "FI", "GB", "GR", "US", "XK")
	for _, code := range codes {
		s.Countries = append(s.Countries, drawCountry(t, code))
	}
	slices.SortFunc(s.Countries, func(a, b model.Country) int { return cmp.Compare(a.Code, b.Code) })
	for _, name := range some(t, "applications", 1, 3, "tv", "web", "kids") {
		s.Applications = append(s.Applications, drawApplication(t, name, codes))
	}
	return s
}

// drawCountry draws a country that always has a locale left to show.
func drawCountry(t *rapid.T, code ovenbird.Country) model.Country {
	c := model.Country{Code: code, Ratings: some(t, "boards", 0, 2, "FSK", "KAVI")}
	c.Locales = some[ovenbird.Locale](t, "locales", 0, 3, "fi", "sv", "de-AT", "de", "en")
	if chance(t, "holds back", 30) {
		for _, held := range some[ovenbird.Locale](t, "holdback", 1, 2, "sv", "de", "en", "fr") {
			withheld := slices.ContainsFunc(c.Locales, func(l ovenbird.Locale) bool { return l == held || l == "de-AT" && held == "de" })
			if !withheld && (held != "en" || len(c.Locales) > 0) {
				c.Holdback = append(c.Holdback, held)
			}
		}
	}
	return c
}

func drawApplication(t *rapid.T, name string, countries []ovenbird.Country) model.Application {
	a := model.Application{
		Name: name, Countries: some(t, "offered", 1, len(countries), countries...), RequiresVideo: chance(t, "video", 50), MaxAge: model.NoMaxAge,
	}
	slices.Sort(a.Countries)
	switch name {
	case "web":
		a.Languages = some[ovenbird.Locale](t, "languages", 1, 2, "en", "sv", "de")
	case "kids":
		a.MaxAge = pick(t, "age", 0, 6, 7)
	case "tv":
		if chance(t, "holds back", 20) {
			a.Holdback = []ovenbird.Locale{"fr-CA"}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(everyShape)) {
		d := model.Document{Path: path, Shape: pick(t, path, everyShape[path]...)}
		switch path {
		case "collections/{collection}/{page}.json":
			d.PageSize = pick(t, "page", 1, 2, 50)
		case "search/{prefix}.json":
			d.LongestPrefix = pick(t, "prefix", 1, 2, 4)
		}
		a.Documents = append(a.Documents, d)
	}
	return a
}

// oddTitles are the ids of generated titles and what they are.
var oddTitles = map[ovenbird.TitleID]ovenbird.Kind{
	"m1": ovenbird.Movie, "m:2": ovenbird.Movie, "Ä+~": ovenbird.Movie, "s1": ovenbird.Series, "s.2": ovenbird.Series, "s1@a": ovenbird.Season,
	"S1_b": ovenbird.Season, "e1": ovenbird.Episode, "e-2": ovenbird.Episode, "e..3": ovenbird.Episode, "é": ovenbird.Episode, "x1": ovenbird.Episode,
	"c1": ovenbird.Clip, "c2": ovenbird.Clip,
}

var oddIDs = slices.Sorted(maps.Keys(oddTitles))

// names are what titles are called: nothing, not letters, several words, several scripts.
var oddNames = []string{"", "Ash", "ash tree", "Äsh \"q\" \\ \n\t\u0001", "Bee", "the Bee", "…", "İbis 2", "Élan", "日本 ash", "K\u030aA", "<b>&amp;</b>\u2028", "한글"}

func drawOddTexts(t *rapid.T) ovenbird.Texts {
	texts := ovenbird.Texts{}
	for _, field := range some(t, "fields", 1, 3, ovenbird.Name, ovenbird.Name, ovenbird.Synopsis, ovenbird.ShortSynopsis) {
		byLocale := map[ovenbird.Locale]string{}
		for _, locale := range some[ovenbird.Locale](t, "in", 1, 3, "en", "sv", "de", "de-AT", "fi", "fr") {
			byLocale[locale] = pick(t, "text", oddNames...)
		}
		texts[field] = byLocale
	}
	return texts
}

func (w *world) drawOddTitle(t *rapid.T, id ovenbird.TitleID) *ovenbird.Title {
	title := &ovenbird.Title{
		ID: id, Kind: oddTitles[id], SortKey: pick(t, "sort", "", "1", "2", "10"), Number: pick(t, "number", "", "7", "160a"), Texts: drawOddTexts(t),
		Published: chance(t, "published", 95), Video: chance(t, "ready", 80), Year: pick(t, "year", 0, 1928, 2020),
		Runtime: time.Duration(pick(t, "runtime", 0, 1, 596)) * time.Second, Added: pick(t, "added", time.Time{}, noon),
		Genres: some(t, "genres", 0, 2, "a", "b"), Cast: some(t, "cast", 0, 2, "A", "B"), Origins: some[ovenbird.Country](t, "origins", 0, 1, "GB"),
	}
	title.Special = title.Kind == ovenbird.Episode && chance(t, "special", 30)
	for _, r := range some(t, "ratings", 0, 2, "FSK 0", "FSK 6", "FSK 12", "FSK ?", "KAVI S", "KAVI 7", "XYZ 0") {
		var rating ovenbird.Rating
		if _, err := fmt.Sscan(r, &rating.System, &rating.Value); err != nil {
			panic(err)
		}
		title.Ratings = append(title.Ratings, rating)
	}
	for i, locale := range some[ovenbird.Locale](t, "images", 0, 3, "", "en", "sv", "de") {
		for _, width := range some(t, "width", 1, 2, 200, 300, 600) {
			role := pick(t, "role", ovenbird.Poster, ovenbird.Poster, ovenbird.Hero)
			title.Images = append(title.Images, ovenbird.Image{Role: role, URL: fmt.Sprintf("/%s/%d", id, i), Width: width, Height: width, Locale: locale})
		}
	}
	parents := []ovenbird.TitleID{""}
	for _, parent := range oddIDs {
		if other := w.titles[parent]; other != nil && other.Kind.MayHold(title.Kind) {
			parents = append(parents, parent, parent)
		}
	}
	if title.Kind != ovenbird.Movie && title.Kind != ovenbird.Series {
		title.Parent = pick(t, "parent", parents...)
	}
	return title
}

func (w *world) drawOddLicense(t *rapid.T, id ovenbird.LicenseID, title ovenbird.TitleID) *ovenbird.License {
	l := &ovenbird.License{
		ID: id, Title: title, Model: ovenbird.SVOD,
		Territories:  pick(t, "territories", []string{"*"}, []string{"*"}, []string{"*"}, []string{"*"}, []string{"EU"}, []string{"MARKET"}, []string{"FI", "US"}, []string{"GB", "MARKET"}, []string{"XK", "GR", "ATLANTIS"}),
		Exclude:      pick(t, "exclude", nil, nil, nil, nil, nil, []string{"US"}, []string{"EU"}, []string{"MARKET", "XK"}, []string{"GB"}, []string{"ATLANTIS"}),
		Applications: pick(t, "for", []string{"*"}, []string{"*"}, []string{"*"}, []string{"*"}, []string{"tv"}, []string{"kids", "web"}),
	}
	switch fair(t, "starts", 5) {
	case 0, 1:
		l.Window.Start = drawInstant(t, "start")
	case 2:
		l.Window.Start = brexit.Add(time.Duration(pick(t, "around", -1, 0, 1)) * time.Second)
	}
	if chance(t, "ends", 40) {
		l.Window.End = drawInstant(t, "end")
	}
	if chance(t, "renews", 30) {
		w.renew(t, l)
	}
	if !l.Window.Valid() {
		l.Window.End = time.Time{}
	}
	return l
}

// renew makes of a license one that goes on, there and then, where another ends:
// abutting, with a gap of a second, or overlapping by one.
func (w *world) renew(t *rapid.T, l *ovenbird.License) {
	others := slices.Sorted(maps.Keys(w.licenses))
	if len(others) == 0 {
		return
	}
	other := w.licenses[pick(t, "renewed", others...)]
	if other.Window.End.IsZero() || other.ID == l.ID {
		return
	}
	l.Title, l.Territories, l.Exclude, l.Applications = other.Title, other.Territories, other.Exclude, other.Applications
	l.Window.Start = other.Window.End.Add(time.Duration(pick(t, "gap", 0, 0, 1, -1)) * time.Second)
}

// stock fills a world with most of its titles, some licenses and collections.
func (w *world) stock(t *rapid.T) {
	for _, kind := range ovenbird.Kinds() { // parents first
		for _, id := range oddIDs {
			if oddTitles[id] == kind && chance(t, string(id), 90) {
				w.titles[id] = w.drawOddTitle(t, id)
			}
		}
	}
	for range 8 {
		w.oddEdit(t)
	}
	for _, id := range some[ovenbird.CollectionID](t, "collections", 0, 3, oddCollections...) {
		w.collections[id] = drawCollection(t, id)
	}
	titles := slices.Sorted(maps.Keys(w.titles))
	for i := range 5 + fair(t, "licenses", 7) {
		l := w.drawOddLicense(t, ovenbird.LicenseID(fmt.Sprintf("l%d", i)), pick(t, "of", titles...))
		w.licenses[l.ID] = l
	}
}

// oddEdit changes something as an editor could: through the rules that the catalog
// holds editors to.
func (w *world) oddEdit(t *rapid.T) ovenbird.Touched {
	w.sequence++
	switch fair(t, "what", 10) {
	case 0, 1, 2:
		id := pick(t, "title", oddIDs...)
		w.titles[id] = w.drawOddTitle(t, id)
		return ovenbird.Touched{Titles: []ovenbird.TitleID{id}}
	case 3:
		return w.toggle(t)
	case 4:
		return w.remove(t)
	case 5:
		id := pick[ovenbird.LicenseID](t, "revoked", "l1", "l2", "l3", "l4", "l5")
		l := w.licenses[id]
		if l == nil {
			return ovenbird.Touched{}
		}
		delete(w.licenses, id)
		return ovenbird.Touched{Titles: []ovenbird.TitleID{l.Title}}
	case 6, 7, 8:
		titles := slices.Sorted(maps.Keys(w.titles))
		if len(titles) == 0 {
			return ovenbird.Touched{}
		}
		id := ovenbird.LicenseID(pick(t, "license", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9"))
		l := w.drawOddLicense(t, id, pick(t, "of", titles...))
		touched := ovenbird.Touched{Titles: []ovenbird.TitleID{l.Title}}
		if was := w.licenses[id]; was != nil {
			touched.Titles = append(touched.Titles, was.Title)
		}
		w.licenses[id] = l
		return touched
	default:
		id := pick(t, "collection", oddCollections...)
		if chance(t, "removed", 10) {
			delete(w.collections, id)
			return ovenbird.Touched{Collections: []ovenbird.CollectionID{id}}
		}
		w.collections[id] = drawCollection(t, id)
		return ovenbird.Touched{Collections: []ovenbird.CollectionID{id}}
	}
}

var oddCollections = []ovenbird.CollectionID{"k~1", "k2", "K"}

func drawCollection(t *rapid.T, id ovenbird.CollectionID) *ovenbird.Collection {
	return &ovenbird.Collection{
		ID: id, SortKey: pick(t, "sort", "", "1", "2"), Published: chance(t, "published", 85), Texts: drawOddTexts(t),
		Items: some(t, "items", 0, 8, append([]ovenbird.TitleID{"nowhere"}, oddIDs...)...),
	}
}

// toggle unpublishes a title, or publishes it again, as it was.
func (w *world) toggle(t *rapid.T) ovenbird.Touched {
	id := pick(t, "toggled", oddIDs...)
	if w.titles[id] == nil {
		return ovenbird.Touched{}
	}
	changed := *w.titles[id]
	changed.Published = !changed.Published
	w.titles[id] = &changed
	return ovenbird.Touched{Titles: []ovenbird.TitleID{id}}
}

// remove removes a title that has nothing below it, and its licenses.
func (w *world) remove(t *rapid.T) ovenbird.Touched {
	id := pick(t, "gone", oddIDs...)
	for _, other := range w.titles {
		if other.Parent == id {
			return ovenbird.Touched{}
		}
	}
	delete(w.titles, id)
	maps.DeleteFunc(w.licenses, func(_ ovenbird.LicenseID, l *ovenbird.License) bool { return l.Title == id })
	return ovenbird.Touched{Titles: []ovenbird.TitleID{id}}
}
