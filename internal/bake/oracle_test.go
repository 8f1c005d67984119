package bake_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bake"
	"ovenbird/internal/facts"
	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/site"
)

// complaints is what tests and rapid's checks have in common.
type complaints interface {
	Helper()
	Fatalf(format string, args ...any)
}

// load writes a site to a folder, loads it as the program would, and returns what
// it asks to be baked. The model gets the same site as it is.
func load(t complaints, dir string, s model.Site) *bake.Program {
	t.Helper()
	for name, content := range siteFiles(s) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatalf("%v", err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatalf("%v", err)
		}
	}
	loaded, err := site.Load(dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, siteFiles(s)["content/stack.yaml"])
	}
	p := &bake.Program{
		Rules: loaded.Content.Rules, Horizon: loaded.Content.Schedule.Horizon, Site: loaded.Content.Hash,
		Everywhere: []bake.Fixed{{Path: site.VariationsPath, Body: loaded.Variations()}},
	}
	for _, a := range loaded.Content.Applications {
		p.Applications = append(p.Applications, bake.Application{Name: a.Name, Editions: a.Editions, Plans: a.Documents})
	}
	return p
}

// siteFiles writes a site as its files. JSON is YAML.
func siteFiles(s model.Site) map[string][]byte {
	files := map[string][]byte{"site.yaml": []byte("name: oracle\nstacks: [content]\n")}
	type values = map[string]any
	countries, ratings, groups, applications := values{}, map[string]values{}, values{}, values{}
	for _, c := range s.Countries {
		countries[string(c.Code)] = values{"locales": list(c.Locales), "ratings": list(c.Ratings), "holdback": list(c.Holdback)}
	}
	for rating, age := range s.Ages {
		if ratings[rating.System] == nil {
			ratings[rating.System] = values{}
		}
		ratings[rating.System][rating.Value] = age
	}
	for name, group := range s.Groups {
		if slices.Contains(facts.StandardGroups().Names(), name) {
			continue // every site has it
		}
		var versions []values
		for _, m := range group {
			version := values{"countries": list(m.Countries)}
			if !m.From.IsZero() {
				version["from"] = m.From.Format(time.RFC3339)
			}
			versions = append(versions, version)
		}
		groups[name] = versions
	}
	for _, a := range s.Applications {
		documents := values{}
		for i, d := range a.Documents {
			name := fmt.Sprintf("%d.graphql", i)
			files["content/applications/"+a.Name+"/"+name] = []byte(d.Shape)
			document := values{"shape": name}
			if d.PageSize > 0 {
				document["page"] = d.PageSize
			}
			if d.LongestPrefix > 0 {
				document["prefix"] = d.LongestPrefix
			}
			documents[d.Path] = document
		}
		application := values{
			"countries": list(a.Countries), "languages": list(a.Languages), "holdback": list(a.Holdback), "requires_video": a.RequiresVideo,
			"documents": documents,
		}
		if a.MaxAge != model.NoMaxAge {
			application["max_age"] = a.MaxAge
		}
		applications[a.Name] = application
	}
	stack, err := json.MarshalIndent(values{
		"default_locale": s.DefaultLocale, "countries": countries, "ratings": ratings, "groups": groups, "applications": applications,
	}, "", "  ")
	if err != nil {
		panic(err)
	}
	files["content/stack.yaml"] = stack
	return files
}

// list is a list that JSON does not write as null.
func list[T any](l []T) []T { return append([]T{}, l...) }

// served returns every document that a viewer of a variation is given.
func (p *pantry) served(tree *release.Tree, v model.Variation) map[string][]byte {
	documents := make(map[string][]byte)
	for row := range tree.All() {
		if row.Edition != v.Edition() || row.IsCard() {
			continue
		}
		if body, ok := p.document(tree, row.Edition, row.Path, v.Country); ok {
			documents[row.Path] = []byte(body)
		}
	}
	return documents
}

// strays reports rows for editions and countries that the site does not have.
func strays(s *model.Site, tree *release.Tree) error {
	known := map[string]map[ovenbird.Country]bool{}
	for _, v := range s.Variations() {
		if known[v.Edition()] == nil {
			known[v.Edition()] = map[ovenbird.Country]bool{}
		}
		known[v.Edition()][v.Country] = true
	}
	for row := range tree.All() {
		if row.Edition == "" && row.Path == site.VariationsPath {
			continue
		}
		for _, country := range row.Countries().List() {
			if !known[row.Edition][country] {
				return fmt.Errorf("there is a row %s for %s", row.Key, country)
			}
		}
	}
	return nil
}

// audit holds every document of every variation, as content has it at an instant,
// against the model.
func audit(t complaints, m *model.Model, s *model.Site, content release.Content, objects *pantry, at time.Time) {
	t.Helper()
	tree := content.At(at)
	if err := strays(s, tree); err != nil {
		t.Fatalf("at %s: %v", at, err)
	}
	for _, v := range s.Variations() {
		sight := m.At(v, at)
		found := objects.served(tree, v)
		if differences := sight.Compare(found); len(differences) > 0 {
			t.Fatalf("%s", explain(s, sight, differences))
		}
		if err := dangling(found); err != nil {
			t.Fatalf("%s %s at %s: %v", v.Country, v.Edition(), at, err)
		}
	}
}

// explain writes differences for people.
func explain(s *model.Site, sight *model.Sight, differences []model.Difference) string {
	var b strings.Builder
	v := sight.Variation
	fmt.Fprintf(&b, "%s %s at %s:\n", v.Country, v.Edition(), sight.At.Format(time.RFC3339Nano))
	for _, d := range differences {
		fmt.Fprintf(&b, "%s\n  expected %s\n  found    %s\n", d.Path, orNone(d.Expected), orNone(d.Found))
		if id, ok := strings.CutPrefix(d.Path, "titles/"); ok {
			_, reason := sight.Judge(ovenbird.TitleID(strings.TrimSuffix(id, ".json")))
			fmt.Fprintf(&b, "  the title is hidden because: %s\n", reason)
		}
	}
	fmt.Fprintf(&b, "the site: %s\n", siteFiles(*s)["content/stack.yaml"])
	return b.String()
}

func orNone(body []byte) string {
	if body == nil {
		return "(no such document)"
	}
	return string(body)
}

// dangling reports a document that mentions a title or a collection whose own
// document is not there, where the application has such documents. In the shapes
// of these tests every id is called id, and every collection stands under
// collection or collections.
func dangling(documents map[string][]byte) error {
	for path, body := range documents {
		var value any
		if err := json.Unmarshal(body, &value); err != nil {
			return fmt.Errorf("%s is not JSON: %w", path, err)
		}
		for mentioned := range mentions(value, "titles/%s.json") {
			if documents[mentioned] == nil {
				return fmt.Errorf("%s mentions what has no document %s: %s", path, mentioned, body)
			}
		}
	}
	return nil
}

// mentions returns the addresses of the documents that a JSON value mentions by
// id. address is that of the value itself, with %s for its id.
func mentions(value any, address string) map[string]bool {
	found := make(map[string]bool)
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			maps.Copy(found, mentions(element, address))
		}
	case map[string]any:
		for key, member := range value {
			switch {
			case key == "id":
				found[fmt.Sprintf(address, member)] = true
			case strings.HasPrefix(key, "collection"):
				maps.Copy(found, mentions(member, "collections/%s/1.json"))
			default:
				maps.Copy(found, mentions(member, "titles/%s.json"))
			}
		}
	}
	return found
}

// newModel returns the model of a catalog, and fails where a shape does not parse.
func newModel(t complaints, s model.Site, snapshot *ovenbird.Snapshot) *model.Model {
	t.Helper()
	m, err := model.New(s, snapshot)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

// auditAhead audits a bake as of its instant, and at a few of the instants up to
// its horizon at which something changes, the moments before among them.
func auditAhead(t *rapid.T, s *model.Site, state *bake.State, snapshot *ovenbird.Snapshot, objects *pantry) {
	m := newModel(t, *s, snapshot)
	audit(t, m, s, state.Content, objects, state.AsOf)
	transitions := m.Transitions(state.AsOf, state.AsOf.Add(24*time.Hour))
	for _, at := range some(t, "looked at", 0, 3, transitions...) {
		audit(t, m, s, state.Content, objects, at)
		audit(t, m, s, state.Content, objects, at.Add(-time.Nanosecond))
	}
}
