package site

import (
	"errors"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// Source is an existing database or a feed that the catalog follows.
type Source struct {
	Name string
	// Database is the secret that holds the address of a database, or an SQLite
	// address itself ("sqlite:cms.db"); "" for a feed.
	Database string
	// Feed is the address of a feed, or the path of a file, the site's folder
	// included; "" for a database.
	Feed          string
	Authorization string        // the secret with the Authorization header of a feed; "" sends none
	Webhook       string        // the secret that a webhook proves to know; "" takes none
	Every         time.Duration // between reads; 10m unless set
	Timeout       time.Duration // for one read of everything; 5m unless set
	Rows          int           // the most that one read may give; 1,000,000 unless set
	Shrink        float64       // a read that lacks more than this share of the records is held; 0.2 unless set
	Queries       []Query       // in order; one, named "feed", of a feed
}

// Query is one table of a source.
type Query struct {
	Name    string
	SQL     string // a single statement that reads, without its semicolon; "" of a feed
	Mapping string // path of the mapping; "" for a feed of NDJSON
}

// FeedQuery is the name of the only table of a feed.
const FeedQuery = "feed"

// SQLitePrefix begins the address of an SQLite database. Such an address holds no
// password, so it may stand in a site.
const SQLitePrefix = "sqlite:"

// What a source gets that does not say.
const (
	defaultTimeout = 5 * time.Minute
	defaultRows    = 1_000_000
)

// mostRows bounds what a source may ask for: memory holds about a hundred
// bytes for each record.
const mostRows = 20_000_000

// secretPattern is what names of secrets look like: those of environment variables.
var secretPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

func (l *loader) sources(n *node) []Source {
	if n == nil || !l.expect(n, "sources", mappingKind) {
		return nil
	}
	var sources []Source
	for _, e := range n.entries {
		if !namePattern.MatchString(e.key) {
			l.at(e.place, "source %q can not be a source's name; %s", e.key, nameRule)
		}
		if source, ok := l.source(e); ok {
			sources = append(sources, source)
		}
	}
	return sources
}

func (l *loader) source(e entry) (Source, bool) {
	what := "source " + e.key
	if !l.expect(e.value, what, mappingKind) {
		return Source{}, false
	}
	n := l.object(e.value, what, "database", "feed", "queries", "mapping", "authorization", "webhook", "every", "timeout", "rows",
		"shrink")
	s := Source{
		Name:    e.key,
		Webhook: l.secret(n.get("webhook"), "webhook"),
		Every:   l.duration(n.get("every"), "every", 10*time.Second, 24*time.Hour, defaultEvery),
		Timeout: l.duration(n.get("timeout"), "timeout", time.Second, time.Hour, defaultTimeout),
		Rows:    l.integer(n.get("rows"), "rows", 1, mostRows, defaultRows),
		Shrink:  l.percent(n.get("shrink"), "shrink", defaultShrink),
	}
	database, feed := n.get("database"), n.get("feed")
	switch {
	case (database == nil) == (feed == nil):
		l.at(e.place, "%s needs either a database with queries or a feed; add for example database: CMS_DATABASE", what)
	case database != nil:
		s.Database = l.database(database)
		s.Queries = l.queries(l.need(n, what, "queries", "queries: {titles: {file: titles.sql, mapping: titles.mapping.yaml}}"), what)
		l.misplaced(n, "feed", "mapping", "authorization")
	default:
		s.Feed = l.feed(feed)
		s.Authorization = l.secret(n.get("authorization"), "authorization")
		s.Queries = []Query{{Name: FeedQuery, Mapping: l.file(n.get("mapping"), "mapping")}}
		l.misplaced(n, "database", "queries")
	}
	return s, true
}

// misplaced reports keys that belong to the other kind of source.
func (l *loader) misplaced(n *node, other string, keys ...string) {
	for _, e := range n.entries {
		if slices.Contains(keys, e.key) {
			l.at(e.place, "%s belongs to a source with a %s; remove it here", e.key, other)
		}
	}
}

// secret reads the name of a secret. A value in its place is not repeated: it
// may be one.
func (l *loader) secret(n *node, what string) string {
	name := l.string(n, what)
	if name != "" && !secretPattern.MatchString(name) {
		l.at(n.place, "%s is not the name of a variable, such as CMS_DATABASE; the secret itself belongs in that variable, or in a file, "+
			"never in a site", what)
		return ""
	}
	return name
}

func (l *loader) database(n *node) string {
	if n.kind == textKind && strings.HasPrefix(n.text, SQLitePrefix) {
		if strings.TrimPrefix(n.text, SQLitePrefix) == "" {
			l.at(n.place, "database names no file; write for example sqlite:content/cms.db")
		}
		return n.text
	}
	return l.secret(n, "database")
}

// feed reads the address of a feed, or the path of a file in the site's folder.
func (l *loader) feed(n *node) string {
	text := l.string(n, "feed")
	if !strings.Contains(text, "://") {
		return l.seed(n, "feed")
	}
	address, err := url.Parse(text)
	switch {
	case err != nil:
		l.at(n.place, "feed is not an address; use https://host/path, file:///path, or a path in the site's folder")
	case address.User != nil:
		l.at(n.place, "feed has a password in it; take it out, and name a secret with the Authorization header as authorization")
	case (address.Scheme == "http" || address.Scheme == "https") && address.Host != "":
		return text
	case address.Scheme == "file" && address.Host == "" && filepath.IsAbs(address.Path):
		return address.Path
	default:
		l.at(n.place, "feed is %q; use https://host/path, file:///path, or a path in the site's folder", text)
	}
	return ""
}

func (l *loader) queries(n *node, what string) []Query {
	if n == nil || !l.expect(n, "queries", mappingKind) {
		return nil
	}
	if len(n.entries) == 0 {
		l.at(n.place, "%s has no query; add for example titles: {file: titles.sql, mapping: titles.mapping.yaml}", what)
	}
	var list []Query
	for _, e := range n.entries {
		if !namePattern.MatchString(e.key) {
			l.at(e.place, "query %q can not be a query's name; %s", e.key, nameRule)
		}
		name := "query " + e.key
		if !l.expect(e.value, name, mappingKind) {
			continue
		}
		q := l.object(e.value, name, "sql", "file", "mapping")
		mapping := l.file(l.need(q, name, "mapping", "mapping: titles.mapping.yaml"), "mapping")
		list = append(list, Query{Name: e.key, SQL: l.statement(q, e), Mapping: mapping})
	}
	return list
}

// statement reads a query's SQL, which stands in the site or in a file of its own.
func (l *loader) statement(q *node, e entry) string {
	sql, file := q.get("sql"), q.get("file")
	if (sql == nil) == (file == nil) {
		l.at(e.place, "query %s needs either sql or a file with it; add for example file: content/titles.sql", e.key)
		return ""
	}
	text, place := l.sql(sql, file)
	if text == "" {
		return ""
	}
	statement, problem := singleSelect(text)
	if problem != "" {
		l.at(place, "query %s: %s", e.key, problem)
	}
	return statement
}

// sql returns the text of a query and where it stands; "" where there is none,
// which it reports.
func (l *loader) sql(sql, file *node) (text string, place ovenbird.Place) {
	if sql != nil {
		return l.string(sql, "sql"), sql.place
	}
	place = ovenbird.Place{File: l.file(file, "file")}
	if place.File == "" {
		return "", place
	}
	name := l.string(file, "file")
	body, err := l.read(path.Clean(filepath.ToSlash(name)))
	if err != nil {
		reason := err
		if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			reason = pathError.Err
		}
		l.at(file.place, "file %q can not be read: %v", name, reason)
		return "", place
	}
	if bad, what := unreadable(place.File, body); what != "" {
		l.at(bad, "%s", what)
		return "", place
	}
	if len(body) == 0 {
		l.at(place, "the file is empty; write a SELECT")
	}
	return string(body), place
}
