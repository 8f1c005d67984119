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
	layout string // of package time
	zone   *time.Location
	steps  []step
}

// step moves an instant, on the calendar of its zone for days and more.
type step struct {
	years, months, days int
	duration            time.Duration
}

// readInstant reads a value with layout, zone and add; and with end, where the
// field is the end of a window. A plain template gives RFC 3339 or a date as it is.
func (c *compiler) readInstant(n ast.Node, isEnd bool) (appender, error) {
	keys := []string{"layout", "zone", "add"}
	if isEnd {
		keys = append(keys, "end")
	}
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
		return textAppender(v), nil
	}
	t := &instant{value: *v}
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
	case zone == nil && !hasZone:
		return c.errorf(layout, `the layout has no zone, so "zone" must say where the date is: UTC, Europe/Helsinki…`)
	case zone == nil:
		t.zone = time.UTC
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
	at, err := time.ParseInLocation(t.layout, text, t.zone)
	if err != nil {
		return buf, false, fmt.Errorf("%q is not a date like %s", text, t.layout)
	}
	for _, s := range t.steps {
		at = at.AddDate(s.years, s.months, s.days).Add(s.duration)
	}
	return quote(buf, at.UTC().Format(time.RFC3339)), true, nil
}
