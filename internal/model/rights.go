package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// hidden says why a title is hidden, "" where it is not. needsVideo is false to
// ask whether it would be shown if its video were ready.
func (m *Model) hidden(v Variation, at time.Time, t *ovenbird.Title, needsVideo bool) string {
	a := m.application(v.Application)
	if a == nil || !slices.Contains(a.Countries, v.Country) || !offered(a, v.Language) {
		return fmt.Sprintf("%s is not offered in %s", v.Edition(), v.Country)
	}
	for _, up := range m.lineage(t) {
		if !up.Published {
			return fmt.Sprintf("%s is not published", up.ID)
		}
	}
	if reason := m.unsuitable(a, v.Country, t); reason != "" {
		return reason
	}
	if t.Kind == ovenbird.Series || t.Kind == ovenbird.Season {
		for _, child := range m.children[t.ID] {
			if child.Kind != ovenbird.Clip && m.hidden(v, at, child, needsVideo) == "" {
				return ""
			}
		}
		return fmt.Sprintf("nothing but clips is visible in %s", t.ID)
	}
	if needsVideo && a.RequiresVideo && !t.Video {
		return fmt.Sprintf("the video of %s is not ready", t.ID)
	}
	return m.unlicensed(v, at, t)
}

// offered reports whether an application has an edition in a language.
func offered(a *Application, language ovenbird.Locale) bool {
	if len(a.Languages) == 0 {
		return language == ""
	}
	return slices.Contains(a.Languages, language)
}

// unsuitable says why a title's rating, or that of something above it, keeps it
// from the application's audience; "" where it does not. What is played must have
// a rating that is known to suit, its own or an inherited one. A series or season
// without a rating of its own is judged by what is in it.
func (m *Model) unsuitable(a *Application, country ovenbird.Country, t *ovenbird.Title) string {
	if a.MaxAge == NoMaxAge {
		return ""
	}
	for i, up := range m.lineage(t) {
		played := i == 0 && t.Kind != ovenbird.Series && t.Kind != ovenbird.Season
		if !played && len(up.Ratings) == 0 {
			continue
		}
		rating, ok := m.rating(country, up)
		if !ok {
			return fmt.Sprintf("%s has no rating that counts in %s", up.ID, country)
		}
		age, mapped := m.site.Ages[rating]
		if !mapped {
			return fmt.Sprintf("nobody knows which age %s %s of %s stands for", rating.System, rating.Value, up.ID)
		}
		if age > a.MaxAge {
			return fmt.Sprintf("%s is for viewers from %d years", up.ID, age)
		}
	}
	return ""
}

// rating returns a title's rating in a country: of those of the title, or of the
// nearest title above that has any, the one by the country's first board that
// gave one.
func (m *Model) rating(country ovenbird.Country, t *ovenbird.Title) (ovenbird.Rating, bool) {
	for _, up := range m.lineage(t) {
		if len(up.Ratings) == 0 {
			continue
		}
		for _, system := range m.country(country).Ratings {
			for _, r := range up.Ratings {
				if r.System == system {
					return r, true
				}
			}
		}
		return ovenbird.Rating{}, false
	}
	return ovenbird.Rating{}, false
}

// unlicensed says why no license allows to show a title; "" where one does. A
// title with licenses of its own is governed by those alone, another by those of
// the nearest title above that has some.
func (m *Model) unlicensed(v Variation, at time.Time, t *ovenbird.Title) string {
	for _, up := range m.lineage(t) {
		if len(m.licenses[up.ID]) == 0 {
			continue
		}
		var reasons []string
		for _, l := range m.licenses[up.ID] {
			reason := m.refuses(l, v, at)
			if reason == "" {
				return ""
			}
			reasons = append(reasons, reason)
		}
		return strings.Join(reasons, "; ")
	}
	return fmt.Sprintf("neither %s nor anything above it has a license", t.ID)
}

// refuses says why one license does not allow to show its title; "" where it does.
func (m *Model) refuses(l *ovenbird.License, v Variation, at time.Time) string {
	start, end := l.Window.Start, l.Window.End
	switch {
	case !slices.Contains(l.Applications, v.Application) && !slices.Contains(l.Applications, "*"):
		return fmt.Sprintf("license %s is not for %s", l.ID, v.Application)
	case !m.includes(l.Territories, v.Country, start):
		return fmt.Sprintf("license %s does not include %s", l.ID, v.Country)
	case m.excludes(l.Exclude, v.Country, start):
		return fmt.Sprintf("license %s excludes %s", l.ID, v.Country)
	case !start.IsZero() && at.Before(start):
		return fmt.Sprintf("license %s has not started", l.ID)
	case !end.IsZero() && !at.Before(end):
		return fmt.Sprintf("license %s has ended", l.ID)
	default:
		return ""
	}
}

// includes reports whether some of the territories, as written, means a country
// for a license that starts at start.
func (m *Model) includes(territories []string, country ovenbird.Country, start time.Time) bool {
	for _, territory := range territories {
		if in, known := m.means(territory, country, start); in && known {
			return true
		}
	}
	return false
}

// excludes is includes for what a license leaves out. A name that nobody knows
// could mean every country, so it excludes every country.
func (m *Model) excludes(territories []string, country ovenbird.Country, start time.Time) bool {
	for _, territory := range territories {
		if in, known := m.means(territory, country, start); in || !known {
			return true
		}
	}
	return false
}

// means reports whether one territory means a country, and whether anybody knows
// what it means: "*", a group, or the code of a country.
func (m *Model) means(territory string, country ovenbird.Country, start time.Time) (in, known bool) {
	if territory == "*" {
		return true, true
	}
	if group, ok := m.site.Groups[territory]; ok {
		return slices.Contains(members(group, start), country), true
	}
	switch territory {
	case "UK":
		territory = "GB"
	case "EL":
		territory = "GR"
	}
	isCode := len(territory) == 2 && 'A' <= territory[0] && territory[0] <= 'Z' && 'A' <= territory[1] && territory[1] <= 'Z'
	return territory == string(country), isCode
}

// members returns who belongs to a group when a license starts. A license that
// has always been in force gets the latest members.
func members(group []Membership, start time.Time) []ovenbird.Country {
	var now []ovenbird.Country
	for _, m := range group {
		if start.IsZero() || !m.From.After(start) {
			now = m.Countries
		}
	}
	return now
}
