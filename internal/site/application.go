package site

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// reserved are application names that would hide another address of a server.
var reserved = []string{"artwork"}

func (l *loader) applications(n *node, countries []Country) []Application {
	if n == nil || !l.expect(n, "applications", mappingKind) {
		return nil
	}
	if len(n.entries) == 0 {
		l.at(n.place, "applications is empty; name at least one, such as tv")
	}
	applications := make([]Application, 0, len(n.entries))
	for _, e := range n.entries {
		switch {
		case slices.Contains(reserved, e.key):
			l.at(e.place, "application %q would hide the address /%s; name it otherwise", e.key, e.key)
		case !namePattern.MatchString(e.key):
			l.at(e.place, "application %q can not be an application's name: it stands in addresses, after a country in capitals; %s",
				e.key, nameRule)
		}
		applications = append(applications, l.application(e, countries))
	}
	return applications
}

func (l *loader) application(e entry, countries []Country) Application {
	what := "application " + e.key
	n := l.object(e.value, what, "name", "languages", "holdback", "countries", "exclude", "requires_video", "max_age", "documents")
	a := Application{
		Name:          e.key,
		DisplayName:   l.string(n.get("name"), "name"),
		Languages:     l.locales(n.get("languages"), "the languages of "+what),
		Holdback:      l.locales(n.get("holdback"), "the holdback of "+what),
		Countries:     l.offered(n, what, countries),
		RequiresVideo: l.boolean(n.get("requires_video"), "requires_video"),
		MaxAge:        l.integer(n.get("max_age"), "max_age", 0, maxAge, facts.NoMaxAge),
	}
	if a.DisplayName == "" {
		a.DisplayName = a.Name
	}
	l.offeredAndHeld(n.get("holdback"), what, a.Languages, a.Holdback)
	a.Editions = a.editions(countries)
	l.speechless(n, &a, countries)
	a.Documents = l.documents(l.need(n, what, "documents", "documents: {home.json: {shape: home.graphql}}"), e.key)
	return a
}

// offered returns the countries in which an application is offered: all, or
// those it names, without those it excludes.
func (l *loader) offered(n *node, what string, countries []Country) ovenbird.CountrySet {
	var all ovenbird.CountrySet
	for _, c := range countries {
		all = all.With(c.Code)
	}
	set := all
	if named := n.get("countries"); named != nil {
		set = l.known(named, "the countries of "+what, all)
	}
	if excluded := n.get("exclude"); excluded != nil {
		set = set.Minus(l.known(excluded, "the countries that "+what+" excludes", all))
	}
	if set.Empty() && !all.Empty() && n != nil {
		l.at(n.place, "%s is offered in no country; name some, or remove it", what)
	}
	return set
}

// known reads countries that the site has.
func (l *loader) known(n *node, what string, all ovenbird.CountrySet) ovenbird.CountrySet {
	set := l.countries(n, what)
	if foreign := set.Minus(all); !foreign.Empty() {
		l.at(n.place, "%s are not all in countries; add %s there, or remove it here", what, foreign)
	}
	return set.Intersect(all)
}

// editions returns an application's editions: one per language, or one.
func (a *Application) editions(countries []Country) []*facts.Edition {
	languages := a.Languages
	if len(languages) == 0 {
		languages = []ovenbird.Locale{""}
	}
	editions := make([]*facts.Edition, 0, len(languages))
	for _, language := range languages {
		edition := &facts.Edition{
			Application: a.Name, Language: language, Countries: a.Countries,
			RequiresVideo: a.RequiresVideo, MaxAge: a.MaxAge,
		}
		for _, c := range countries {
			if a.Countries.Has(c.Code) {
				addChain(edition, c.Code, chainFor(language, c.Locales, slices.Concat(a.Holdback, c.Holdback)))
				addBoard(edition, c.Code, c.Ratings)
			}
		}
		editions = append(editions, edition)
	}
	return editions
}

// chainFor puts an edition's language before a country's locales, and leaves out
// those that are held back.
func chainFor(language ovenbird.Locale, locales, held []ovenbird.Locale) []ovenbird.Locale {
	chain := make([]ovenbird.Locale, 0, len(locales)+1)
	if language != "" {
		chain = append(chain, language)
	}
	for _, locale := range locales {
		if locale != language {
			chain = append(chain, locale)
		}
	}
	return slices.DeleteFunc(chain, func(locale ovenbird.Locale) bool { return heldBack(held, locale) })
}

// addChain adds a country to the chain with the same locales.
func addChain(e *facts.Edition, code ovenbird.Country, locales []ovenbird.Locale) {
	for i := range e.Chains {
		if slices.Equal(e.Chains[i].Locales, locales) {
			e.Chains[i].Countries = e.Chains[i].Countries.With(code)
			return
		}
	}
	e.Chains = append(e.Chains, facts.Chain{Countries: ovenbird.NewCountrySet(code), Locales: locales})
}

// addBoard adds a country to the board with the same systems.
func addBoard(e *facts.Edition, code ovenbird.Country, systems []string) {
	if len(systems) == 0 {
		return
	}
	for i := range e.Boards {
		if slices.Equal(e.Boards[i].Systems, systems) {
			e.Boards[i].Countries = e.Boards[i].Countries.With(code)
			return
		}
	}
	e.Boards = append(e.Boards, facts.Board{Countries: ovenbird.NewCountrySet(code), Systems: systems})
}

func (l *loader) documents(n *node, application string) []*shape.Plan {
	if n == nil || !l.expect(n, "documents", mappingKind) {
		return nil
	}
	if len(n.entries) == 0 {
		l.at(n.place, "documents is empty; name at least one, such as home.json: {shape: home.graphql}")
	}
	var plans []*shape.Plan
	var templates []shape.Template
	for _, e := range n.entries {
		template, err := shape.ParseTemplate(e.key)
		if err != nil {
			l.add(e.place, err)
			continue
		}
		for _, other := range templates {
			if overlap(other.String(), e.key) {
				l.at(e.place, "documents %q and %q could stand at the same address; rename one", other, e.key)
			}
		}
		templates = append(templates, template)
		if plan := l.document(e, template, application); plan != nil {
			plans = append(plans, plan)
		}
	}
	return plans
}

// overlap reports whether some address fits both of two document paths.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		keyed := strings.HasPrefix(as[i], "{") || strings.HasPrefix(bs[i], "{")
		if !keyed && as[i] != bs[i] {
			return false
		}
	}
	return true
}

// document reads one document and compiles its shape; nil where it can not.
func (l *loader) document(e entry, template shape.Template, application string) *shape.Plan {
	what := "document " + e.key
	n := l.object(e.value, what, "shape", "page", "prefix")
	d := shape.Document{Template: template}
	if page := n.get("page"); page != nil || template.Key() == shape.ByPage {
		d.PageSize = l.integer(page, "page", 1, mostPage, defaultPage)
	}
	if prefix := n.get("prefix"); template.Key() == shape.ByPrefix {
		d.LongestPrefix = l.integer(prefix, "prefix", 1, mostPrefix, defaultPrefix)
	} else if prefix != nil {
		l.at(prefix.place, "%s has no {prefix} in its path, so it has no longest prefix; remove prefix", what)
	}
	source, ok := l.shape(l.need(n, what, "shape", "shape: home.graphql"), application)
	if !ok {
		return nil
	}
	d.Source = source
	plan, err := shape.Compile(d)
	if err != nil {
		l.add(n.get("shape").place, err)
		return nil
	}
	return plan
}

// shape reads the file of a shape: a path from the application's own folder,
// which may lead to a neighbor's or to a shared one.
func (l *loader) shape(n *node, application string) (shape.Source, bool) {
	s := l.string(n, "shape")
	if s == "" {
		return shape.Source{}, false
	}
	name := path.Join(applicationsFolder, application, s)
	if !strings.HasPrefix(name, applicationsFolder+"/") || path.IsAbs(s) || strings.Contains(s, `\`) {
		l.at(n.place, "shape %q leaves %s; put the file in there", s, l.stack.path(applicationsFolder))
		return shape.Source{}, false
	}
	text, err := fs.ReadFile(l.files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		l.at(n.place, "shape %q is missing: there is no file %s; create it, or correct the path", s, l.stack.path(name))
		return shape.Source{}, false
	case err != nil:
		l.at(n.place, "shape %q can not be read: %v", s, err)
		return shape.Source{}, false
	}
	if place, what := unreadable(l.place(name).File, text); what != "" {
		l.at(place, "%s", what)
		return shape.Source{}, false
	}
	l.shapes = append(l.shapes, name)
	return shape.Source{Name: l.place(name).File, Text: string(text)}, true
}
