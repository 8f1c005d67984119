package tree

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// Config says what a tree holds and how it is written.
type Config struct {
	Scope
	// Exclusive says that the caller sees to it that nobody else writes the tree
	// now, so that a lease of somebody else must be one who died.
	Exclusive bool
	// Withdraw empties the tree when the release's horizon has passed, as an edge
	// refuses everything then. Otherwise what cannot have ended stays.
	Withdraw bool
	// Adopt allows a first tree in a bucket where files lie at its addresses.
	Adopt bool
	// Rewrite writes every file again, in the first run that comes to an end.
	Rewrite bool
	// Check compares every file with what it has to be, also where the state says
	// that all is as it should be, in the first run that comes to an end.
	Check bool
	// Workers is how many files are written at once; 0 means 32.
	Workers int
	// Poll is how often Start's loop looks for a new release; 0 means 1 s.
	Poll time.Duration
}

// Scope is what the files of a tree have in common.
type Scope struct {
	Countries    []ovenbird.Country `json:"countries,omitempty"`    // empty means all
	Applications []string           `json:"applications,omitempty"` // empty means all
	Codings      []string           `json:"codings,omitempty"`      // of the copies; empty means none
	// MaxAge is for how many seconds caches may keep a file; 0 means that they have
	// to ask each time, and is for stores that keep no headers.
	MaxAge int `json:"max_age"`
}

// Codings are the content codings in which copies can be made, with the endings
// of their files' names.
func Codings() []string {
	names := make([]string, len(codings))
	for i, c := range codings {
		names[i] = c.name
	}
	return names
}

func (c Config) withDefaults() Config {
	c.Workers = cmp.Or(c.Workers, 32)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.Countries = slices.Compact(slices.Sorted(slices.Values(c.Countries)))
	c.Applications = slices.Compact(slices.Sorted(slices.Values(c.Applications)))
	c.Codings = slices.Compact(slices.Sorted(slices.Values(c.Codings)))
	return c
}

// check reports what is wrong with a configuration, as an Invalid error.
func (c Config) check() error {
	for _, name := range c.Codings {
		if !slices.ContainsFunc(codings, func(c coding) bool { return c.name == name }) {
			return ovenbird.Errorf(ovenbird.Invalid, "there is no coding %q; there are %s", name, strings.Join(Codings(), ", "))
		}
	}
	for _, country := range c.Countries {
		if parsed, err := ovenbird.ParseCountry(string(country)); err != nil || parsed != country {
			return ovenbird.Errorf(ovenbird.Invalid, "%q is no country", country)
		}
	}
	if c.MaxAge < 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "a maximum age of %d s is less than none", c.MaxAge)
	}
	return nil
}

// countries returns the countries of the scope as a set.
func (s Scope) countries() ovenbird.CountrySet {
	if len(s.Countries) == 0 {
		return ovenbird.Worldwide()
	}
	return ovenbird.NewCountrySet(s.Countries...)
}

func (s Scope) has(application string) bool {
	return len(s.Applications) == 0 || slices.Contains(s.Applications, application)
}

func (s Scope) equal(other Scope) bool {
	return slices.Equal(s.Countries, other.Countries) && slices.Equal(s.Applications, other.Applications) &&
		slices.Equal(s.Codings, other.Codings) && s.MaxAge == other.MaxAge
}

// slack is how long, at most, writing the files of a transition is expected to
// take: so much before caches could keep a file past it, they are told not to.
const slack = 30 * time.Second

// lead is how long before a document changes by itself its file begins to tell
// caches to ask each time.
func (s Scope) lead() time.Duration {
	if s.MaxAge == 0 {
		return 0
	}
	return time.Duration(s.MaxAge)*time.Second + slack
}

// cacheControl is the header of a file.
func (s Scope) cacheControl(soon bool) string {
	if soon || s.MaxAge == 0 {
		return "no-cache"
	}
	return fmt.Sprintf("public, max-age=%d, must-revalidate", s.MaxAge)
}
