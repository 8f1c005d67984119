package avails

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// Config says how to read.
type Config struct {
	// Zone is where times are that say no zone. Nil refuses them: a wrong guess
	// opens windows hours early in half of the world.
	Zone *time.Location
	// KnownGroup reports whether the site defines a group of countries of this
	// name. Nil knows none.
	KnownGroup func(name string) bool
	// AvailBytes is how long one Avail may be; 0 means 4 MiB.
	AvailBytes int
}

// Row is one transaction for one asset of an Avail, or, where Fields is nil,
// what is to be said of an Avail without any.
type Row struct {
	Line   int      // where the transaction, or the Avail, starts
	Fields []string // in the order of Columns; nil gives no records
	Raw    string   // the transaction as it is in the file
	ALID   string   // of the Avail
	// Complete is whether the rows with this ALID are all that holds for it from
	// now on, as a full extract or a full delete says.
	Complete bool
	Problems []Problem
}

// Refused reports whether a problem of the row refuses it. Its fields are nil then.
func (r *Row) Refused() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Refuses })
}

// Problem is something wrong in the file.
type Problem struct {
	Line    int
	Element string // its path from the Avail on
	Message string // what is wrong, and what would be right
	Refuses bool   // whether the row is refused; else it is a warning
}

// String formats p as element: message.
func (p Problem) String() string { return p.Element + ": " + p.Message }

// namespace is that of every version, whose number is in it.
var namespace = regexp.MustCompile(`^https?://www\.movielabs\.com/schema/avails/v([0-9][0-9.]*)/avails$`)

// versions are those that this package was written for.
var versions = []string{"2.4", "2.5", "2.5.1", "2.5.2", "2.6", "2.6.1", "2.7", "2.7.1"}

// Read yields the rows of an Avails file, in order. An error ends them: the file
// is no Avails, or broken from a place on; it is Invalid, with the place, unless
// reading failed.
func Read(name string, in io.Reader, cfg Config) iter.Seq2[Row, error] {
	cfg.AvailBytes = cmp.Or(cfg.AvailBytes, 4<<20)
	return func(yield func(Row, error) bool) {
		d := newDocument(name, in, cfg.AvailBytes)
		if err := d.rows(&cfg, func(r Row) bool { return yield(r, nil) }); err != nil {
			yield(Row{}, err)
		}
	}
}

// rows reads the list of Avails, or lists of them with a signature.
func (d *document) rows(cfg *Config, yield func(Row) bool) error {
	root := true
	for {
		token, err := d.next()
		if errors.Is(err, io.EOF) && !root {
			return nil
		} else if errors.Is(err, io.EOF) {
			return ovenbird.ErrorAt(ovenbird.Place{File: d.name, Line: 1}, "the file has no elements; it needs an AvailList")
		} else if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if root {
			root = false
			warning, err := d.checkRoot(start)
			if err != nil {
				return err
			}
			if warning != nil && !yield(Row{Line: warning.Line, Problems: []Problem{*warning}}) {
				return nil
			}
		}
		if start.Name.Local == "AvailList" || start.Name.Local == "AvailListSigned" {
			continue
		}
		more, err := d.entry(start, cfg, yield)
		if err != nil || !more {
			return err
		}
	}
}

// checkRoot refuses a file that is no Avails, and warns of a version that this
// package was not written for.
func (d *document) checkRoot(root xml.StartElement) (*Problem, error) {
	match := namespace.FindStringSubmatch(root.Name.Space)
	known := slices.Contains([]string{"AvailList", "AvailListSigned", "Avail"}, root.Name.Local)
	if match == nil || !known {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: d.name, Line: d.line()},
			"the file starts with %s of namespace %q; Avails start with AvailList of "+
				"http://www.movielabs.com/schema/avails/v2.7/avails or one from v2.4 on",
			root.Name.Local, root.Name.Space)
	}
	if slices.Contains(versions, match[1]) {
		return nil, nil //nolint:nilnil // no problem and no error
	}
	return &Problem{
		Line: d.line(), Element: root.Name.Local,
		Message: fmt.Sprintf("the version is %s; it is read as 2.4 to 2.7 are, which may miss something: ask for one of those", match[1]),
	}, nil
}

// entry reads an element of the list and yields its rows; false means that
// nobody wants more.
func (d *document) entry(start xml.StartElement, cfg *Config, yield func(Row) bool) (bool, error) {
	d.tape.cut(d.tape.startOf(d.tokens.InputOffset()))
	n, err := d.element(start, 0)
	if err != nil {
		return false, err
	}
	if n.name != "Avail" {
		if n.name == "Signature" {
			return true, nil
		}
		return yield(Row{Line: n.line, Problems: []Problem{{
			Line: n.line, Element: n.name, Refuses: true, Message: "unknown element; only Avail stands in a list",
		}}}), nil
	}
	a := &avail{cfg: cfg, node: n, text: d.tape.text}
	for _, row := range a.rows() {
		if !yield(row) {
			return false, nil
		}
	}
	return true, nil
}

// clean puts a text on one line: names and identifiers never have two.
func clean(text string) string { return strings.Join(strings.Fields(text), " ") }
