package site

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// small is a site with one of everything, which tests change.
func small() fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"site.yaml":            "name: small\ndescription: One of everything\nstacks: [content]\n",
		"environments/dev.env": "OVENBIRD_LISTEN=127.0.0.1:0\n",
		"content/stack.yaml": `default_locale: en
ratings:
  FSK: {0: 0, 6: 6, 12: 12}
  KAVI: {S: 0, 7: 7}
groups:
  HOME: [FI, SE]
countries:
  FI: {locales: [fi, sv], ratings: [KAVI, FSK]}
  SE NO: {locales: [sv], ratings: [KAVI, FSK]}
  DE: {locales: [de], ratings: [FSK]}
  GB: {locales: [en]}
applications:
  web:
    name: On the web
    languages: [en, fi]
    documents:
      home.json: {shape: home.graphql}
      collections/{collection}/{page}.json: {shape: collection.graphql, page: 10}
  kids:
    max_age: 7
    requires_video: true
    countries: [FI, SE, DE]
    exclude: [SE]
    documents:
      home.json: {shape: ../web/home.graphql}
schedule: {every: 5m, horizon: 12h, debounce: 1s}
releases: {keep: 3, shrink: 12.5%}
catalog: [catalog.ndjson, {file: more.csv.gz, mapping: more.mapping.yaml}]
sources:
  cms:
    database: CMS_DATABASE
    every: 1m
    timeout: 30s
    rows: 5000
    shrink: 10%
    webhook: CMS_WEBHOOK
    queries:
      titles: {file: content/titles.sql, mapping: content/titles.mapping.yaml}
      licenses: {sql: "SELECT id FROM licenses; -- all of them", mapping: content/licenses.mapping.yaml}
  partner: {feed: "https://partner.example/feed.csv", mapping: content/partner.mapping.yaml, authorization: PARTNER_TOKEN}
`,
		"content/titles.sql":                          "-- What editors see.\nSELECT id, ';' AS semicolon FROM titles;\n",
		"content/applications/web/home.graphql":       "{ country collections { id name } }\n",
		"content/applications/web/collection.graphql": "query ($collection: ID!, $page: Int!) {\n  collection(id: $collection) { pages titles(page: $page) { id name } }\n}\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func mustLoad(t *testing.T, files fs.FS) *Site {
	t.Helper()
	s, err := load(files, "small")
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return s
}

func TestLoadReadsEverythingThatASiteSays(t *testing.T) {
	s := mustLoad(t, small())
	c := s.Content
	if s.Name != "small" || s.Description != "One of everything" || c.DefaultLocale != "en" {
		t.Errorf("site = %q %q %q", s.Name, s.Description, c.DefaultLocale)
	}
	if len(c.Countries) != 5 || c.Countries[0].Code != "DE" {
		t.Errorf("countries = %v, want five ordered by code", c.Countries)
	}
	if got, want := c.Schedule.Every.String()+c.Schedule.Horizon.String()+c.Schedule.Debounce.String(), "5m0s12h0m0s1s"; got != want {
		t.Errorf("schedule = %s, want %s", got, want)
	}
	if c.Releases != (Releases{Keep: 3, Shrink: 0.125}) {
		t.Errorf("releases = %v", c.Releases)
	}
	want := []CatalogFile{{File: "small/catalog.ndjson"}, {File: "small/more.csv.gz", Mapping: "small/more.mapping.yaml"}}
	if len(c.Catalog) != 2 || c.Catalog[0] != want[0] || c.Catalog[1] != want[1] {
		t.Errorf("catalog = %v, want %v", c.Catalog, want)
	}
	if age, ok := c.Rules.Ages[ovenbird.Rating{System: "FSK", Value: "6"}]; !ok || age != 6 {
		t.Errorf("FSK 6 = %d, %v", age, ok)
	}
	if home := c.Rules.Groups["HOME"]; len(home) != 1 || home[0].Countries != ovenbird.NewCountrySet("FI", "SE") {
		t.Errorf("HOME = %v", home)
	}
	if _, ok := c.Rules.Groups["EU"]; !ok {
		t.Error("the standard group EU is gone")
	}
}

func TestEditionsShareChainsAndBoards(t *testing.T) {
	c := mustLoad(t, small()).Content
	names := make([]string, 0, 3)
	for _, e := range c.Editions() {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "web/en web/fi kids" {
		t.Fatalf("editions = %s", got)
	}
	fi := c.Editions()[1]
	chains := make(map[string]string)
	for _, chain := range fi.Chains {
		locales := make([]string, len(chain.Locales))
		for i, l := range chain.Locales {
			locales[i] = string(l)
		}
		chains[chain.Countries.String()] = strings.Join(locales, ",")
	}
	for countries, want := range map[string]string{"FI NO SE": "fi,sv,en", "DE": "fi,de,en", "GB": "fi,en"} {
		if chains[countries] != want {
			t.Errorf("chain of %s = %q, want %q (all: %v)", countries, chains[countries], want, chains)
		}
	}
	if len(fi.Boards) != 2 {
		t.Errorf("boards = %v, want those of DE and of FI NO SE, none of GB", fi.Boards)
	}
	kids := c.Editions()[2]
	if kids.Countries != ovenbird.NewCountrySet("FI", "DE") || kids.MaxAge != 7 || !kids.RequiresVideo || fi.MaxAge != facts.NoMaxAge {
		t.Errorf("kids = %+v", kids)
	}
}

// TestErrors reads golden files: each is a patch of files over the small site,
// and the errors it leads to. A file with the body "gone" is removed.
func TestErrors(t *testing.T) {
	goldens, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(goldens) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, golden := range goldens {
		t.Run(strings.TrimSuffix(filepath.Base(golden), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			files, want := patched(archive)
			got := failures(files)
			if *update {
				archive.Files[len(archive.Files)-1] = txtar.File{Name: "errors", Data: []byte(got)}
				if err := os.WriteFile(golden, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// patched returns the small site with a golden file's patches, and the errors it
// expects, which stand last.
func patched(archive *txtar.Archive) (files fstest.MapFS, want string) {
	files = small()
	last := len(archive.Files) - 1
	for _, f := range archive.Files[:last] {
		if string(f.Data) == "gone\n" {
			delete(files, f.Name)
		} else {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return files, string(archive.Files[last].Data)
}

// failures loads a site and its environments, and returns what is wrong, a line each.
func failures(files fs.FS) string {
	s, err := load(files, "small")
	if err != nil {
		return err.Error() + "\n"
	}
	var lines strings.Builder
	for _, name := range s.Environments() {
		if _, err := s.Environment(name); err != nil {
			lines.WriteString(err.Error() + "\n")
		}
	}
	return lines.String()
}

func TestErrorsCarryTheirCodeAndPlace(t *testing.T) {
	files := small()
	files["site.yaml"] = &fstest.MapFile{Data: []byte("name: 7\n")}
	_, err := load(files, "small")
	all, ok := errors.AsType[Errors](err)
	if !ok || ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Fatalf("error = %#v, want Errors with code invalid", err)
	}
	if want := (ovenbird.Place{File: "small/site.yaml", Line: 1, Column: 7}); len(all) != 2 || all[1].Place != want {
		t.Errorf("errors = %v, want two, the second at %v", all, want)
	}
}

func TestLoadOfAFolderThatIsNoSite(t *testing.T) {
	if _, err := Load(t.TempDir()); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("error = %v, want not_found", err)
	}
}
