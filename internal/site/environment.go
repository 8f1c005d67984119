package site

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ovenbird/internal/ovenbird"
)

// Environment is one running copy of a site: a few variables.
type Environment struct {
	Name           string
	Listen         string         // host:port
	OriginListen   string         // host:port of the release endpoint for edges; "" is none
	CountryFrom    CountryFrom    // how the viewer's country is established
	TrustedProxies []netip.Prefix // whose country header is believed
	GeoIPDatabase  string         // path of an mmdb file; "" when not used
	PreviewKeys    string         // path of the public keys whose previews are taken; "" when there are none
	// Bucket is where releases lie, a folder's path or a URL such as
	// s3://NAME/PREFIX; "" is a folder in the folder for data.
	Bucket string
	// Tree is where plain files of each release are kept, a folder's path or a URL;
	// "" is nowhere. TreeCountries are those it is kept for; empty means all.
	Tree          string
	TreeCountries []ovenbird.Country
	// Poll is how often edges look for a new release; 0 is what suits the bucket.
	Poll time.Duration
	// Audit is how many variations of each release are audited after it was
	// published; 0 means none.
	Audit int
	// PrivateWebhooks is whether webhooks may lead into the own network, and be
	// plain HTTP.
	PrivateWebhooks bool
	// LogFormat is text or json, AccessLog json or combined, and AccessLogFile the
	// path of its file; "" is what the program does by itself.
	LogFormat, AccessLog, AccessLogFile string
	OpsListen                           string // host:port of the operators' address; "" is none
	// MaxConnections and MaxConnectionsPerClient are how many connections viewers may
	// have open, in total and from one address; 0 is what suits the machine.
	MaxConnections, MaxConnectionsPerClient int
	// KeepAfterHorizon is whether edges serve on, after the horizon of the last
	// release they heard of, what cannot have ended.
	KeepAfterHorizon bool
	// Purge are the caches in front of edges that are told what they must forget.
	Purge []string
	// SharedMaxAge is for how long they may keep a document; 0 leaves it at what
	// everybody is told.
	SharedMaxAge time.Duration
	// Drain is how long to go on serving when told to stop.
	Drain    time.Duration
	Database string // postgres:// URL without a password; "" is SQLite in the folder for data
}

// CountrySource is where a viewer's country comes from.
type CountrySource string

// The sources.
const (
	// FromAddress serves whatever country stands in the address: for development.
	FromAddress CountrySource = "address"
	// FromHeader believes a header that a trusted proxy sets.
	FromHeader CountrySource = "header"
	// FromGeoIP looks the peer's address up.
	FromGeoIP CountrySource = "geoip"
	// FromFixed is one country for every viewer.
	FromFixed CountrySource = "fixed"
)

// CountryFrom is a source with what it needs.
type CountryFrom struct {
	Source  CountrySource
	Header  string           // of FromHeader
	Country ovenbird.Country // of FromFixed
}

// String formats f as it is written in an environment: "fixed:FI".
func (f CountryFrom) String() string {
	switch f.Source {
	case FromHeader:
		return string(f.Source) + ":" + f.Header
	case FromFixed:
		return string(f.Source) + ":" + string(f.Country)
	default:
		return string(f.Source)
	}
}

// The variables. docs/site.md describes each.
const (
	listenVariable      = "OVENBIRD_LISTEN"
	originVariable      = "OVENBIRD_ORIGIN_LISTEN"
	countryFromVariable = "OVENBIRD_COUNTRY_FROM"
	proxiesVariable     = "OVENBIRD_TRUSTED_PROXIES"
	geoIPVariable       = "OVENBIRD_GEOIP_DB"
	databaseVariable    = "OVENBIRD_DATABASE"
	previewVariable     = "OVENBIRD_PREVIEW_KEYS"
	bucketVariable      = "OVENBIRD_BUCKET"
	treeVariable        = "OVENBIRD_TREE"
	treeForVariable     = "OVENBIRD_TREE_COUNTRIES"
	pollVariable        = "OVENBIRD_POLL"
	auditVariable       = "OVENBIRD_AUDIT"
	webhooksVariable    = "OVENBIRD_WEBHOOKS"
	connectionsVariable = "OVENBIRD_MAX_CONNECTIONS"
	perClientVariable   = "OVENBIRD_MAX_CONNECTIONS_PER_CLIENT"
	opsVariable         = "OVENBIRD_OPS_LISTEN"
	logVariable         = "OVENBIRD_LOG_FORMAT"
	accessVariable      = "OVENBIRD_ACCESS_LOG"
	accessFileVariable  = "OVENBIRD_ACCESS_LOG_FILE"
	drainVariable       = "OVENBIRD_DRAIN"
	horizonVariable     = "OVENBIRD_AFTER_HORIZON"
	purgeVariable       = "OVENBIRD_PURGE"
	sharedVariable      = "OVENBIRD_SHARED_MAX_AGE"
)

var variables = []string{
	previewVariable,
	listenVariable, originVariable, countryFromVariable, proxiesVariable, geoIPVariable, databaseVariable, bucketVariable, pollVariable,
	treeVariable, treeForVariable, auditVariable, webhooksVariable, connectionsVariable, perClientVariable, drainVariable, horizonVariable,
	purgeVariable, sharedVariable, opsVariable, logVariable, accessVariable, accessFileVariable,
}

// defaultListen is reachable from this machine alone.
const defaultListen = "127.0.0.1:8080"

// Environments returns the names of the site's environments, sorted.
func (s *Site) Environments() []string {
	files, err := fs.Glob(s.files, environmentsFolder+"/*.env")
	if err != nil {
		return nil // the pattern is constant and valid
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(path.Base(file), ".env")
	}
	return names
}

// Environment reads an environment by name. It is NotFound where the site has
// none of that name; what is wrong in its file comes back as Errors.
func (s *Site) Environment(name string) (*Environment, error) {
	if !namePattern.MatchString(name) {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "environment %q can not be an environment's name; %s", name, nameRule)
	}
	file := path.Join(environmentsFolder, name+".env")
	body, err := fs.ReadFile(s.files, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "site %s has no environment %q: there is no %s; %s",
			s.Name, name, filepath.Join(s.Dir, file), suggest(name, s.Environments()))
	}
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "read environment %s: %w", name, err)
	}
	r := &environmentReader{file: filepath.Join(s.Dir, file), dir: s.Dir}
	e := r.read(name, string(body))
	if err := r.err(); err != nil {
		return nil, err
	}
	return e, nil
}

// environmentReader reads one .env file.
type environmentReader struct {
	problems
	file, dir string
}

// variable is a value with its place.
type variable struct {
	text  string
	place ovenbird.Place
}

func (r *environmentReader) read(name, body string) *Environment {
	found := r.lines(body)
	e := &Environment{
		Name: name, Listen: defaultListen, CountryFrom: CountryFrom{Source: FromAddress},
		Database: r.database(found[databaseVariable]),
	}
	if v, ok := found[listenVariable]; ok {
		e.Listen = r.listen(v)
	}
	if v, ok := found[originVariable]; ok && v.text != "" {
		e.OriginListen = r.listen(v)
	}
	if v, ok := found[countryFromVariable]; ok {
		e.CountryFrom = r.countryFrom(v)
	}
	if v, ok := found[proxiesVariable]; ok {
		e.TrustedProxies = r.proxies(v)
	}
	e.GeoIPDatabase, e.PreviewKeys = r.path(found[geoIPVariable]), r.path(found[previewVariable])
	if v, ok := found[bucketVariable]; ok && v.text != "" {
		e.Bucket = r.bucket(bucketVariable, v)
	}
	if v, ok := found[treeVariable]; ok && v.text != "" {
		e.Tree = r.bucket(treeVariable, v)
	}
	if v, ok := found[treeForVariable]; ok && v.text != "" {
		e.TreeCountries = r.countries(v)
	}
	if v, ok := found[pollVariable]; ok {
		e.Poll = r.poll(v)
	}
	if v, ok := found[auditVariable]; ok {
		e.Audit = r.audit(v)
	}
	if v, ok := found[webhooksVariable]; ok {
		e.PrivateWebhooks = r.webhooks(v)
	}
	e.MaxConnections = r.connections(connectionsVariable, found)
	e.MaxConnectionsPerClient = r.connections(perClientVariable, found)
	if v, ok := found[drainVariable]; ok {
		e.Drain = r.drain(v)
	}
	e.Purge = strings.Fields(found[purgeVariable].text)
	if v, ok := found[sharedVariable]; ok {
		e.SharedMaxAge = r.sharedMaxAge(v)
	}
	if v, ok := found[horizonVariable]; ok {
		e.KeepAfterHorizon = r.afterHorizon(v)
	}
	r.observing(e, found)
	place := found[countryFromVariable].place
	if e.CountryFrom.Source == FromHeader && len(e.TrustedProxies) == 0 && found[proxiesVariable].text == "" {
		r.at(place, "a country header is believed only from proxies you trust; set %s to their networks, such as 10.0.0.0/8",
			proxiesVariable)
	}
	if e.CountryFrom.Source == FromGeoIP && e.GeoIPDatabase == "" {
		r.at(place, "geoip needs a database; set %s to the path of an mmdb file", geoIPVariable)
	}
	return e
}

// lines splits a file into variables.
func (r *environmentReader) lines(body string) map[string]variable {
	found := make(map[string]variable)
	number := 0
	for line := range strings.Lines(body) {
		number++
		place := ovenbird.Place{File: r.file, Line: number, Column: 1}
		line = strings.TrimRight(line, "\r\n")
		if !utf8.ValidString(line) {
			r.at(place, "this line is not UTF-8; save the file as UTF-8")
			continue
		}
		if text := strings.TrimSpace(line); text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		switch {
		case !ok:
			r.at(place, "this is neither KEY=value nor a comment; begin a comment with #")
			continue
		case !slices.Contains(variables, key):
			r.at(place, "unknown variable %q; %s", key, suggest(key, variables))
			continue
		case found[key].place.Line > 0:
			r.at(place, "%s stands here a second time, first on line %d; remove one", key, found[key].place.Line)
			continue
		}
		place.Column = utf8.RuneCountInString(key) + 2
		found[key] = variable{text: strings.TrimSpace(value), place: place}
	}
	return found
}

// path returns a path that is meant from the site's folder; "" where there is none.
func (r *environmentReader) path(v variable) string {
	if v.text == "" || filepath.IsAbs(v.text) {
		return v.text
	}
	return filepath.Join(r.dir, v.text)
}

func (r *environmentReader) listen(v variable) string {
	_, port, err := net.SplitHostPort(v.text)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		r.at(v.place, "%s is %q; use host:port, such as %s, with port 0 for any free one", listenVariable, v.text, defaultListen)
		return defaultListen
	}
	return v.text
}

func (r *environmentReader) bucket(name string, v variable) string {
	if !strings.Contains(v.text, "://") {
		return r.path(v)
	}
	if u, err := url.Parse(v.text); err != nil {
		r.at(v.place, "%s is not a URL; use s3://NAME/PREFIX?region=REGION, or a folder's path", name)
	} else if u.User != nil {
		r.at(v.place, "%s has credentials in it, where others can see them: leave them out, and set AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY, or AWS_PROFILE", name)
	}
	return v.text
}

func (r *environmentReader) countries(v variable) []ovenbird.Country {
	var list []ovenbird.Country
	for code := range strings.SplitSeq(v.text, ",") {
		country, err := ovenbird.ParseCountry(strings.TrimSpace(code))
		if err != nil {
			r.add(v.place, err)
			continue
		}
		list = append(list, country)
	}
	return list
}

func (r *environmentReader) poll(v variable) time.Duration {
	const least, most = 10 * time.Millisecond, time.Minute
	poll, err := time.ParseDuration(v.text)
	if err != nil || poll < least || poll > most {
		r.at(v.place, "%s is %q; use a duration from %s to %s, such as 500ms or 2s", pollVariable, v.text, least, most)
		return 0
	}
	return poll
}

func (r *environmentReader) audit(v variable) int {
	const most = 10000
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 0 || n > most {
		r.at(v.place, "%s is %q; use how many variations to audit, from 0 to %d", auditVariable, v.text, most)
		return 0
	}
	return n
}

// connections reads a limit of connections; 0 where the environment does not say.
func (r *environmentReader) connections(name string, found map[string]variable) int {
	v, ok := found[name]
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 1 {
		r.at(v.place, "%s is %q; use a number of connections, 1 or more, or leave it out for what suits the machine", name, v.text)
		return 0
	}
	return n
}

func (r *environmentReader) sharedMaxAge(v variable) time.Duration {
	const most = time.Hour
	age, err := time.ParseDuration(v.text)
	if err != nil || age < 0 || age > most {
		r.at(v.place, "%s is %q; use a duration up to %s, such as 10m", sharedVariable, v.text, most)
		return 0
	}
	return age
}

func (r *environmentReader) drain(v variable) time.Duration {
	const most = 5 * time.Minute
	drain, err := time.ParseDuration(v.text)
	if err != nil || drain < 0 || drain > most {
		r.at(v.place, "%s is %q; use a duration up to %s, such as 5s", drainVariable, v.text, most)
		return 0
	}
	return drain
}

// ParseAfterHorizon reads what edges do after the horizon of the last release
// they heard of: refuse, or keep what cannot have ended.
func ParseAfterHorizon(s string) (keep, ok bool) { return s == "keep", s == "keep" || s == "refuse" }

func (r *environmentReader) afterHorizon(v variable) (keep bool) {
	keep, ok := ParseAfterHorizon(v.text)
	if !ok {
		r.at(v.place, "%s is %q; use refuse, or keep: that serves on what cannot have ended", horizonVariable, v.text)
	}
	return keep
}

func (r *environmentReader) webhooks(v variable) (private bool) {
	if v.text != "public" && v.text != "private" {
		r.at(v.place, "%s is %q; use public, or, in development, private: that allows webhooks into your own network",
			webhooksVariable, v.text)
	}
	return v.text == "private"
}

// headerPattern is the name of an HTTP header field (RFC 9110, section 5.6.2).
var headerPattern = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (r *environmentReader) countryFrom(v variable) CountryFrom {
	source, argument, has := strings.Cut(v.text, ":")
	from := CountryFrom{Source: CountrySource(source)}
	switch {
	case (from.Source == FromAddress || from.Source == FromGeoIP) && !has:
	case from.Source == FromHeader && headerPattern.MatchString(argument):
		from.Header = argument
	case from.Source == FromFixed && has:
		code, err := ovenbird.ParseCountry(argument)
		if err != nil {
			r.add(v.place, err)
		}
		from.Country = code
	default:
		r.at(v.place, "%s is %q; use address, header:NAME, geoip or fixed:FI", countryFromVariable, v.text)
		from.Source = FromAddress
	}
	return from
}

func (r *environmentReader) proxies(v variable) []netip.Prefix {
	var prefixes []netip.Prefix
	for text := range strings.SplitSeq(v.text, ",") {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			r.at(v.place, "%q is not a network; use CIDR notation such as 10.0.0.0/8 or 2001:db8::/32, several with commas between", text)
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}
