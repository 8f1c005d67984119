package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// Level says how much a finding matters.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, and is probably not what was meant
	Error   Level = "error"   // does not work
)

// Finding is one thing that Check looked at.
type Finding struct {
	Level  Level          `json:"level"`
	Place  ovenbird.Place `json:"place"`
	What   string         `json:"what"`
	Remedy string         `json:"remedy,omitempty"` // "" where there is nothing to do, or What tells it
}

// Check looks over the site in a folder and returns what it finds, good and bad,
// in the order of the files.
func Check(dir string) []Finding { return checked(Load(dir)) }

// CheckOpen is Check for a site that it takes a Config to read.
func CheckOpen(ctx context.Context, dir string, config Config) []Finding {
	return checked(Open(ctx, dir, config))
}

func checked(s *Site, err error) []Finding {
	if err != nil {
		return Findings(err)
	}
	return s.Check()
}

// Check looks over a loaded site: its countries, what its documents depend on,
// its environments, and files that are missing or left over.
func (s *Site) Check() []Finding {
	c := &checker{site: s, content: s.ContentStack(), findings: slices.Clone(s.notes)}
	c.summary()
	c.stacks()
	c.languages()
	c.ratings()
	c.documents()
	c.leftovers()
	c.catalog()
	c.sources()
	c.environments()
	return c.findings
}

// Findings turns an error of this package into findings.
func Findings(err error) []Finding {
	var findings []Finding
	if all, ok := errors.AsType[Errors](err); ok {
		for _, one := range all {
			findings = append(findings, Finding{Level: Error, Place: one.Place, What: one.Message})
		}
		return findings
	}
	if one, ok := errors.AsType[*ovenbird.Error](err); ok {
		return []Finding{{Level: Error, Place: one.Place, What: one.Message}}
	}
	return []Finding{{Level: Error, What: err.Error()}}
}

// checker gathers findings on one site.
type checker struct {
	site     *Site
	content  Stack
	findings []Finding
}

// add notes a finding in one of the site's files.
func (c *checker) add(level Level, file, what, remedy string) {
	place := ovenbird.Place{File: filepath.Join(c.site.Dir, filepath.FromSlash(file))}
	c.findings = append(c.findings, Finding{Level: level, Place: place, What: what, Remedy: remedy})
}

// addContent notes a finding in one of the content stack's files.
func (c *checker) addContent(level Level, file, what, remedy string) {
	place := ovenbird.Place{File: filepath.Join(c.content.Dir, filepath.FromSlash(file))}
	c.findings = append(c.findings, Finding{Level: level, Place: place, What: what, Remedy: remedy})
}

// stacks warns of those that can be declared, and that is all.
func (c *checker) stacks() {
	for _, s := range c.site.Stacks {
		if !s.Here() {
			c.findings = append(c.findings, Finding{
				Level: Warning, Place: s.place,
				What: fmt.Sprintf("stack %s is of the kind %s, whose service is not there yet: nothing of it is deployed",
					s.Name, s.Kind),
				Remedy: "leave it as a plan, or take it from stacks",
			})
		}
	}
}

func (c *checker) summary() {
	content := &c.site.Content
	documents, editions := 0, content.Editions()
	variations := 0
	for _, a := range content.Applications {
		documents += len(a.Documents)
	}
	for _, e := range editions {
		variations += e.Countries.Len()
	}
	c.add(OK, siteFile, fmt.Sprintf("site %s: %d countries, %d applications in %d editions, %d variations, %d documents",
		c.site.Name, len(content.Countries), len(content.Applications), len(editions), variations, documents), "")
}

// languages warns of a language that no country speaks.
func (c *checker) languages() {
	content := &c.site.Content
	for _, a := range content.Applications {
		for _, language := range a.Languages {
			spoken := slices.ContainsFunc(content.Countries, func(country Country) bool {
				return a.Countries.Has(country.Code) && slices.Contains(country.Locales, language)
			})
			if !spoken {
				c.addContent(Warning, stackFile,
					fmt.Sprintf("application %s offers the language %s, which is in no chain of its countries", a.Name, language),
					"put it in a country's locales, or take it from the languages")
			}
		}
	}
}

// ratings warns of countries where an age limit blocks everything, and of rating
// systems that no country looks for.
func (c *checker) ratings() {
	content := &c.site.Content
	for _, a := range content.Applications {
		var blank ovenbird.CountrySet
		for _, country := range content.Countries {
			if a.Countries.Has(country.Code) && len(country.Ratings) == 0 {
				blank = blank.With(country.Code)
			}
		}
		if a.MaxAge != facts.NoMaxAge && !blank.Empty() {
			c.addContent(Warning, stackFile,
				fmt.Sprintf("application %s has max_age %d, and %s has no ratings: everything is blocked there", a.Name, a.MaxAge, blank),
				"give these countries ratings, or exclude them from the application")
		}
	}
	unused := make(map[string]bool)
	for rating := range content.Rules.Ages {
		unused[rating.System] = true
	}
	for _, country := range content.Countries {
		for _, system := range country.Ratings {
			delete(unused, system)
		}
	}
	for _, system := range sortedKeys(unused) {
		c.addContent(Warning, stackFile, fmt.Sprintf("rating system %s is looked for in no country", system),
			"add it to a country's ratings, or remove it")
	}
}

// documents tells what each document depends on, and warns where that is the
// country itself: such a document has as many versions as there are countries.
func (c *checker) documents() {
	for _, a := range c.site.Content.Applications {
		for _, plan := range a.Documents {
			name := a.Name + "/" + plan.Template().String()
			folder := path.Join(applicationsFolder, a.Name)
			reads := reasons(plan)
			if slices.Contains(reads, "country") {
				c.addContent(Warning, folder, name+" selects country, so it is made once per country",
					"take country from the shape: a client knows where it asked")
				continue
			}
			what := name + " is the same in every country"
			if len(reads) > 0 {
				what = name + " differs between countries by " + strings.Join(reads, ", ")
			}
			c.addContent(OK, folder, what, "")
		}
	}
}

// reasons returns the facts by which a plan's documents and their cards differ.
func reasons(plan *shape.Plan) []string {
	var found []string
	collect := func(set shape.ReadSet) {
		for _, read := range set {
			found = append(found, read.Facts...)
		}
	}
	collect(plan.ReadSet())
	for _, card := range plan.Cards() {
		collect(card.ReadSet())
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// leftovers warns of shapes that no document uses.
func (c *checker) leftovers() {
	unused := make(map[string]bool)
	err := fs.WalkDir(c.content.files, applicationsFolder, func(name string, _ fs.DirEntry, err error) error {
		if err == nil && path.Ext(name) == ".graphql" {
			unused[name] = true
		}
		return err
	})
	if err != nil {
		c.addContent(Error, applicationsFolder, "the shapes can not be listed: "+err.Error(), "make the folder readable")
		return
	}
	for _, name := range c.site.shapes {
		delete(unused, name)
	}
	for _, name := range sortedKeys(unused) {
		c.addContent(Warning, name, "no document uses this shape", "name it in "+c.content.path(stackFile)+", or remove it")
	}
}

// catalog looks for the files to import.
func (c *checker) catalog() {
	for _, f := range c.site.Content.Catalog {
		for _, name := range []string{f.File, f.Mapping} {
			if name == "" {
				continue
			}
			if _, err := os.Stat(name); err != nil {
				c.findings = append(c.findings, Finding{
					Level: Error, Place: ovenbird.Place{File: name},
					What:   "catalog names this file, and it is not there",
					Remedy: "create it, or take it from catalog in " + c.content.path(stackFile),
				})
			}
		}
	}
}

// sources looks for the mappings of sources.
func (c *checker) sources() {
	for _, s := range c.site.Content.Sources {
		for _, q := range s.Queries {
			if q.Mapping == "" {
				continue
			}
			if _, err := os.Stat(q.Mapping); err != nil {
				c.findings = append(c.findings, Finding{
					Level: Error, Place: ovenbird.Place{File: q.Mapping},
					What:   "source " + s.Name + " names this mapping, and it is not there",
					Remedy: "create it, or mend sources in " + c.content.path(stackFile),
				})
			}
		}
	}
}

func (c *checker) environments() {
	names := c.site.Environments()
	if len(names) == 0 {
		c.add(Error, environmentsFolder, "the site has no environment", "create "+environmentsFolder+"/dev.env; it may be empty")
	}
	for _, name := range names {
		e, err := c.site.Environment(name)
		if err != nil {
			c.findings = append(c.findings, Findings(err)...)
			continue
		}
		c.add(OK, path.Join(environmentsFolder, name+".env"),
			fmt.Sprintf("environment %s listens on %s and takes the country from %s", name, e.Listen, e.CountryFrom), "")
	}
}
