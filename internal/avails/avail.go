package avails

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// avail turns one Avail into rows.
type avail struct {
	cfg      *Config
	node     *node
	text     func(start, end int64) string
	problems []Problem // of the Avail, not of one of its transactions
}

// availElements are what may stand in an Avail.
var availElements = []string{
	"Compatibility", "ALID", "AssociatedALID", "Disposition", "Licensor", "ServiceProvider", "AvailType", "ShortDescription",
	"Asset", "Transaction", "CoreMetadata", "SharedEntitlement", "ExceptionFlag", "ExceptionsFlag",
}

// entryTypes say what an Avail does to what was said before under its ALID, and
// whether it is all that holds from now on.
var entryTypes = map[string]struct {
	op       string
	complete bool
}{
	"Full Extract": {"put", true},
	"Full Delete":  {"delete", true},
	"Create":       {"put", false},
	"Update":       {"put", false},
	"Delete":       {"delete", false},
}

// rows returns a row for each transaction and asset. A full delete has one,
// without fields: completeness says it all.
func (a *avail) rows() []Row {
	a.checkAvail()
	alid, entryType := clean(a.node.value("ALID")), a.node.child("Disposition").value("EntryType")
	entry := entryTypes[entryType]
	row := Row{Line: a.node.line, ALID: alid, Raw: "Avail " + alid}
	assets := a.assets()
	if entryType == "Full Delete" || slices.ContainsFunc(a.problems, func(p Problem) bool { return p.Refuses }) {
		row.Problems = a.problems
		row.Complete = entry.complete && !row.Refused()
		return []Row{row}
	}
	var rows []Row
	for _, n := range a.node.all("Transaction") {
		t := &transaction{avail: a, node: n}
		terms := t.read()
		for i, asset := range assets {
			r := row
			r.Line, r.Raw, r.Problems = n.line, a.text(n.start, n.end), nil
			if i == 0 {
				r.Problems = t.problems
			}
			if terms != nil {
				r.Fields = fields(asset, terms, map[string]string{"alid": alid, "entry_type": entryType, "op": entry.op})
				if i > 0 {
					r.Fields[slices.Index(columns, "transaction")] += "-" + strconv.Itoa(i+1)
				}
			}
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		rows = []Row{row}
	}
	rows[0].Problems = append(slices.Clone(a.problems), rows[0].Problems...)
	// Where a transaction is refused, nobody knows what the licensor meant to stay.
	complete := entry.complete && !slices.ContainsFunc(rows, func(r Row) bool { return r.Refused() })
	for i := range rows {
		rows[i].Complete = complete
	}
	return rows
}

func (a *avail) refuse(n *node, path, format string, args ...any) {
	a.problems = append(a.problems, Problem{n.line, path, fmt.Sprintf(format, args...), true})
}

func (a *avail) warn(n *node, path, format string, args ...any) {
	a.problems = append(a.problems, Problem{n.line, path, fmt.Sprintf(format, args...), false})
}

// checkAvail checks what holds for the Avail as a whole.
func (a *avail) checkAvail() {
	n := a.node
	for _, name := range []string{"ALID", "Disposition", "Licensor", "AvailType", "Asset", "Transaction"} {
		if n.child(name) == nil {
			a.refuse(n, "Avail", "%s is missing; an Avail needs one", name)
		}
	}
	for _, c := range n.children {
		if c.space == n.space && !slices.Contains(availElements, c.name) {
			a.refuse(c, "Avail/"+c.name, "unknown element; use one of %s", strings.Join(availElements, ", "))
		}
	}
	if alid := n.child("ALID"); alid != nil && alid.text == "" {
		a.refuse(alid, "Avail/ALID", "it is empty; it says which Avail this is")
	}
	if d := n.child("Disposition"); d != nil {
		if _, ok := entryTypes[d.value("EntryType")]; !ok {
			a.refuse(d, "Avail/Disposition/EntryType",
				"%q is none of Full Extract, Full Delete, Create, Update and Delete", d.value("EntryType"))
		}
	}
	for _, name := range []string{"ExceptionFlag", "ExceptionsFlag"} {
		if flag := n.child(name); flag != nil && flag.text != "false" && flag.text != "0" {
			a.refuse(flag, "Avail/"+name,
				"the licensor asks for a person to read this Avail; do so, then take the element out or say false")
		}
	}
}

// assets returns the fields of each asset that a license can stand at.
func (a *avail) assets() []map[string]string {
	var list []map[string]string
	for _, n := range a.node.all("Asset") {
		work := n.value("WorkType")
		if n.child("BundledAsset") != nil || work == "Collection" {
			a.warn(n, "Avail/Asset", "a bundle gives no licenses: its titles need Avails of their own; it is passed over")
			continue
		}
		id := clean(n.attr("contentID"))
		if id == "" {
			a.refuse(n, "Avail/Asset", "contentID is missing; it says which title this is")
		}
		values := map[string]string{
			"avail_type": a.node.value("AvailType"), "licensor": clean(a.node.child("Licensor").value("DisplayName")),
			"service_provider": clean(a.node.child("ServiceProvider").value("DisplayName")),
			"content_id":       id, "work_type": work, "work_type_detail": n.value("WorkTypeDetail"),
		}
		a.metadata(n, values)
		list = append(list, values)
	}
	return list
}

// metadata adds what an asset says of its title, season and series.
func (a *avail) metadata(asset *node, values map[string]string) {
	m := metadataOf(asset)
	if m == nil {
		a.refuse(asset, "Avail/Asset", "Metadata is missing, or EpisodeMetadata, SeasonMetadata, SeriesMetadata or VolumeMetadata")
		return
	}
	prefix := strings.TrimSuffix(m.name, "Metadata") // "" for a movie, and an episode's title has none
	if prefix == "Episode" {
		prefix = ""
	}
	values["title"], values["title_language"] = a.titleOf(m, prefix)
	values["title_eidr"] = a.eidr(m, prefix)
	values["edit_eidr"] = m.value("EditEIDR-URN")
	values["released"] = year(m.value("ReleaseDate"))
	values["runtime"] = a.runtime(m.child("RunLength"))
	a.ratings(m, values)
	values["episode_number"] = sequence(m.child("EpisodeNumber"))
	season, series := m.child("SeasonMetadata"), m.child("SeriesMetadata")
	switch m.name {
	case "SeasonMetadata":
		season = m
	case "SeriesMetadata":
		series = m
	}
	if season != nil {
		values["season_id"], values["season_number"] = clean(season.value("SeasonContentID")), sequence(season.child("SeasonNumber"))
		values["season_title"], _ = a.titleOf(season, "Season")
		if series == nil {
			series = season.child("SeriesMetadata")
		}
	}
	if series != nil {
		values["series_id"] = clean(series.value("SeriesContentID"))
		values["series_title"], _ = a.titleOf(series, "Series")
	}
}

func metadataOf(asset *node) *node {
	for _, name := range []string{"Metadata", "EpisodeMetadata", "SeasonMetadata", "SeriesMetadata", "VolumeMetadata"} {
		if n := asset.child(name); n != nil {
			return n
		}
	}
	return nil
}

// titleOf returns the title as viewers see it, else as the licensor calls it,
// and its language where that is said.
func (a *avail) titleOf(m *node, prefix string) (title, language string) {
	display := m.child(prefix + "TitleDisplayUnlimited")
	if display == nil || display.text == "" {
		return clean(m.value(prefix + "TitleInternalAlias")), ""
	}
	language = display.attr("language")
	if language != "" {
		if reason := checkLanguage(language); reason != "" {
			a.warn(display, "Avail/Asset/"+m.name+"/"+display.name+"@language", "%s", reason)
			language = ""
		}
	}
	return clean(display.text), language
}

func (a *avail) eidr(m *node, prefix string) string {
	name := prefix + "EIDR-URN"
	if prefix == "" {
		name = "TitleEIDR-URN"
	}
	for _, one := range []string{name, "EditEIDR-URN"} {
		if n := m.child(one); n != nil {
			if reason := checkEIDR(n.text); reason != "" {
				a.warn(n, "Avail/Asset/"+m.name+"/"+one, "%s", reason)
			}
		}
	}
	return m.value(name)
}

func (a *avail) runtime(n *node) string {
	if n == nil || n.text == "" {
		return ""
	}
	seconds, ok := durationSeconds(n.text)
	if !ok {
		a.warn(n, "Avail/Asset/RunLength", "%q is no duration; write it like PT1H37M49S", n.text)
		return ""
	}
	return strconv.FormatInt(seconds, 10)
}

// ratings checks all ratings and keeps the first that is right.
func (a *avail) ratings(m *node, values map[string]string) {
	for _, n := range m.child("Ratings").all("Rating") {
		const path = "Avail/Asset/Ratings/Rating"
		system, value := n.value("System"), n.value("Value")
		bad := false
		for _, p := range checkRating(n) {
			a.warn(p.node, path+p.path, "%s", p.reason)
			bad = bad || p.bad
		}
		if !bad && values["rating_system"] == "" {
			values["rating_system"], values["rating_value"] = system, value
		}
	}
}

// sequence returns an episode's or season's number.
func sequence(n *node) string {
	if n == nil {
		return ""
	}
	if number := n.value("Number"); number != "" {
		return number
	}
	return clean(n.text)
}

func year(date string) string {
	if len(date) >= 4 {
		if _, err := strconv.Atoi(date[:4]); err == nil {
			return date[:4]
		}
	}
	return ""
}

// fields puts values into the order of the columns.
func fields(parts ...map[string]string) []string {
	row := make([]string, len(columns))
	for i, name := range columns {
		for _, part := range parts {
			if v, ok := part[name]; ok {
				row[i] = v
			}
		}
	}
	return row
}

// digest names a transaction that has no TransactionID by what tells it from others.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:6])
}
