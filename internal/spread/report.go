package spread

import (
	"strings"
	"time"
	"unicode/utf8"

	"ovenbird/internal/ovenbird"
)

// Report is what an edge says of itself. Instants are by the edge's own clock.
type Report struct {
	Edge      string             `json:"edge"`                // its name, which no other edge has
	Countries []ovenbird.Country `json:"countries,omitempty"` // that it serves; none means all
	Release   string             `json:"release,omitempty"`   // that it serves; "" before the first
	// Previous is the release that it served before; "" where Release is the first
	// that this process serves, so that Known is no measure of how fast news spread.
	Previous string    `json:"previous,omitempty"`
	Known    time.Time `json:"known,omitzero"` // when the edge saw that Release was to be served
	Since    time.Time `json:"since,omitzero"` // when it served it
	// Fetch is how long it read Release, Swap how long it made and checked what it
	// answers with.
	Fetch time.Duration `json:"fetch_ns"`
	Swap  time.Duration `json:"swap_ns"`
	// Failure is why it can not follow, and Failing since when; "" where it can.
	Failure string    `json:"failure,omitempty"`
	Failing time.Time `json:"failing_since,omitzero"`
	// Leaving says that it was stopped, and is to be forgotten.
	Leaving bool      `json:"leaving,omitempty"`
	Sent    time.Time `json:"sent"` // now
}

// What a report may hold.
const (
	maxName    = 128
	maxRelease = 128
	maxFailure = 500
	maxStep    = 24 * time.Hour
)

// check says what is wrong with a report from somebody else; it cuts what is
// merely long.
func (r *Report) check() error {
	switch {
	case r.Edge == "" || len(r.Edge) > maxName || !printable(r.Edge):
		return ovenbird.Errorf(ovenbird.Invalid, "%.40q can not be the name of an edge: use up to %d printable bytes", r.Edge, maxName)
	case len(r.Release) > maxRelease || len(r.Previous) > maxRelease || !printable(r.Release) || !printable(r.Previous):
		return ovenbird.Errorf(ovenbird.Invalid, "a report of edge %s names no release", r.Edge)
	case r.Fetch < 0 || r.Swap < 0 || r.Fetch > maxStep || r.Swap > maxStep:
		return ovenbird.Errorf(ovenbird.Invalid, "a report of edge %s has steps of %s and %s", r.Edge, r.Fetch, r.Swap)
	case len(r.Countries) > ovenbird.CountryCount:
		return ovenbird.Errorf(ovenbird.Invalid, "a report of edge %s has %d countries", r.Edge, len(r.Countries))
	}
	for _, code := range r.Countries {
		if parsed, err := ovenbird.ParseCountry(string(code)); err != nil || parsed != code {
			return ovenbird.Errorf(ovenbird.Invalid, "a report of edge %s has the country %.10q", r.Edge, code)
		}
	}
	for _, instant := range []time.Time{r.Known, r.Since, r.Failing, r.Sent} {
		if year := instant.UTC().Year(); !instant.IsZero() && (year < 2000 || year > 9000) {
			return ovenbird.Errorf(ovenbird.Invalid, "a report of edge %s has an instant in the year %d", r.Edge, year)
		}
	}
	if !printable(r.Failure) {
		r.Failure = strings.Map(func(c rune) rune {
			if c < ' ' || c == utf8.RuneError || c == 0x7f {
				return ' '
			}
			return c
		}, r.Failure)
	}
	if len(r.Failure) > maxFailure {
		r.Failure = strings.ToValidUTF8(r.Failure[:maxFailure], "") + "…"
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// received is a report with the instant at which it arrived, by this side's clock.
type received struct {
	Report
	at time.Time
}

// skew is how far the edge's clock is behind this one, and the time that the
// report was on its way: what to add to the edge's instants.
func (r *received) skew() time.Duration {
	if r.Sent.IsZero() {
		return 0
	}
	return r.at.Sub(r.Sent)
}

// here returns an instant of the edge by this side's clock.
func (r *received) here(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(r.skew())
}
