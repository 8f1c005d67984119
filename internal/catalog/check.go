package catalog

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"ovenbird/internal/ovenbird"
)

// Bounds on what one record may hold. They are far above real data and keep a
// broken feed from becoming a broken catalog.
const (
	maxString = 2048    // bytes of a name, URL, sort key…
	maxList   = 1000    // genres, cast, images, territories…
	maxItems  = 100_000 // titles in a collection
	minYear   = 1800
	maxYear   = 9999
)

// checker turns records into the catalog's types, or says what is wrong with
// them. It looks at nothing but the record and the site's group names.
type checker struct {
	textBytes   int
	knownGroups func(string) bool
	locales     map[string]ovenbird.Locale // parsed before, for speed
}

func newChecker(cfg Config) *checker {
	return &checker{textBytes: cfg.TextBytes, knownGroups: cfg.KnownGroups, locales: make(map[string]ovenbird.Locale)}
}

func invalid(format string, args ...any) error {
	return ovenbird.Errorf(ovenbird.Invalid, format, args...)
}

func (c *checker) title(id string, r *TitleRecord) (*ovenbird.Title, error) {
	t := &ovenbird.Title{
		ID: ovenbird.TitleID(id), Kind: r.Kind, Parent: ovenbird.TitleID(r.Parent),
		SortKey: r.SortKey, Number: r.Number, Special: r.Special,
		Published: orTrue(r.Published), Video: orTrue(r.Video),
		Year: r.Year, Runtime: time.Duration(r.RuntimeSeconds) * time.Second,
		Genres: r.Genres, Cast: r.Cast, Directors: r.Directors,
	}
	if err := c.titleFacts(r); err != nil {
		return nil, err
	}
	var err error
	if t.Added, err = instant("added", r.Added, ovenbird.OpenStart); err != nil {
		return nil, err
	}
	if t.Origins, err = origins(r.Origins); err != nil {
		return nil, err
	}
	if t.Images, err = c.images(r.Images); err != nil {
		return nil, err
	}
	if t.Ratings, err = ratings(r.Ratings); err != nil {
		return nil, err
	}
	if r.Texts != nil {
		t.Texts, err = c.texts(map[ovenbird.TextField]Translations{
			ovenbird.Name: r.Texts.Name, ovenbird.Synopsis: r.Texts.Synopsis,
			ovenbird.ShortSynopsis: r.Texts.ShortSynopsis, ovenbird.Tagline: r.Texts.Tagline,
		})
	}
	return t, err
}

func (c *checker) titleFacts(r *TitleRecord) error {
	if !slices.Contains(ovenbird.Kinds(), r.Kind) {
		return invalid("kind is %q; use one of %s", r.Kind, join(ovenbird.Kinds()))
	}
	if r.Parent != "" {
		if err := ovenbird.CheckID(r.Parent); err != nil {
			return ovenbird.Errorf(ovenbird.Invalid, "parent: %w", err)
		}
	}
	if r.Year != 0 && (r.Year < minYear || r.Year > maxYear) {
		return invalid("year is %d; use %d to %d, or leave it out", r.Year, minYear, maxYear)
	}
	if limit := int64(30 * 24 * 3600); r.RuntimeSeconds < 0 || r.RuntimeSeconds > limit {
		return invalid("runtime_seconds is %d; use 0 to %d", r.RuntimeSeconds, limit)
	}
	if err := checkStrings("sort_key", r.SortKey); err != nil {
		return err
	}
	if err := checkStrings("number", r.Number); err != nil {
		return err
	}
	lists := []struct {
		name string
		list []string
	}{{"genres", r.Genres}, {"cast", r.Cast}, {"directors", r.Directors}}
	for _, l := range lists {
		if err := checkNames(l.name, l.list); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) license(id string, r *LicenseRecord) (*ovenbird.License, error) {
	l := &ovenbird.License{ID: ovenbird.LicenseID(id), Title: ovenbird.TitleID(r.Title), Model: r.Model}
	if err := ovenbird.CheckID(r.Title); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "title: %w", err)
	}
	if !slices.Contains(ovenbird.Models(), r.Model) {
		return nil, invalid("model is %q; use one of %s", r.Model, join(ovenbird.Models()))
	}
	var err error
	if len(r.Territories) == 0 {
		return nil, invalid(`a license needs territories; ["*"] is worldwide`)
	}
	if l.Territories, err = c.territories("territories", r.Territories); err != nil {
		return nil, err
	}
	if l.Exclude, err = c.territories("exclude", r.Exclude); err != nil {
		return nil, err
	}
	if slices.Contains(l.Exclude, "*") {
		return nil, invalid(`exclude holds "*", which leaves nothing; delete the license instead`)
	}
	if l.Applications, err = applications(r.Applications); err != nil {
		return nil, err
	}
	l.Window, err = window(r.Start, r.End)
	return l, err
}

// territories returns the tokens as stored: ISO codes, no duplicates, sorted,
// because their order means nothing.
func (c *checker) territories(field string, list []string) ([]string, error) {
	if len(list) > maxList {
		return nil, invalid("%s has %d entries; %d are allowed", field, len(list), maxList)
	}
	out := make([]string, 0, len(list))
	for _, token := range list {
		stored, err := c.territory(token)
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%s: %w", field, err)
		}
		out = append(out, stored)
	}
	return tokenSet(out), nil
}

func (c *checker) territory(token string) (string, error) {
	if token == "*" {
		return token, nil
	}
	if country, err := ovenbird.ParseCountry(token); err == nil {
		return string(country), nil
	}
	if groupName(token) && c.knownGroups(token) {
		return token, nil
	}
	if ovenbird.RetiredCountry(token) {
		_, err := ovenbird.ParseCountry(token)
		return "", err
	}
	const remedy = `use an ISO 3166-1 alpha-2 code such as FI, "*", or a group that the site defines`
	return "", invalid("unknown country or group %q; %s", short(token), remedy)
}

// groupName reports whether s has the form of a group's name: letters, digits,
// "-" and "_" after a letter, at most 64.
func groupName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '-' && r != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func applications(list []string) ([]string, error) {
	if len(list) == 0 {
		return nil, invalid(`a license needs applications; ["*"] is all of them`)
	}
	if len(list) > maxList {
		return nil, invalid("applications has %d entries; %d are allowed", len(list), maxList)
	}
	for _, name := range list {
		if name == "*" {
			continue
		}
		if err := ovenbird.CheckID(name); err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "applications: %w", err)
		}
	}
	return tokenSet(slices.Clone(list)), nil
}

// tokenSet sorts list and drops duplicates; a list with "*" is just that.
func tokenSet(list []string) []string {
	if slices.Contains(list, "*") {
		return []string{"*"}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func window(start, end *string) (ovenbird.Window, error) {
	var w ovenbird.Window
	var err error
	if start != nil {
		if w.Start, err = instant("start", *start, ovenbird.OpenStart); err != nil {
			return w, err
		}
	}
	if end != nil {
		if w.End, err = instant("end", *end, ovenbird.OpenEnd); err != nil {
			return w, err
		}
	}
	switch {
	case w.Valid():
		return w, nil
	case w.Start.Equal(w.End):
		return w, invalid("the window is empty: it starts and ends at %s, and the end is the first instant outside", *start)
	default:
		return w, invalid("the window ends (%s) before it starts (%s); correct one of the two", *end, *start)
	}
}

// instant parses RFC 3339, or a date alone as midnight UTC. An empty string is
// the zero time, and so is what isOpen says stands for none.
func instant(field, s string, isOpen func(time.Time) bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	t = t.UTC()
	switch {
	case err != nil:
		const remedy = "use a date such as 2026-01-31 (midnight UTC) or an instant such as 2026-01-31T18:00:00Z"
		return t, invalid("%s is %q; %s", field, short(s), remedy)
	case t.Nanosecond() != 0:
		return t, invalid("%s is %q; use whole seconds", field, s)
	case isOpen(t):
		return time.Time{}, nil
	case t.Year() < 1 || t.Year() > maxYear || t.IsZero():
		return t, invalid("%s is %q; years run from 1 to %d", field, s, maxYear)
	}
	return t, nil
}

func origins(list []string) ([]ovenbird.Country, error) {
	if len(list) > maxList {
		return nil, invalid("origins has %d entries; %d are allowed", len(list), maxList)
	}
	var out []ovenbird.Country
	for _, code := range list {
		country, err := ovenbird.ParseCountry(code)
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "origins: %w", err)
		}
		if !slices.Contains(out, country) {
			out = append(out, country)
		}
	}
	return out, nil
}

func (c *checker) images(list []ImageRecord) ([]ovenbird.Image, error) {
	if len(list) > maxList {
		return nil, invalid("images has %d entries; %d are allowed", len(list), maxList)
	}
	var out []ovenbird.Image
	for i, r := range list {
		image := ovenbird.Image{Role: r.Role, URL: r.URL, Width: r.Width, Height: r.Height}
		err := checkImage(r)
		if err == nil && r.Locale != "" {
			image.Locale, err = c.locale(r.Locale)
		}
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "images[%d]: %w", i, err)
		}
		out = append(out, image)
	}
	return out, nil
}

func checkImage(r ImageRecord) error {
	switch {
	case !slices.Contains(ovenbird.ImageRoles(), r.Role):
		return invalid("role is %q; use one of %s", r.Role, join(ovenbird.ImageRoles()))
	case r.Width <= 0 || r.Height <= 0:
		return invalid("size is %d×%d pixels; both must be positive", r.Width, r.Height)
	}
	return checkURL(r.URL)
}

// checkURL takes what an application can load whatever page it is on: http(s)
// addresses, and paths relative to the address that the edge serves images at.
func checkURL(s string) error {
	if err := checkStrings("url", s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || s == "" || strings.ContainsAny(s, " \\"):
		return invalid("url is %q, which is no address", short(s))
	case u.Scheme == "http" || u.Scheme == "https":
		if u.Host == "" {
			return invalid("url is %q, which names no host", short(s))
		}
	case u.Scheme != "" || u.Host != "" || u.Opaque != "":
		return invalid("url is %q; use http, https or a relative path", short(s))
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		return invalid(`url is %q; a path may not contain ".."`, short(s))
	}
	return nil
}

func ratings(list []RatingRecord) ([]ovenbird.Rating, error) {
	if len(list) > maxList {
		return nil, invalid("ratings has %d entries; %d are allowed", len(list), maxList)
	}
	var out []ovenbird.Rating
	for i, r := range list {
		if strings.TrimSpace(r.System) == "" || strings.TrimSpace(r.Value) == "" {
			return nil, invalid("ratings[%d] needs a system and a value", i)
		}
		if err := checkNames("ratings", []string{r.System, r.Value}); err != nil {
			return nil, err
		}
		out = append(out, ovenbird.Rating(r))
	}
	return out, nil
}

func (c *checker) texts(fields map[ovenbird.TextField]Translations) (ovenbird.Texts, error) {
	var texts ovenbird.Texts
	for _, field := range ovenbird.TextFields() {
		if len(fields[field]) == 0 {
			continue
		}
		byLocale := make(map[ovenbird.Locale]string, len(fields[field]))
		for tag, text := range fields[field] {
			locale, err := c.locale(tag)
			if err == nil {
				err = c.text(text)
			}
			if _, twice := byLocale[locale]; twice && err == nil {
				err = invalid("locale %s stands there twice, in two spellings", locale)
			}
			if err != nil {
				return nil, ovenbird.Errorf(ovenbird.Invalid, "texts.%s.%s: %w", field, short(tag), err)
			}
			byLocale[locale] = text
		}
		if texts == nil {
			texts = make(ovenbird.Texts)
		}
		texts[field] = byLocale
	}
	return texts, nil
}

func (c *checker) text(s string) error {
	switch {
	case len(s) > c.textBytes:
		return invalid("the text has %d bytes; %d are allowed", len(s), c.textBytes)
	case !utf8.ValidString(s):
		return invalid("the text is not valid UTF-8")
	case strings.ContainsRune(s, 0):
		return invalid("the text contains a NUL character")
	}
	return nil
}

// locale returns the canonical form of a BCP 47 tag.
func (c *checker) locale(tag string) (ovenbird.Locale, error) {
	if locale, ok := c.locales[tag]; ok {
		return locale, nil
	}
	parsed, err := language.Parse(tag)
	if err != nil || parsed == language.Und || strings.Contains(tag, "_") {
		return "", invalid(`%q is no locale; use a BCP 47 tag such as "fi" or "pt-BR"`, short(tag))
	}
	locale := ovenbird.Locale(parsed.String())
	c.locales[strings.Clone(tag)] = locale
	return locale, nil
}

func (c *checker) collection(id string, r *CollectionRecord) (*ovenbird.Collection, error) {
	out := &ovenbird.Collection{ID: ovenbird.CollectionID(id), SortKey: r.SortKey, Published: orTrue(r.Published)}
	if err := checkStrings("sort_key", r.SortKey); err != nil {
		return nil, err
	}
	if len(r.Items) > maxItems {
		return nil, invalid("items has %d entries; %d are allowed", len(r.Items), maxItems)
	}
	seen := make(map[string]bool, len(r.Items))
	for _, item := range r.Items {
		if err := ovenbird.CheckID(item); err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "items: %w", err)
		}
		if seen[item] {
			return nil, invalid("items holds %s twice", item)
		}
		seen[item] = true
		out.Items = append(out.Items, ovenbird.TitleID(item))
	}
	var err error
	if r.Texts != nil {
		out.Texts, err = c.texts(map[ovenbird.TextField]Translations{
			ovenbird.Name: r.Texts.Name, ovenbird.Synopsis: r.Texts.Synopsis,
		})
	}
	return out, err
}

func checkItem(r *ItemRecord) error {
	if err := ovenbird.CheckID(r.Collection); err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "collection: %w", err)
	}
	if err := ovenbird.CheckID(r.Title); err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "title: %w", err)
	}
	return checkStrings("position", r.Position)
}

func checkNames(field string, list []string) error {
	if len(list) > maxList {
		return invalid("%s has %d entries; %d are allowed", field, len(list), maxList)
	}
	for _, s := range list {
		if strings.TrimSpace(s) == "" {
			return invalid("%s holds an empty name; leave it out", field)
		}
	}
	return checkStrings(field, list...)
}

func checkStrings(field string, list ...string) error {
	for _, s := range list {
		switch {
		case len(s) > maxString:
			return invalid("%s: %q has %d bytes; %d are allowed", field, short(s), len(s), maxString)
		case !utf8.ValidString(s):
			return invalid("%s: %q is not valid UTF-8", field, short(s))
		case strings.ContainsRune(s, 0):
			return invalid("%s: %q contains a NUL character", field, short(s))
		}
	}
	return nil
}

func orTrue(b *bool) bool { return b == nil || *b }

// short cuts what a message quotes.
func short(s string) string {
	if len(s) <= 60 {
		return s
	}
	return fmt.Sprintf("%.56s…", s)
}

func join[S ~string](list []S) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	return b.String()
}
