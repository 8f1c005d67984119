package site

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// Site is a loaded site. It is immutable.
type Site struct {
	Name        string // of the provider, as an identifier
	Description string // one line for people; "" when there is none
	Dir         string // the folder that it was loaded from
	Content     Content

	files  fs.FS
	shapes []string // paths of the shapes that documents use, below the folder
}

// Content is the content stack: what is shown where, and when it is baked.
type Content struct {
	DefaultLocale ovenbird.Locale // ends every locale chain
	Countries     []Country       // by code
	Applications  []Application   // as ordered in the file
	Rules         *facts.Rules    // territory groups, the standard ones included, and rating ages
	Schedule      Schedule
	Releases      Releases
	Catalog       []CatalogFile // in the order to import
	Sources       []Source      // as ordered in the file

	// Hash identifies everything here that can change a document. Two sites with
	// the same hash bake the same documents from the same catalog.
	Hash string
}

// Country is a country in which the site shows its catalog.
type Country struct {
	Code     ovenbird.Country
	Locales  []ovenbird.Locale // the locale chain, complete: with the default locale, unless that is held back here
	Holdback []ovenbird.Locale // what no text or image may be shown in here; covers more specific locales
	Ratings  []string          // rating systems, first choice first; may be empty
}

// Application is one family of client apps.
type Application struct {
	Name          string // in addresses
	DisplayName   string // for people
	Languages     []ovenbird.Locale
	Holdback      []ovenbird.Locale   // like a country's, for this application
	Countries     ovenbird.CountrySet // where it is offered; never empty
	RequiresVideo bool
	MaxAge        int // facts.NoMaxAge where it is for everyone
	Editions      []*facts.Edition
	Documents     []*shape.Plan // as ordered in the file
}

// Schedule says when documents are baked.
type Schedule struct {
	Every    time.Duration // between bakes when nothing happens; 10m unless set
	Horizon  time.Duration // how far ahead a release knows transitions; 24h unless set
	Debounce time.Duration // how long a burst of edits is gathered; 200ms unless set
}

// Releases says how releases are kept and guarded.
type Releases struct {
	Keep   int     // the last so many are kept; 20 unless set
	Shrink float64 // a release with more than this share fewer logical documents is held; 0.2 unless set
}

// CatalogFile is a file that `up` imports when it starts.
type CatalogFile struct {
	File    string // path, the site's folder included
	Mapping string // path of the mapping for CSV and TSV; "" for NDJSON
}

// Country returns the site's entry for a country.
func (c *Content) Country(code ovenbird.Country) (Country, bool) {
	for _, country := range c.Countries {
		if country.Code == code {
			return country, true
		}
	}
	return Country{}, false
}

// Source returns the source with a name.
func (c *Content) Source(name string) (Source, bool) {
	for _, source := range c.Sources {
		if source.Name == name {
			return source, true
		}
	}
	return Source{}, false
}

// Application returns the application with a name.
func (c *Content) Application(name string) (Application, bool) {
	for _, application := range c.Applications {
		if application.Name == name {
			return application, true
		}
	}
	return Application{}, false
}

// Editions returns the editions of all applications, in order.
func (c *Content) Editions() []*facts.Edition {
	var editions []*facts.Edition
	for i := range c.Applications {
		editions = append(editions, c.Applications[i].Editions...)
	}
	return editions
}

// Load reads and checks the site in a folder. What is wrong with its files comes
// back as Errors; a folder without a site.yaml is NotFound.
func Load(dir string) (*Site, error) {
	if _, err := os.Stat(filepath.Join(dir, siteFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, ovenbird.Errorf(ovenbird.NotFound,
			"there is no site in %s: it has no %s; name a site's folder with --site, such as examples/toons", dir, siteFile)
	}
	return load(os.DirFS(dir), dir)
}

// The files of a site, as slash-separated paths below its folder.
const (
	siteFile           = "site.yaml"
	contentFile        = "content/stack.yaml"
	applicationsFolder = "content/applications"
	environmentsFolder = "environments"
)

// load reads a site from files, which messages place in dir.
func load(files fs.FS, dir string) (*Site, error) {
	l := &loader{files: files, dir: dir}
	s := &Site{Dir: dir, files: files}
	l.site(s)
	l.content(&s.Content)
	if err := l.err(); err != nil {
		return nil, err
	}
	s.shapes = l.shapes
	s.Content.Hash = hash(s)
	return s, nil
}

// loader reads one site's files and collects what is wrong with them.
type loader struct {
	problems
	files  fs.FS
	dir    string
	shapes []string // paths of those that were read
}

// place is the beginning of a file, as messages name it.
func (l *loader) place(name string) ovenbird.Place {
	return ovenbird.Place{File: filepath.Join(l.dir, filepath.FromSlash(name))}
}

// yaml reads a YAML file.
func (l *loader) yaml(name string) *node {
	place := l.place(name)
	body, err := fs.ReadFile(l.files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.at(place, "the file is missing; every site has one")
		return nil
	case err != nil:
		l.at(place, "the file can not be read: %v", err)
		return nil
	}
	return parseYAML(&l.problems, place.File, body)
}

// namePattern is what names in addresses and file names look like.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// nameRule says what namePattern admits.
const nameRule = "use up to 32 lower-case letters, digits and -, beginning with a letter"

// stacks are the service stacks there are.
var stacks = []string{"content"}

func (l *loader) site(s *Site) {
	root := l.object(l.yaml(siteFile), siteFile, "name", "description", "stacks")
	if root == nil {
		return
	}
	name := l.need(root, siteFile, "name", "name: toons")
	s.Name = l.string(name, "name")
	if s.Name != "" && !namePattern.MatchString(s.Name) {
		l.at(name.place, "name %q can not be a site's name; %s", s.Name, nameRule)
	}
	s.Description = l.string(root.get("description"), "description")
	list := l.need(root, siteFile, "stacks", "stacks: [content]")
	found := make(map[string]bool)
	for _, item := range l.items(list, "stacks") {
		switch stack := l.string(item, "a stack"); {
		case stack == "":
		case found[stack]:
			l.at(item.place, "stack %q stands here twice; remove one", stack)
		case stack != "content":
			l.at(item.place, "unknown stack %q; %s", stack, suggest(stack, stacks))
		default:
			found[stack] = true
		}
	}
	if list != nil && list.kind == listKind && len(list.items) == 0 {
		l.at(list.place, "stacks is empty; name at least the stack content")
	}
}
