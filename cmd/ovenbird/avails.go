package main

import (
	"io"
	"iter"
	"time"

	"ovenbird/internal/avails"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// toldWarnings is how many warnings about an Avails file a person is shown.
const toldWarnings = 20

// availsConfig makes an import read MDDF Avails: through the mapping that is
// given, or one that comes with the program. What one delivery says, the next
// may take back, so it is known who said it.
func (c *cli) availsConfig(e *environment, flags importFlags, config *importer.Config) (err error) {
	read := avails.Config{KnownGroup: func(name string) bool { return e.site.Content.Rules.Groups[name] != nil }}
	if flags.zone != "" {
		if read.Zone, err = time.LoadLocation(flags.zone); err != nil || flags.zone == "Local" {
			return ovenbird.Errorf(ovenbird.Invalid, "--zone %q: use UTC or a name such as America/Los_Angeles", flags.zone)
		}
	}
	if config.Mapping == nil {
		name, text := avails.Mapping(flags.titles)
		if config.Mapping, err = importer.ParseMapping(name, text, nil); err != nil {
			return err
		}
	} else if flags.titles {
		return ovenbird.Errorf(ovenbird.Invalid, "--titles chooses a mapping; with --mapping, write titles there")
	}
	if config.Source == "" {
		config.Source, config.Actor = "avails", "import avails"
	}
	config.Format = c.availsFormat(flags.zone, read)
	return nil
}

// availsFormat reads Avails as a table, and shows the first warnings about them.
func (c *cli) availsFormat(zone string, config avails.Config) *importer.Format {
	told := 0
	warn := func(name string, problems []avails.Problem) {
		for _, p := range problems {
			if !p.Refuses && told < toldWarnings {
				told++
				c.note("warning: %s: %s", ovenbird.Place{File: name, Line: p.Line}, p)
			}
		}
	}
	rows := func(name string, in io.Reader) iter.Seq2[importer.FormatRow, error] {
		return func(yield func(importer.FormatRow, error) bool) {
			for row, err := range avails.Read(name, in, config) {
				warn(name, row.Problems)
				if !yield(availsRow(&row), err) {
					return
				}
			}
		}
	}
	return &importer.Format{Name: "avails " + zone, Columns: avails.Columns(), Rows: rows}
}

// availsRow is a row of Avails as the importer takes it. Its line is that of
// what is wrong, where something is.
func availsRow(row *avails.Row) importer.FormatRow {
	out := importer.FormatRow{Line: int64(row.Line), Raw: row.Raw, Fields: row.Fields, Part: row.ALID, Complete: row.Complete}
	for _, p := range row.Problems {
		if p.Refuses {
			out.Refused = append(out.Refused, importer.Refusal{Line: int64(p.Line), Reason: p.String()})
		}
	}
	return out
}
