package ovenbird

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// LicenseID identifies a license for ever.
type LicenseID string

// Model is how a viewer pays for what a license allows.
type Model string

// The business models.
const (
	SVOD Model = "svod" // by subscription
	AVOD Model = "avod" // by watching advertising
	TVOD Model = "tvod" // by renting this title
	EST  Model = "est"  // by buying this title
	Free Model = "free"
)

// Models lists every business model, in the order above.
func Models() []Model { return []Model{SVOD, AVOD, TVOD, EST, Free} }

// License is the right to show a title and what lies below it: where, in which
// applications, when, and for what. A title with licenses of its own is governed
// by those alone; one without takes those of its nearest ancestor that has some.
type License struct {
	ID           LicenseID
	Title        TitleID
	Territories  []string // country codes, names of groups, or "*" for worldwide; never empty
	Exclude      []string // the same; exclusion beats inclusion within one license
	Applications []string // names of applications, or "*" for all; never empty
	Window       Window
	Model        Model
}

// Window is the half-open time range [Start, End) in UTC. A zero Start has
// always begun; a zero End never comes.
type Window struct {
	Start, End time.Time
}

// Contains reports whether t lies in w.
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.Start) && (w.End.IsZero() || t.Before(w.End))
}

// Valid reports whether w can contain any instant at all.
func (w Window) Valid() bool { return w.End.IsZero() || w.Start.Before(w.End) }

// Systems that can not leave a date empty write one that is far away.
const (
	lastYearOfNoStart = 1900
	firstYearOfNoEnd  = 9999
)

// OpenStart reports whether a start, as a supplier wrote it, says that there is
// none: 0001-01-01, 1900-01-01 and everything in or before that year. Such a
// start would also ask for the members of territory groups as they were then.
func OpenStart(start time.Time) bool { return start.Year() <= lastYearOfNoStart }

// OpenEnd reports whether an end, as a supplier wrote it, says that there is none:
// 9999-12-31 and everything from that year on.
func OpenEnd(end time.Time) bool { return end.Year() >= firstYearOfNoEnd }

// MaxIDLength is the longest id, in bytes.
const MaxIDLength = 128

// CheckID reports, as an Invalid error, why s can not be an id of a title,
// license or collection. Ids stand in addresses and file names, so they are
// letters, digits and "-", "_", ".", "~", ":", "@", "+", never only dots.
func CheckID(s string) error {
	switch {
	case s == "":
		return Errorf(Invalid, "an id is empty")
	case len(s) > MaxIDLength:
		return Errorf(Invalid, "id %.20q… has %d bytes; %d are allowed", s, len(s), MaxIDLength)
	case !utf8.ValidString(s):
		return Errorf(Invalid, "id %q is not valid UTF-8", s)
	case strings.Trim(s, ".") == "":
		return Errorf(Invalid, "id %q is only dots, which means a folder in an address", s)
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.~:@+", r) {
			return Errorf(Invalid, "id %q contains %q; use letters, digits and -_.~:@+", s, r)
		}
	}
	return nil
}
