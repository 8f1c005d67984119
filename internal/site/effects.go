package site

import (
	"fmt"
	"slices"
	"strings"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// differ explains changes between two contents.
type differ struct {
	before, after *Content
}

// effects say what a change of each kind of resource means.
var effects = map[string]func(differ, *Change){
	aLocale: func(d differ, c *Change) {
		d.everywhere(c)
		c.Effect = "every locale chain ends in another locale: texts that are missing in the others change"
	},
	aSystem:      differ.system,
	aGroup:       differ.group,
	aCountry:     differ.country,
	aApplication: differ.application,
	aDocument:    differ.document,
	aSchedule: func(_ differ, c *Change) {
		c.Effect = "bakes follow the new schedule; no document changes"
	},
	aReleases: func(_ differ, c *Change) {
		c.Effect = "how many releases are kept, and when one is held, changes from the next release on; no document changes"
	},
	aSource: differ.source,
	aSeed: func(_ differ, c *Change) {
		c.Effect = "`ovenbird up` imports catalog files from the folder; what was imported stays, and no version of the stack has them"
	},
}

func (d differ) explain(c *Change) { effects[c.Resource](d, c) }

// in names the content that has the resource: the later, unless it is gone.
func (d differ) in(c *Change) *Content {
	if c.Op == Removed {
		return d.before
	}
	return d.after
}

// touches notes documents of an application, in countries; all of it where keep
// is nil.
func (c *Change) touches(a *Application, countries ovenbird.CountrySet, keep func(reads []string) bool) {
	countries = countries.Intersect(a.Countries)
	if countries.Empty() {
		return
	}
	found := false
	for _, plan := range a.Documents {
		if keep == nil || keep(reasons(plan)) {
			c.Documents = append(c.Documents, documentName(a, plan))
			found = true
		}
	}
	if found {
		c.Countries = ovenbird.NewCountrySet(c.Countries...).Union(countries).List()
	}
}

func (d differ) everywhere(c *Change) {
	for i := range d.after.Applications {
		a := &d.after.Applications[i]
		c.touches(a, a.Countries, nil)
	}
}

func (d differ) system(c *Change) {
	var where ovenbird.CountrySet
	for _, country := range append(slices.Clone(d.before.Countries), d.after.Countries...) {
		if slices.Contains(country.Ratings, c.Name) {
			where = where.With(country.Code)
		}
	}
	var limited []string
	for i := range d.after.Applications {
		a := &d.after.Applications[i]
		if a.MaxAge != facts.NoMaxAge && !a.Countries.Intersect(where).Empty() {
			limited = append(limited, a.Name)
			c.touches(a, where, nil)
			continue
		}
		c.touches(a, where, func(reads []string) bool { return slices.Contains(reads, "rating") })
	}
	switch {
	case where.Empty():
		c.Effect = "no country looks for it: no document changes"
	case len(limited) > 0:
		c.Effect = fmt.Sprintf("titles may appear or go in applications with an age limit: %s", strings.Join(limited, ", "))
		c.Harm = c.Op != Added
	default:
		c.Effect = "documents that show ratings change; no application has an age limit there"
	}
}

func (d differ) group(c *Change) {
	d.everywhere(c)
	c.Effect = "licenses that name it hold in other countries: titles may appear or go"
	c.Harm = true
	switch c.Op {
	case Added:
		c.Effect, c.Harm, c.Documents, c.Countries = "licenses may name it from now on; no document changes until one does", false, nil, nil
	case Removed:
		c.Effect = "licenses that name it hold nowhere for it, or in the standard group of that name"
	case Changed:
	}
}

func (d differ) country(c *Change) {
	code := ovenbird.Country(c.Name)
	content, set := d.in(c), ovenbird.NewCountrySet(code)
	for i := range content.Applications {
		c.touches(&content.Applications[i], set, nil)
	}
	switch c.Op {
	case Added:
		c.Effect = fmt.Sprintf("documents for %s are baked for the first time: %s", code.Name(), count(len(c.Documents), "kind"))
	case Removed:
		c.Harm = true
		c.Effect = fmt.Sprintf("all documents for %s go: viewers there get nothing any more", code.Name())
	case Changed:
		c.Effect = fmt.Sprintf("texts, images or ratings may be others in %s", code.Name())
		c.Harm = slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Key == "holdback" })
	}
}

func (d differ) application(c *Change) {
	a, _ := d.in(c).Application(c.Name)
	c.touches(&a, a.Countries, nil)
	switch c.Op {
	case Added:
		c.Effect = fmt.Sprintf("its documents are baked for the first time: %s in %s", count(len(c.Documents), "kind"),
			count(len(c.Countries), "country"))
	case Removed:
		c.Harm = true
		c.Effect = "its documents go: clients that still ask for them get 404"
	case Changed:
		d.applicationChanged(c, &a)
	}
}

// applicationChanged says what the worst of the changed fields means.
func (d differ) applicationChanged(c *Change, a *Application) {
	before, _ := d.before.Application(c.Name)
	gone := before.Countries.Minus(a.Countries)
	keys := make(map[string]Field)
	for _, f := range c.Fields {
		keys[f.Key] = f
	}
	lost := func(key string) bool { f, ok := keys[key]; return ok && !subset(f.Before, f.After) }
	switch {
	case !gone.Empty():
		c.Harm = true
		c.Effect = fmt.Sprintf("its documents go in %s: clients there get 404", gone)
	case lost("languages") || len(before.Languages) == 0 && len(a.Languages) > 0:
		c.Harm = true
		c.Effect = "addresses of editions go: clients that still ask for them get 404"
	case keys["max_age"] != Field{}, keys["requires_video"] != Field{}, keys["holdback"] != Field{}:
		c.Harm = true
		c.Effect = "titles or texts may appear or go in it"
	case len(c.Fields) == 1 && keys["name"] != Field{}:
		c.Documents, c.Countries = nil, nil
		c.Effect = "people see another name of it, in " + VariationsPath
	default:
		c.Effect = "documents are baked for more countries or languages"
	}
}

// subset reports whether each word of a is one of b.
func subset(a, b string) bool {
	of := strings.Fields(b)
	return !slices.ContainsFunc(strings.Fields(a), func(word string) bool { return !slices.Contains(of, word) })
}

func (d differ) document(c *Change) {
	content := d.in(c)
	name, _, _ := strings.Cut(c.Name, "/")
	a, _ := content.Application(name)
	c.Documents, c.Countries = []string{c.Name}, a.Countries.List()
	where := count(len(c.Countries), "country")
	switch c.Op {
	case Added:
		c.Effect = "it is baked for the first time, in " + where
	case Removed:
		c.Harm = true
		c.Effect = "it goes in " + where + ": clients that still ask for it get 404"
	case Changed:
		c.Effect = "it is baked again in " + where
		if gone := lostFields(c.Fields); len(gone) > 0 {
			c.Harm = true
			c.Effect += ", without what clients may read: " + strings.Join(gone, ", ")
		}
	}
}

// lostFields are the fields of a shape that are not there any more.
func lostFields(fields []Field) []string {
	var gone []string
	for _, f := range fields {
		if f.After == "" && f.Key != "page" && f.Key != "prefix" && f.Key != "variables" {
			gone = append(gone, f.Key)
		}
	}
	return gone
}

func (d differ) source(c *Change) {
	switch c.Op {
	case Added:
		c.Effect = "the catalog follows it from now on"
	case Removed:
		c.Effect = "the catalog does not follow it any more; what it delivered stays"
	case Changed:
		c.Effect = "the next read takes it as it says now; a read that lacks too much is held"
	}
}

// count is a number with the word for what is counted.
func count(n int, word string) string {
	switch {
	case n == 1:
		return "1 " + word
	case strings.HasSuffix(word, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(word, "y"))
	default:
		return fmt.Sprintf("%d %ss", n, word)
	}
}
