package avails

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// columns are those of Columns.
var columns = []string{
	"alid", "entry_type", "op", "avail_type", "licensor", "service_provider",
	"content_id", "work_type", "work_type_detail", "title", "title_language", "title_eidr", "edit_eidr", "released", "runtime",
	"rating_system", "rating_value", "series_id", "series_title", "season_id", "season_title", "season_number", "episode_number",
	"transaction", "license_type", "territories", "excluded", "start", "end", "languages", "holdback", "format", "rights", "contract",
}

// Columns returns the names of a row's fields, in their order.
func Columns() []string { return slices.Clone(columns) }

// transactionElements are what may stand in a Transaction.
var transactionElements = []string{
	"Licensee", "LicenseType", "Description", "Territory", "TerritoryExcluded", "Start", "StartCondition", "End", "EndCondition",
	"WindowDuration", "StoreLanguage", "AllowedLanguage", "AssetLanguage", "HoldbackLanguage", "LicenseRightsDescription",
	"FormatProfile", "ContractID", "ReportingID", "RefALID", "Term", "ExperienceCondition", "OtherInstructions",
}

// rightsDescriptions are the usual ones. The format leaves them open.
var rightsDescriptions = []string{
	"Library", "New Release", "Next Day TV", "POD", "Catalog", "Mega", "Premiere", "Pre-Order", "Pre-Release", "Early EST", "Season Only",
}

// transaction reads one Transaction.
type transaction struct {
	avail    *avail
	node     *node
	problems []Problem
}

func (t *transaction) refuse(n *node, name, format string, args ...any) {
	t.problems = append(t.problems, Problem{n.line, "Avail/Transaction/" + name, fmt.Sprintf(format, args...), true})
}

func (t *transaction) warn(n *node, name, format string, args ...any) {
	t.problems = append(t.problems, Problem{n.line, "Avail/Transaction/" + name, fmt.Sprintf(format, args...), false})
}

// read returns the transaction's fields, or nil where it is refused or gives no
// license.
func (t *transaction) read() map[string]string {
	n := t.node
	t.checkElements()
	territories, excluded := t.territories()
	start, end := t.instant("Start", "Immediate"), t.instant("End", "Open")
	values := map[string]string{
		"license_type": n.value("LicenseType"), "territories": territories, "excluded": excluded, "start": start, "end": end,
		"languages": t.languages("AllowedLanguage"), "holdback": t.languages("HoldbackLanguage"),
		"format": n.value("FormatProfile"), "rights": n.value("LicenseRightsDescription"), "contract": n.value("ContractID"),
	}
	t.languages("AssetLanguage")
	t.languages("StoreLanguage")
	t.checkRights()
	values["transaction"] = clean(n.attr("TransactionID"))
	if values["transaction"] == "" {
		values["transaction"] = digest(values["license_type"], territories, excluded, start, values["format"], values["languages"],
			values["holdback"], values["rights"], n.value("Description"), n.value("ExperienceCondition"))
	}
	if slices.ContainsFunc(t.problems, func(p Problem) bool { return p.Refuses }) || !t.givesLicense() {
		return nil
	}
	return values
}

func (t *transaction) checkElements() {
	n := t.node
	for _, name := range []string{"LicenseType", "FormatProfile"} {
		if n.value(name) == "" {
			t.refuse(n, name, "it is missing; a transaction needs one")
		}
	}
	for _, pair := range [][2]string{{"Start", "StartCondition"}, {"End", "EndCondition"}} {
		if (n.child(pair[0]) == nil) == (n.child(pair[1]) == nil) {
			t.refuse(n, pair[0], "a transaction needs either %s or %s", pair[0], pair[1])
		}
	}
	for _, c := range n.children {
		if c.space == n.space && !slices.Contains(transactionElements, c.name) {
			t.refuse(c, c.name, "unknown element; use one of %s", strings.Join(transactionElements, ", "))
		}
	}
}

// territories returns countries and groups, separated by spaces.
func (t *transaction) territories() (territories, excluded string) {
	in, out := t.regions("Territory"), t.regions("TerritoryExcluded")
	if len(in) == 0 && len(out) > 0 && t.node.child("Territory") == nil {
		in = []string{"*"} // worldwide but for what is excluded
	}
	if t.node.child("Territory") == nil && t.node.child("TerritoryExcluded") == nil {
		t.refuse(t.node, "Territory", "it is missing; say in which countries the license holds")
	}
	return strings.Join(in, " "), strings.Join(out, " ")
}

func (t *transaction) regions(name string) []string {
	var list []string
	for _, n := range t.node.all(name) {
		if sub := n.child("countryRegion"); sub != nil {
			t.refuse(sub, name+"/countryRegion", "%q is a part of a country or of the world; licenses hold for whole countries: "+
				"ask for them, or leave this transaction out", sub.text)
			continue
		}
		country := n.child("country")
		if country == nil || country.text == "" {
			t.refuse(n, name, "country is missing; use an ISO 3166-1 alpha-2 code such as FI")
			continue
		}
		if code, err := ovenbird.ParseCountry(country.text); err == nil {
			list = append(list, string(code))
		} else if known := t.avail.cfg.KnownGroup; known != nil && known(country.text) {
			list = append(list, country.text)
		} else {
			t.refuse(country, name+"/country", "%q is no country: use an ISO 3166-1 alpha-2 code such as FI, "+
				"or a group that the site defines", country.text)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// instant returns Start or End as RFC 3339 in UTC, "" where it is open.
func (t *transaction) instant(name, open string) string {
	if c := t.node.child(name + "Condition"); c != nil {
		if c.text != open {
			t.refuse(c, name+"Condition", "%q hangs on something that the catalog does not know; use %s, or give %s as an instant",
				c.text, open, name)
		} else if lag := c.attr("lag"); lag != "" {
			t.refuse(c, name+"Condition@lag", "%s with a lag of %s is no instant; give %s as one", open, lag, name)
		}
		return ""
	}
	n := t.node.child(name)
	if n == nil {
		return ""
	}
	if at, err := time.Parse(time.RFC3339, n.text); err == nil {
		return wholeSecond(at, name)
	}
	if t.avail.cfg.Zone == nil {
		if _, err := time.Parse("2006-01-02T15:04:05", n.text); err == nil {
			t.refuse(n, name, "%s says no zone; write it with one, like %sZ, or say with --zone where it is", n.text, n.text)
			return ""
		}
	} else if at, err := time.ParseInLocation("2006-01-02T15:04:05", n.text, t.avail.cfg.Zone); err == nil {
		return wholeSecond(at, name)
	}
	t.refuse(n, name, "%q is no instant; write it like 2026-01-31T00:00:00Z", n.text)
	return ""
}

// wholeSecond rounds into the window, never out of it.
func wholeSecond(at time.Time, name string) string {
	if name == "Start" && at.Nanosecond() > 0 {
		at = at.Add(time.Second)
	}
	return at.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// languages checks the languages of a name and returns them separated by spaces.
func (t *transaction) languages(name string) string {
	var list []string
	for _, n := range t.node.all(name) {
		if reason := checkLanguage(n.text); reason != "" {
			t.refuse(n, name, "%s", reason)
			continue
		}
		list = append(list, n.text)
	}
	return strings.Join(list, " ")
}

// checkRights warns of what narrows a license in ways that the catalog does not have.
func (t *transaction) checkRights() {
	n := t.node
	if rights := n.child("LicenseRightsDescription"); rights != nil && !slices.Contains(rightsDescriptions, rights.text) {
		t.warn(rights, rights.name, "%q is unknown; usual are %s", rights.text, strings.Join(rightsDescriptions, ", "))
	}
	if hold := n.child("HoldbackLanguage"); hold != nil {
		t.warn(hold, hold.name, "the license holds back a language, which licenses of the catalog can not say; "+
			"keep such texts and sound out yourself")
	}
	if other := n.child("OtherInstructions"); other != nil && other.text != "" {
		t.warn(other, other.name, "there are instructions for people: %.200q", clean(other.text))
	}
	for _, term := range n.all("Term") {
		status := clean(term.value("Text"))
		if term.attr("termName") == "TitleStatus" && (status == "Revoked" || status == "Expired" || status == "Pending") {
			t.refuse(term, "Term", "the title's status is %s; a license needs one that is approved", status)
		}
	}
}

// givesLicense reports whether a transaction lets people watch: an order before
// the release does not.
func (t *transaction) givesLicense() bool {
	n := t.node
	if kind := n.child("LicenseType"); kind.text == "POEST" || kind.text == "Pre-Release" {
		t.warn(kind, kind.name, "%s takes orders before a release and lets nobody watch: it gives no license", kind.text)
		return false
	}
	if c := n.child("ExperienceCondition"); c != nil && c.text != "For-sale" && c.text != "Acquired" {
		t.warn(c, c.name, "%q lets nobody watch: it gives no license", c.text)
		return false
	}
	return true
}
