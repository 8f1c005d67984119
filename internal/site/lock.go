package site

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Pin says to which commit a revision of a repository was pinned. A site's pins
// stand in site.lock, which belongs in git like the rest of the site: whoever has
// the same site has the same stacks.
type Pin struct {
	URL, Revision, Commit string
}

// lockHeader begins a site.lock.
const lockHeader = "# The commits that the revisions in site.yaml stand for: REPOSITORY REVISION COMMIT.\n" +
	"# Made by `ovenbird site pin`; belongs in git, so that everybody has the same.\n"

// FormatLock returns the text of a site.lock.
func FormatLock(pins []Pin) []byte {
	lines := make([]string, len(pins))
	for i, p := range pins {
		lines[i] = fmt.Sprintf("%s %s %s\n", p.URL, p.Revision, p.Commit)
	}
	slices.Sort(lines)
	return []byte(lockHeader + strings.Join(slices.Compact(lines), ""))
}

// Pins returns the pins of the site's stacks, without those that site.yaml has as
// commits.
func (s *Site) Pins() []Pin {
	var pins []Pin
	for _, stack := range s.Stacks {
		if r := stack.Repository; r != nil && r.Commit != "" && r.Commit != r.Revision {
			pins = append(pins, Pin{r.URL, r.Revision, r.Commit})
		}
	}
	return pins
}

// resolve gives each repository the commit that its revision stands for, as far
// as that is known.
func (l *loader) resolve(stacks []Stack) {
	pins := l.lock()
	for i := range stacks {
		r := stacks[i].Repository
		switch {
		case r == nil || r.Revision == "":
		case commitPattern.MatchString(r.Revision):
			r.Commit = r.Revision
		default:
			for _, p := range pins {
				if p.URL == r.URL && p.Revision == r.Revision {
					r.Commit = p.Commit
				}
			}
		}
	}
}

// pinned reports stacks whose commit is not known.
func (l *loader) pinned(stacks []Stack) {
	for _, s := range stacks {
		if r := s.Repository; r != nil && r.Revision != "" && r.Commit == "" {
			l.at(s.place, "revision %s of stack %s is not pinned to a commit; run `ovenbird site pin`, which asks %s and writes %s",
				r.Revision, s.Name, r.URL, lockFile)
		}
	}
}

// lock reads the site.lock. A site without one has no pins.
func (l *loader) lock() []Pin {
	body, err := fs.ReadFile(l.files, lockFile)
	place := l.place(lockFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		l.at(place, "the file can not be read: %v", err)
		return nil
	}
	if bad, what := unreadable(place.File, body); what != "" {
		l.at(bad, "%s", what)
		return nil
	}
	var pins []Pin
	number := 0
	for line := range strings.Lines(string(body)) {
		number++
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case len(fields) != 3 || !commitPattern.MatchString(fields[2]):
			l.at(ovenbird.Place{File: place.File, Line: number, Column: 1},
				"this is not REPOSITORY REVISION COMMIT; run `ovenbird site pin` to write the file anew")
		default:
			pins = append(pins, Pin{fields[0], fields[1], fields[2]})
		}
	}
	return pins
}
