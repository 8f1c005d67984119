package shape

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// dice decides what a generated case is like: it returns a number from 0 to n-1.
type dice func(n int) int

func (d dice) chance(percent int) bool { return d(100) < percent }

func pickOne[T any](d dice, list ...T) T { return list[d(len(list))] }

// pickSome returns some of a list, in its order.
func pickSome[T any](d dice, list ...T) []T {
	some := []T{}
	for _, e := range list {
		if d.chance(40) {
			some = append(some, e)
		}
	}
	return some
}

// noon is the instant at which generated worlds are seen.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// world is a generated catalog and an edition of it.
type world struct {
	titles      []*ovenbird.Title
	licenses    []*ovenbird.License
	collections []*ovenbird.Collection
	edition     *facts.Edition
	rules       *facts.Rules
}

func (w *world) view() *facts.View {
	return facts.NewView(ovenbird.NewSnapshot(1, w.titles, w.licenses, w.collections), w.edition, w.rules, noon)
}

// newWorld generates a world that has a little of everything: seasons, specials
// and clips, texts with gaps, licenses that exclude, ratings that are missing.
func newWorld(d dice) *world {
	w := &world{edition: newEdition(d), rules: newRules()}
	for i := range 2 + d(5) {
		w.addTop(d, fmt.Sprintf("t%d", i))
	}
	for i := range 1 + d(3) {
		c := &ovenbird.Collection{
			ID: ovenbird.CollectionID(fmt.Sprintf("c%d", i)), SortKey: pickOne(d, "", "a", "b"), Published: d.chance(90),
			Texts: newTexts(d, ovenbird.Name, ovenbird.Synopsis), Items: []ovenbird.TitleID{"gone"},
		}
		for _, t := range w.titles {
			if d.chance(50) {
				c.Items = append(c.Items, t.ID)
			}
		}
		for i := len(c.Items) - 1; i > 0; i-- {
			j := d(i + 1)
			c.Items[i], c.Items[j] = c.Items[j], c.Items[i]
		}
		w.collections = append(w.collections, c)
	}
	return w
}

func newEdition(d dice) *facts.Edition {
	set := ovenbird.NewCountrySet
	e := &facts.Edition{
		Application: pickOne(d, "tv", "kids"), Language: pickOne[ovenbird.Locale](d, "", "fi"),
		Countries: set("FI", "SE", "NO", "DE", "GB", "US"), RequiresVideo: d.chance(50), MaxAge: pickOne(d, facts.NoMaxAge, facts.NoMaxAge, facts.NoMaxAge, 7),
		Boards: []facts.Board{
			{Countries: set("FI", "SE"), Systems: []string{"KAVI", "FSK"}},
			{Countries: set("DE", "NO"), Systems: []string{"FSK", "KAVI"}},
			{Countries: set("GB"), Systems: []string{"BBFC"}},
		},
	}
	if d.chance(25) {
		e.Chains = []facts.Chain{{Countries: e.Countries, Locales: []ovenbird.Locale{"en"}}}
		return e
	}
	e.Chains = []facts.Chain{
		{Countries: set("FI"), Locales: []ovenbird.Locale{"fi", "sv", "en"}},
		{Countries: set("SE", "NO"), Locales: []ovenbird.Locale{"sv", "en"}},
		{Countries: set("DE"), Locales: []ovenbird.Locale{"de"}},
		{Countries: set("GB", "US"), Locales: []ovenbird.Locale{"en"}},
	}
	return e
}

func newRules() *facts.Rules {
	return &facts.Rules{
		Groups: facts.Groups{
			"NORDICS": {{Countries: ovenbird.NewCountrySet("FI", "SE", "NO")}},
			"UNION": {
				{Countries: ovenbird.NewCountrySet("FI", "SE", "DE", "GB")},
				{From: noon.AddDate(0, 0, -20), Countries: ovenbird.NewCountrySet("FI", "SE", "DE")},
			},
		},
		Ages: map[ovenbird.Rating]int{
			{System: "KAVI", Value: "S"}: 0, {System: "KAVI", Value: "7"}: 7, {System: "FSK", Value: "6"}: 6,
			{System: "FSK", Value: "16"}: 16, {System: "BBFC", Value: "PG"}: 8, {System: "BBFC", Value: "U"}: 4,
		},
	}
}

func (w *world) addTop(d dice, id string) {
	switch d(5) {
	case 0, 1:
		w.addTitle(d, id, ovenbird.Movie, "", 90)
		w.addBelow(d, id, ovenbird.Clip, 2)
	case 2:
		w.addTitle(d, id, ovenbird.Clip, "", 90)
	default:
		w.addTitle(d, id, ovenbird.Series, "", 80)
		w.addBelow(d, id, ovenbird.Clip, 2)
		w.addBelow(d, id, ovenbird.Episode, 5)
		for i := range d(3) {
			season := fmt.Sprintf("%s-s%d", id, i)
			w.addTitle(d, season, ovenbird.Season, id, 20)
			w.addBelow(d, season, ovenbird.Episode, 6)
			w.addBelow(d, season, ovenbird.Clip, 3)
		}
	}
}

func (w *world) addBelow(d dice, parent string, kind ovenbird.Kind, most int) {
	for i := range d(most) {
		w.addTitle(d, fmt.Sprintf("%s-%c%d", parent, kind[0], i), kind, parent, 25)
	}
}

// addTitle adds a title, which has licenses of its own so many times in a hundred.
func (w *world) addTitle(d dice, id string, kind ovenbird.Kind, parent string, licensed int) {
	t := &ovenbird.Title{
		ID: ovenbird.TitleID(id), Kind: kind, Parent: ovenbird.TitleID(parent), SortKey: pickOne(d, "", "a", "b", "B"),
		Number: pickOne(d, "", "1", "160a"), Special: kind == ovenbird.Episode && d.chance(30), Published: d.chance(96), Video: d.chance(92),
		Year: pickOne(d, 0, 1936, 2008, 2024), Runtime: pickOne(d, 0, 596*time.Second, 90*time.Minute),
		Genres: pickSome(d, "comedy", "drama"), Cast: pickSome(d, "Ánna", `B "x"`, "Çem"), Directors: pickSome(d, "D\t1", "E\u2028"),
		Origins: pickSome[ovenbird.Country](d, "NL", "CZ"), Texts: newTexts(d, ovenbird.TextFields()...),
	}
	if d.chance(50) {
		t.Added = noon.AddDate(0, -d(40), 0)
	}
	for range d(5) {
		t.Images = append(t.Images, ovenbird.Image{
			Role: pickOne(d, ovenbird.ImageRoles()...), URL: fmt.Sprintf("https://img.example/%s/%d?a&b", id, len(t.Images)),
			Width: pickOne(d, 300, 600, 1920), Height: pickOne(d, 200, 900), Locale: pickOne[ovenbird.Locale](d, "", "", "fi", "en"),
		})
	}
	t.Ratings = pickSome(d, ovenbird.Rating{System: "KAVI", Value: pickOne(d, "S", "7")}, ovenbird.Rating{System: "FSK", Value: pickOne(d, "6", "16", "X")},
		ovenbird.Rating{System: "BBFC", Value: pickOne(d, "PG", "U")})
	w.titles = append(w.titles, t)
	if d.chance(licensed) {
		for range 1 + d(3) {
			w.addLicense(d, t.ID)
		}
	}
}

func (w *world) addLicense(d dice, title ovenbird.TitleID) {
	l := &ovenbird.License{
		ID: ovenbird.LicenseID(fmt.Sprintf("l%d", len(w.licenses))), Title: title,
		Territories:  pickOne(d, []string{"*"}, []string{"*"}, []string{"*"}, []string{"NORDICS"}, []string{"UNION", "US"}, []string{"FI"}, []string{"GB", "DE"}),
		Exclude:      pickOne(d, []string{}, []string{}, []string{"US"}, []string{"UNION"}),
		Applications: pickOne(d, []string{"*"}, []string{"*"}, []string{"*"}, []string{"tv"}, []string{"kids"}),
	}
	// Few different instants, so that windows abut, overlap and begin at the same time.
	if d.chance(80) {
		l.Window.Start = noon.Add(time.Duration(pickOne(d, -30, -20, -10, -1, 0, 1, 9, 20)) * 12 * time.Hour)
	}
	if d.chance(50) {
		begin := l.Window.Start
		if begin.IsZero() {
			begin = noon
		}
		l.Window.End = begin.Add(time.Duration(pickOne(d, 1, 9, 10, 29, 50)) * 12 * time.Hour)
	}
	w.licenses = append(w.licenses, l)
}

func newTexts(d dice, fields ...ovenbird.TextField) ovenbird.Texts {
	texts := ovenbird.Texts{}
	for _, field := range fields {
		for _, locale := range []ovenbird.Locale{"fi", "sv", "de", "en"} {
			if !d.chance(45) {
				continue
			}
			if texts[field] == nil {
				texts[field] = map[ovenbird.Locale]string{}
			}
			texts[field][locale] = pickOne(d, "", "Big Élan", "élan vital", "Bunny & <Bear>", "a \"quoted\"\n\u0001 line", "Ёлка 7", "bear big 🐻")
		}
	}
	return texts
}

// dump is a world as the reference implementation reads it: raw data, nothing
// worked out.
func (w *world) dump() map[string]any {
	instant := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.Format(time.RFC3339)
	}
	titles, licenses, collections, chains, boards := []any{}, []any{}, []any{}, []any{}, []any{}
	for _, t := range w.titles {
		titles = append(titles, map[string]any{
			"id": t.ID, "kind": t.Kind, "parent": t.Parent, "sortKey": t.SortKey, "number": t.Number, "special": t.Special,
			"published": t.Published, "video": t.Video, "year": t.Year, "runtime": t.Runtime / time.Second, "added": instant(t.Added),
			"genres": t.Genres, "cast": t.Cast, "directors": t.Directors, "origins": t.Origins, "texts": t.Texts,
			"images": append([]ovenbird.Image{}, t.Images...), "ratings": t.Ratings,
		})
	}
	for _, l := range w.licenses {
		licenses = append(licenses, map[string]any{
			"title": l.Title, "territories": l.Territories, "exclude": l.Exclude, "applications": l.Applications,
			"start": instant(l.Window.Start), "end": instant(l.Window.End),
		})
	}
	for _, c := range w.collections {
		collections = append(collections, map[string]any{
			"id": c.ID, "sortKey": c.SortKey, "published": c.Published, "texts": c.Texts, "items": c.Items,
		})
	}
	for _, c := range w.edition.Chains {
		chains = append(chains, map[string]any{"countries": c.Countries.List(), "locales": c.Locales})
	}
	for _, b := range w.edition.Boards {
		boards = append(boards, map[string]any{"countries": b.Countries.List(), "systems": b.Systems})
	}
	groups := map[string]any{}
	for name, group := range w.rules.Groups {
		var members []any
		for _, m := range group {
			members = append(members, map[string]any{"from": instant(m.From), "countries": m.Countries.List()})
		}
		groups[name] = members
	}
	ages := map[string]int{}
	for rating, age := range w.rules.Ages {
		ages[rating.System+" "+rating.Value] = age
	}
	return map[string]any{
		"at": instant(noon), "titles": titles, "licenses": licenses, "collections": collections, "groups": groups, "ages": ages,
		"edition": map[string]any{
			"application": w.edition.Application, "language": w.edition.Language, "countries": w.edition.Countries.List(),
			"chains": chains, "boards": boards, "requiresVideo": w.edition.RequiresVideo, "maxAge": w.edition.MaxAge,
		},
	}
}

// keys returns some keys of documents, existing and not. The title is rather one
// with much below it.
func (w *world) keys(d dice) Keys {
	k := Keys{
		Title: pickOne(d, w.titles...).ID, Collection: pickOne(d, w.collections...).ID,
		Page: 1 + d(3), Prefix: pickOne(d, "b", "b", "bi", "big", "be", "e", "el", "7", "v", "q", "ёл"),
	}
	k.Prefix = words.Fold(k.Prefix)
	if t := pickOne(d, w.titles...); t.Kind.Container() {
		k.Title = t.ID
	}
	return k
}

// compose renders a document for a set of countries and puts its cards in. It
// returns the document of each country in which it exists.
func compose(r *Renderer, p *Plan, keys Keys, countries ovenbird.CountrySet) (map[ovenbird.Country]string, error) {
	documents := map[ovenbird.Country]string{}
	for class, output := range r.Document(p, keys, countries) {
		for _, country := range class.List() {
			if _, twice := documents[country]; twice {
				return nil, fmt.Errorf("%s is in two classes", country)
			}
			whole, err := fill(r, output, country)
			if err != nil {
				return nil, err
			}
			if !json.Valid([]byte(whole)) {
				return nil, fmt.Errorf("%s: not JSON: %s", country, whole)
			}
			documents[country] = whole
		}
	}
	return documents, nil
}

func fill(r *Renderer, output *Output, country ovenbird.Country) (string, error) {
	var whole strings.Builder
	done := 0
	for _, slot := range output.Slots {
		whole.Write(output.Body[done:slot.Offset])
		done = slot.Offset
		found := false
		for _, body := range r.Card(slot.Card, slot.Title, ovenbird.NewCountrySet(country)) {
			whole.Write(body)
			found = true
		}
		if !found {
			return "", fmt.Errorf("%s: a slot for %s, which has no card there", country, slot.Title)
		}
	}
	whole.Write(output.Body[done:])
	return whole.String(), nil
}
