package importer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// instant is a value that is a date or a time of day on a date.
type instant struct {
	value
	layout string         // of package time; "" for RFC 3339
	zone   *time.Location // nil where the layout has one
	steps  []step
	isOpen func(time.Time) bool // what stands for no date at all, as ovenbird.OpenEnd
	none   string               // the JSON for that; "" to leave the field out
	up     bool                 // whether a part of a second counts as a whole one: a window is never longer than written
}

// step moves an instant: on the calendar of its zone, or by a duration.
type step struct {
	years, months, days int
	duration            time.Duration
}

// readInstant reads a value with layout, zone and add, and with the keys that its
// field has beside. A plain template gives RFC 3339: a date alone, and a time
// without a zone, need a layout, which asks for the zone that they are meant in.
func (c *compiler) readInstant(n ast.Node, t *instant, more ...string) (appender, error) {
	keys := append([]string{"layout", "zone", "add"}, more...)
	v, fields, err := c.readValue(n, keys...)
	if err != nil {
		return nil, err
	}
	if fields["layout"] == nil {
		for _, key := range keys[1:] {
			if fields[key] != nil {
				return nil, c.errorf(fields[key], "%s needs a layout: how the date is written, in terms of 2006-01-02 15:04:05", key)
			}
		}
		t.value = *v
		return t.append, nil
	}
	t.value = *v
	if err := c.readLayout(t, fields["layout"], fields["zone"]); err != nil {
		return nil, err
	}
	if fields["add"] != nil {
		if t.steps, err = c.readAdd(fields["add"]); err != nil {
			return nil, err
		}
	}
	if fields["end"] != nil {
		word, err := c.choice(fields["end"], "inclusive", "exclusive")
		if err != nil {
			return nil, err
		}
		if word == "inclusive" {
			t.steps = append(t.steps, unit(t.layout))
		}
	}
	return t.append, nil
}

func (c *compiler) readLayout(t *instant, layout, zone ast.Node) (err error) {
	if t.layout, err = c.scalar(layout); err != nil {
		return err
	}
	// A day whose parts can not be taken for each other.
	probe := time.Date(2019, 11, 28, 0, 0, 0, 0, time.UTC)
	if back, err := time.Parse(t.layout, probe.Format(t.layout)); err != nil || !back.Equal(probe) {
		const remedy = "write it in terms of 2006-01-02 15:04:05, for example 02.01.2006"
		return c.errorf(layout, "layout %q does not say which day it is; %s", t.layout, remedy)
	}
	hasZone := strings.Contains(t.layout, "Z07") || strings.Contains(t.layout, "-07")
	switch {
	case strings.Contains(t.layout, "MST"):
		return c.errorf(layout,
			`an abbreviation such as "CST" means several zones; cut it off with a pattern, and say in "zone" which one it is`)
	case zone == nil && !hasZone:
		return c.errorf(layout, `the layout has no zone, so "zone" must say where the date is: UTC, Europe/Helsinki…`)
	case zone == nil:
		return nil
	case hasZone:
		return c.errorf(zone, "the layout has a zone already; leave this out")
	}
	name, err := c.scalar(zone)
	if err != nil {
		return err
	}
	if t.zone, err = time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return c.errorf(zone, "there is no zone %q; use UTC or a name such as Europe/Helsinki", name)
	}
	return nil
}

var stepForm = regexp.MustCompile(`^([+-]?\d{1,6})(y|mo|w|d|h|m|s)$`)

// readAdd reads "7d", "-1w", "1mo -1d".
func (c *compiler) readAdd(n ast.Node) ([]step, error) {
	text, err := c.scalar(n)
	if err != nil {
		return nil, err
	}
	var steps []step
	for part := range strings.FieldsSeq(text) {
		match := stepForm.FindStringSubmatch(part)
		if match == nil {
			return nil, c.errorf(n, "add has %q; use numbers with y, mo, w, d, h, m or s, such as 7d or -1w", part)
		}
		count, err := strconv.Atoi(match[1])
		if err != nil {
			return nil, c.errorf(n, "add has %q: %v", part, err)
		}
		steps = append(steps, stepOf(count, match[2]))
	}
	return steps, nil
}

func stepOf(count int, unit string) step {
	switch unit {
	case "y":
		return step{years: count}
	case "mo":
		return step{months: count}
	case "w":
		return step{days: 7 * count}
	case "d":
		return step{days: count}
	case "h":
		return step{duration: time.Duration(count) * time.Hour}
	case "m":
		return step{duration: time.Duration(count) * time.Minute}
	default:
		return step{duration: time.Duration(count) * time.Second}
	}
}

// unit is the smallest step that a layout can tell apart: what lies between an
// inclusive end and the first instant outside.
func unit(layout string) step {
	switch {
	case strings.Contains(layout, "05"):
		return stepOf(1, "s")
	case strings.Contains(layout, "04"):
		return stepOf(1, "m")
	case strings.Contains(layout, "15"), strings.Contains(layout, "03"):
		return stepOf(1, "h")
	default:
		return stepOf(1, "d")
	}
}

// append is an appender.
func (t *instant) append(buf []byte, r *row) ([]byte, bool, error) {
	text, err := t.eval(r)
	if err != nil || text == "" {
		return buf, false, err
	}
	at, err := t.parse(text)
	if err != nil {
		return buf, false, err
	}
	if t.isOpen(at) {
		return append(buf, t.none...), t.none != "", nil
	}
	for _, s := range t.steps {
		at = t.move(at, s)
	}
	if whole := at.Truncate(time.Second); t.up && whole.Before(at) {
		at = whole.Add(time.Second)
	}
	return quote(buf, at.UTC().Format(time.RFC3339)), true, nil
}

func (t *instant) parse(text string) (time.Time, error) {
	if t.layout == "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return at, fmt.Errorf("%q is no instant with a zone, such as 2026-01-31T18:00:00Z: "+
				"if it is a date, or a time without a zone, give the field a layout and the zone that is meant", text)
		}
		return at, nil
	}
	// In UTC, so that an offset is never taken for the zone of this machine.
	at, err := time.ParseInLocation(t.layout, text, time.UTC)
	if err != nil {
		return at, fmt.Errorf("%q is not a date like %s", text, t.layout)
	}
	return t.local(at), nil
}

// move makes a step: years, months and days on the calendar of the zone, the rest
// as time that passes.
func (t *instant) move(at time.Time, s step) time.Time {
	switch {
	case s.duration != 0:
		return at.Add(s.duration)
	case t.zone == nil:
		return at.AddDate(s.years, s.months, s.days)
	default:
		return inZone(shown(at).AddDate(s.years, s.months, s.days), t.zone)
	}
}

// local takes what a calendar and a clock show for the instant at which they do.
func (t *instant) local(at time.Time) time.Time {
	if t.zone == nil {
		return at
	}
	return inZone(at, t.zone)
}
