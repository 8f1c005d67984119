package site

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// The kinds of resources in a content stack, in the order in which changes of
// them are told.
const (
	aLocale      = "default locale"
	aSystem      = "rating system"
	aGroup       = "group"
	aCountry     = "country"
	aApplication = "application"
	aDocument    = "document"
	aSchedule    = "schedule"
	aReleases    = "releases"
	aSource      = "source"
	aSeed        = "catalog file"
)

var ranks = []string{aLocale, aSystem, aGroup, aCountry, aApplication, aDocument, aSchedule, aReleases, aSource, aSeed}

func rank(kind string) int { return slices.Index(ranks, kind) }

// resource is a part of a content stack, as text: what can be compared and shown.
type resource struct {
	kind, name string
	fields     []pair
}

// pair is a part of a resource. One without a value is left out.
type pair struct{ key, value string }

func (r resource) same(other resource) bool { return r.kind == other.kind && r.name == other.name }

func pairs(list ...pair) []pair {
	return slices.DeleteFunc(list, func(p pair) bool { return p.value == "" })
}

// resources lists what a content stack is made of.
func resources(c *Content) []resource {
	var list []resource
	add := func(kind, name string, fields ...pair) {
		list = append(list, resource{kind, name, pairs(fields...)})
	}
	if c.DefaultLocale != "" {
		add(aLocale, "", pair{"locale", string(c.DefaultLocale)})
		add(aSchedule, "", pair{"every", c.Schedule.Every.String()}, pair{"horizon", c.Schedule.Horizon.String()},
			pair{"debounce", c.Schedule.Debounce.String()})
		add(aReleases, "", pair{"keep", strconv.Itoa(c.Releases.Keep)}, pair{"shrink", share(c.Releases.Shrink)})
	}
	for name, fields := range systems(c.Rules.Ages) {
		add(aSystem, name, fields...)
	}
	for name, group := range c.Rules.Groups {
		add(aGroup, name, pair{"countries", members(group)})
	}
	for _, country := range c.Countries {
		add(aCountry, string(country.Code), pair{"locales", words(country.Locales)}, pair{"holdback", words(country.Holdback)},
			pair{"ratings", words(country.Ratings)})
	}
	for i := range c.Applications {
		list = append(list, applicationResources(&c.Applications[i])...)
	}
	for i := range c.Sources {
		list = append(list, c.sourceResource(&c.Sources[i]))
	}
	for _, f := range c.Catalog {
		add(aSeed, c.asWritten(f.File), pair{"mapping", c.asWritten(f.Mapping)})
	}
	return list
}

func applicationResources(a *Application) []resource {
	age := "none"
	if a.MaxAge != facts.NoMaxAge {
		age = strconv.Itoa(a.MaxAge)
	}
	list := []resource{{aApplication, a.Name, pairs(
		pair{"name", a.DisplayName}, pair{"languages", words(a.Languages)}, pair{"holdback", words(a.Holdback)},
		pair{"countries", a.Countries.String()}, pair{"requires_video", strconv.FormatBool(a.RequiresVideo)}, pair{"max_age", age},
	)}}
	for _, plan := range a.Documents {
		fields := pairs(pair{"page", number(plan.PageSize())}, pair{"prefix", number(plan.LongestPrefix())})
		list = append(list, resource{aDocument, documentName(a, plan), append(fields, selected(plan.Source().Text)...)})
	}
	return list
}

// documentName is how a document is called across applications.
func documentName(a *Application, plan *shape.Plan) string {
	return a.Name + "/" + plan.Template().String()
}

func (c *Content) sourceResource(s *Source) resource {
	fields := pairs(
		pair{"database", s.Database}, pair{"feed", c.asWritten(s.Feed)}, pair{"authorization", s.Authorization},
		pair{"webhook", s.Webhook}, pair{"every", s.Every.String()}, pair{"timeout", s.Timeout.String()},
		pair{"rows", strconv.Itoa(s.Rows)}, pair{"shrink", share(s.Shrink)},
	)
	for _, q := range s.Queries {
		fields = append(fields, pairs(pair{"sql of " + q.Name, q.SQL}, pair{"mapping of " + q.Name, c.asWritten(q.Mapping)})...)
	}
	return resource{aSource, s.Name, fields}
}

// asWritten is a path as it stands in the stack, with what the file says where
// that is part of the stack: where the stack lies makes no difference.
func (c *Content) asWritten(place string) string {
	if written, ok := c.written[place]; ok {
		return written
	}
	return place
}

// systems are the rating systems, each with the age that its ratings mean.
func systems(ages map[ovenbird.Rating]int) map[string][]pair {
	found := make(map[string][]pair)
	for rating, age := range ages {
		found[rating.System] = append(found[rating.System], pair{rating.Value, strconv.Itoa(age)})
	}
	for _, fields := range found {
		slices.SortFunc(fields, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	}
	return found
}

// members are the versions of a group.
func members(group facts.Group) string {
	versions := make([]string, len(group))
	for i, m := range group {
		versions[i] = m.Countries.String()
		if !m.From.IsZero() {
			versions[i] = fmt.Sprintf("from %s %s", m.From.Format(time.RFC3339), versions[i])
		}
	}
	return strings.Join(versions, "; ")
}

func words[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, word := range list {
		texts[i] = string(word)
	}
	return strings.Join(texts, " ")
}

// number is a number that may be absent.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func share(f float64) string { return strconv.FormatFloat(f*100, 'f', -1, 64) + "%" }
