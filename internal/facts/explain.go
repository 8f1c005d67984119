package facts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// Finding is one rule that was asked about a title in a country, and its answer.
type Finding struct {
	Rule   string `json:"rule"` // edition, published, rating, video, license, episodes
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

// Explanation says why a title is shown or hidden.
type Explanation struct {
	Visible  bool      `json:"visible"`
	Decisive string    `json:"decisive"` // the rule that decides: the first that hides it, or what lets it through
	Findings []Finding `json:"findings"`
}

// Explain tells rule by rule why t is visible or hidden in a country. Its verdict
// is Visible's; the findings say how that came about.
func (v *View) Explain(t *ovenbird.Title, country ovenbird.Country) Explanation {
	c := country.Index()
	x := explainer{view: v, c: c, country: country}
	x.edition()
	x.published(t)
	x.rating(t)
	if t.Kind.Container() {
		x.episodes(t)
	} else {
		x.video(t)
		x.licenses(t)
	}
	visible := v.Visible(t).HasIndex(c)
	decisive := x.findings[len(x.findings)-1]
	if !visible {
		if i := slices.IndexFunc(x.findings, func(f Finding) bool { return !f.Passed }); i >= 0 {
			decisive = x.findings[i]
		}
	} else if i := slices.IndexFunc(x.findings, func(f Finding) bool { return f.Passed && f.Rule == "license" }); i >= 0 {
		decisive = x.findings[i]
	}
	return Explanation{Visible: visible, Decisive: decisive.Rule + ": " + decisive.Detail, Findings: x.findings}
}

type explainer struct {
	view     *View
	c        uint8
	country  ovenbird.Country
	findings []Finding
}

func (x *explainer) add(rule string, passed bool, format string, args ...any) {
	x.findings = append(x.findings, Finding{rule, passed, fmt.Sprintf(format, args...)})
}

func (x *explainer) edition() {
	e := x.view.Edition()
	if e.Countries.HasIndex(x.c) {
		x.add("edition", true, "%s is offered in %s", e.Name(), x.country)
	} else {
		x.add("edition", false, "%s is not offered in %s", e.Name(), x.country)
	}
}

func (x *explainer) published(t *ovenbird.Title) {
	for up := t; up != nil; up = x.view.Snapshot().Parent(up) {
		if !up.Published {
			x.add("published", false, "%s %s is not published", up.Kind, up.ID)
			return
		}
	}
	x.add("published", true, "it and everything above it is published")
}

func (x *explainer) rating(t *ovenbird.Title) {
	limit := x.view.Edition().MaxAge
	if limit == NoMaxAge {
		x.add("rating", true, "%s shows titles for every age", x.view.Edition().Application)
		return
	}
	judged := false
	for up := t; up != nil; up = x.view.Snapshot().Parent(up) {
		if len(up.Ratings) == 0 && (up != t || t.Kind.Container()) {
			continue
		}
		judged = true
		if why := x.unsuitable(up, limit); why != "" {
			x.add("rating", false, "%s", why)
			return
		}
	}
	if judged {
		x.add("rating", true, "its rating suits an audience up to %d years", limit)
	} else {
		x.add("rating", true, "it has no rating of its own; what is in it is judged one by one")
	}
}

// unsuitable returns why t's rating keeps it from an audience up to limit years, or "".
func (x *explainer) unsuitable(t *ovenbird.Title, limit int) string {
	r, age, mapped, _ := x.view.Rating(t, x.c)
	application := x.view.Edition().Application
	switch {
	case r == (ovenbird.Rating{}):
		return fmt.Sprintf("%s has no rating of a board that counts in %s, and %s blocks what it can not judge",
			t.ID, x.country, application)
	case !mapped:
		return fmt.Sprintf("the site maps %s %s to no age, and %s blocks what it can not judge", r.System, r.Value, application)
	case age > limit:
		return fmt.Sprintf("%s is %s %s, from %d years; %s goes up to %d", t.ID, r.System, r.Value, age, application, limit)
	default:
		return ""
	}
}

func (x *explainer) video(t *ovenbird.Title) {
	switch {
	case t.Video:
		x.add("video", true, "its video is ready")
	case x.view.Edition().RequiresVideo:
		x.add("video", false, "its video is not ready, and %s requires it", x.view.Edition().Application)
	default:
		x.add("video", true, "its video is not ready, but %s does not require it", x.view.Edition().Application)
	}
}

// licenses adds a finding per governing license. Those that let the title
// through come first, so that a failing one among them does not look decisive.
func (x *explainer) licenses(t *ovenbird.Title) {
	owner, licenses := governing(x.view.Snapshot(), t)
	if owner == "" {
		x.add("license", false, "neither it nor anything above it has a license")
		return
	}
	var failed []Finding
	for _, l := range licenses {
		f := x.license(l, owner)
		if f.Passed {
			x.findings = append(x.findings, f)
		} else {
			failed = append(failed, f)
		}
	}
	x.findings = append(x.findings, failed...)
}

func (x *explainer) license(l *ovenbird.License, owner ovenbird.TitleID) Finding {
	at, groups := x.view.At, x.view.timeless.rules.Groups
	about := fmt.Sprintf("license %s of %s", l.ID, owner)
	start := l.Window.Start
	excluded, unknown := groups.excluded(l)
	fail := func(format string, args ...any) Finding {
		return Finding{"license", false, about + " " + fmt.Sprintf(format, args...)}
	}
	switch {
	case !Applies(l, x.view.Edition().Application):
		return fail("is for %s, not %s", strings.Join(l.Applications, ", "), x.view.Edition().Application)
	case len(unknown) > 0:
		return fail("excludes %s, which the site does not define: until it does, it is for no country", strings.Join(unknown, ", "))
	case excluded.HasIndex(x.c):
		return fail("excludes %s (%s); exclusion beats inclusion", x.country, strings.Join(l.Exclude, ", "))
	case !groups.included(l).HasIndex(x.c):
		return fail("is for %s, which does not include %s", strings.Join(l.Territories, ", "), x.country)
	case at.Before(start):
		return fail("starts at %s", instant(start))
	case !l.Window.Contains(at):
		return fail("ended at %s", instant(l.Window.End))
	}
	until := "without end"
	if !l.Window.End.IsZero() {
		until = "until " + instant(l.Window.End)
	}
	return Finding{"license", true, fmt.Sprintf("%s is in force in %s %s (%s)", about, x.country, until, l.Model)}
}

func (x *explainer) episodes(t *ovenbird.Title) {
	var all, visible int
	for _, child := range x.view.Snapshot().Children(t.ID) {
		if child.Kind == ovenbird.Clip {
			continue
		}
		all++
		if x.view.Visible(child).HasIndex(x.c) {
			visible++
		}
	}
	x.add("episodes", visible > 0, "%d of the %d titles right below it are visible", visible, all)
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
