package importer_test

import (
	"strings"
	"testing"

	"ovenbird/internal/importer"
)

// windowOf maps one row with a start and an end, and returns the window of the
// license, as JSON, or why there is none.
func windowOf(t *testing.T, start, end, row string) string {
	t.Helper()
	mapping := "records:\n  - {type: license, id: l, title: t, territories: [\"*\"], applications: [\"*\"], model: svod, " +
		"start: " + start + ", end: " + end + "}\n"
	records, reasons := mapRows(t, mapping, "from,to\n"+row+"\n")
	if len(reasons) > 0 {
		return reasons[0]
	}
	_, window, _ := strings.Cut(strings.Join(records, "\n"), `"applications":["*"],`)
	return window
}

// TestDatesOfWindows has the traps of dates on their way in.
func TestDatesOfWindows(t *testing.T) {
	const (
		plainStart, plainEnd = `"{from}"`, `"{to}"`
		berlinStart          = `{from: "{from}", layout: "2006-01-02", zone: Europe/Berlin}`
		berlinEnd            = `{from: "{to}", layout: "2006-01-02", zone: Europe/Berlin, end: inclusive}`
		clockStart           = `{from: "{from}", layout: "2006-01-02 15:04", zone: Europe/Berlin}`
		clockEnd             = `{from: "{to}", layout: "2006-01-02 15:04", zone: Europe/Berlin, end: exclusive}`
		offsetEnd            = `{from: "{to}", layout: "2006-01-02T15:04:05-07:00"}`
		fractionStart        = `{from: "{from}", layout: "2006-01-02 15:04:05.999", zone: UTC}`
		fractionEnd          = `{from: "{to}", layout: "2006-01-02 15:04:05.999", zone: UTC}`
	)
	for _, test := range []struct{ name, start, end, row, want string }{
		{
			"an instant with a zone needs no other", plainStart, plainEnd, "2026-01-01T00:00:00+01:00,2026-02-01T00:00:00Z",
			`"start":"2025-12-31T23:00:00Z","end":"2026-02-01T00:00:00Z","model":"svod"}`,
		},
		{
			"a date needs a declared zone", plainStart, plainEnd, "2026-01-01,",
			`start: "2026-01-01" is no instant with a zone, such as 2026-01-31T18:00:00Z: if it is a date, or a time without a zone, ` +
				`give the field a layout and the zone that is meant`,
		},
		{
			"a time without a zone needs a declared zone", plainStart, plainEnd, ",2026-01-01T10:00:00",
			`end: "2026-01-01T10:00:00" is no instant with a zone, such as 2026-01-31T18:00:00Z: if it is a date, or a time without a zone, ` +
				`give the field a layout and the zone that is meant`,
		},
		{
			"a date is the first instant of its day in the declared zone", berlinStart, berlinEnd, "2026-06-01,2026-06-30",
			`"start":"2026-05-31T22:00:00Z","end":"2026-06-30T22:00:00Z","model":"svod"}`,
		},
		{
			"an inclusive end on the day the clocks change", berlinStart, berlinEnd, "2026-03-29,2026-10-25",
			`"start":"2026-03-28T23:00:00Z","end":"2026-10-25T23:00:00Z","model":"svod"}`,
		},
		{
			"a start in a gap, an end in an overlap", clockStart, clockEnd, "2026-03-29 02:30,2026-10-25 02:30",
			`"start":"2026-03-29T01:30:00Z","end":"2026-10-25T00:30:00Z","model":"svod"}`,
		},
		{"a sentinel start is open", berlinStart, berlinEnd, "1900-01-01,2026-06-30", `"end":"2026-06-30T22:00:00Z","model":"svod"}`},
		{"the first of all years is open", berlinStart, berlinEnd, "0001-01-01,", `"model":"svod"}`},
		{"a sentinel end is open", berlinStart, berlinEnd, "2026-06-01,9999-12-31", `"start":"2026-05-31T22:00:00Z","model":"svod"}`},
		{"a sentinel end with an offset is open", berlinStart, offsetEnd, ",9999-12-31T23:59:59-05:00", `"model":"svod"}`},
		{
			"a part of a second never lengthens a window", fractionStart, fractionEnd, "2026-01-01 00:00:00.5,2026-01-02 00:00:00.5",
			`"start":"2026-01-01T00:00:01Z","end":"2026-01-02T00:00:00Z","model":"svod"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := windowOf(t, test.start, test.end, test.row); got != test.want {
				t.Errorf(" got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestAZoneByItsAbbreviationIsRefused(t *testing.T) {
	const mapping = `records: [{type: title, id: "{a}", added: {from: "{a}", layout: "2006-01-02 15:04 MST", zone: America/Chicago}}]`
	_, err := importer.ParseMapping("m.yaml", []byte(mapping), nil)
	if err == nil || !strings.Contains(err.Error(), "means several zones") {
		t.Errorf("error %v", err)
	}
}

func TestStepsAreMadeOnTheCalendarOfTheZone(t *testing.T) {
	for add, want := range map[string]string{
		"1d":      `"start":"2026-03-29T01:30:00Z"`, // 02:30 does not exist on that day; it is 03:30 then
		"1d -1d":  `"start":"2026-03-28T02:30:00Z"`,
		"24h":     `"start":"2026-03-29T01:30:00Z"`,
		"24h -1h": `"start":"2026-03-29T00:30:00Z"`,
	} {
		got := windowOf(t, `{from: "{from}", layout: "2006-01-02 15:04", zone: Europe/Berlin, add: `+add+`}`, `"{to}"`, "2026-03-28 02:30,")
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", add, got, want)
		}
	}
}
