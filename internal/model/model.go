package model

import (
	"sort"

	"ovenbird/internal/ovenbird"
)

// Model judges one catalog by the rules of one site. It is immutable: any number
// of goroutines may ask it.
type Model struct {
	site        Site
	titles      map[ovenbird.TitleID]*ovenbird.Title
	children    map[ovenbird.TitleID][]*ovenbird.Title // by sort key, then id
	licenses    map[ovenbird.TitleID][]*ovenbird.License
	collections []*ovenbird.Collection // by sort key, then id
	shapes      map[string][]selection // by application, in the order of its documents
	everything  []*ovenbird.Title      // by sort key, then id
}

// New returns the model of a catalog under a site. An error is Invalid: a shape
// that does not parse.
func New(site Site, catalog *ovenbird.Snapshot) (*Model, error) {
	m := &Model{
		site: site, titles: catalog.Titles, licenses: catalog.Licenses,
		children: make(map[ovenbird.TitleID][]*ovenbird.Title),
		shapes:   make(map[string][]selection),
	}
	for _, t := range catalog.Titles {
		m.everything = append(m.everything, t)
	}
	sort.Slice(m.everything, func(i, j int) bool { return before(m.everything[i], m.everything[j]) })
	for _, t := range m.everything {
		if t.Parent != "" {
			m.children[t.Parent] = append(m.children[t.Parent], t)
		}
	}
	for _, c := range catalog.Collections {
		m.collections = append(m.collections, c)
	}
	sort.Slice(m.collections, func(i, j int) bool {
		a, b := m.collections[i], m.collections[j]
		return a.SortKey < b.SortKey || a.SortKey == b.SortKey && a.ID < b.ID
	})
	for _, a := range site.Applications {
		for _, d := range a.Documents {
			parsed, err := parseShape(d)
			if err != nil {
				return nil, err
			}
			m.shapes[a.Name] = append(m.shapes[a.Name], parsed)
		}
	}
	return m, nil
}

// before orders titles: by sort key, then by id.
func before(a, b *ovenbird.Title) bool {
	return a.SortKey < b.SortKey || a.SortKey == b.SortKey && a.ID < b.ID
}

// application returns the application with a name, nil where there is none.
func (m *Model) application(name string) *Application {
	for i := range m.site.Applications {
		if m.site.Applications[i].Name == name {
			return &m.site.Applications[i]
		}
	}
	return nil
}

// country returns what the site says about a country, nothing where it does not
// have it.
func (m *Model) country(code ovenbird.Country) *Country {
	for i := range m.site.Countries {
		if m.site.Countries[i].Code == code {
			return &m.site.Countries[i]
		}
	}
	return &Country{Code: code}
}

// lineage returns a title and everything above it, the title first.
func (m *Model) lineage(t *ovenbird.Title) []*ovenbird.Title {
	list := []*ovenbird.Title{t}
	for t.Parent != "" && m.titles[t.Parent] != nil {
		t = m.titles[t.Parent]
		list = append(list, t)
	}
	return list
}
