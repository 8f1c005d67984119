package bake

import (
	"slices"
	"time"

	"ovenbird/internal/release"
)

// patches puts the changes of all subjects together by instant.
func (s *State) patches() []release.Patch {
	byInstant := make(map[time.Time][]release.Row)
	for _, edition := range s.editions {
		for _, m := range edition.made {
			for _, c := range m.changes {
				at := c.at.UTC()
				byInstant[at] = appendRows(byInstant[at], edition, c.rows)
			}
		}
	}
	patches := make([]release.Patch, 0, len(byInstant))
	for at, rows := range byInstant {
		patches = append(patches, release.NewPatch(at, rows))
	}
	return sortPatches(patches)
}

func sortPatches(patches []release.Patch) []release.Patch {
	slices.SortFunc(patches, func(a, b release.Patch) int { return a.At.Compare(b.At) })
	return patches
}

// repair is what is different in the patch of an instant.
type repair struct {
	gone  map[release.Key]bool
	there []release.Row
}

// repatch returns the patches with the changes of what was made again in place of
// those that were there before. Patches in which nothing is different stay what
// they are, so that nobody has to encode them again.
func repatch(patches []release.Patch, outcomes []outcome) []release.Patch {
	repairs := make(map[time.Time]*repair)
	for _, o := range outcomes {
		for _, d := range o.dishes {
			for i, b := range d.kin {
				d.repair(repairs, b, d.was[i].changesOf())
			}
		}
	}
	if len(repairs) == 0 {
		return patches
	}
	var next []release.Patch
	for _, p := range patches {
		fix := repairs[p.At]
		delete(repairs, p.At)
		if fix != nil {
			rows := slices.DeleteFunc(slices.Clone(p.Rows), func(r release.Row) bool { return fix.gone[r.Key] })
			p = release.NewPatch(p.At, append(rows, fix.there...))
		}
		if len(p.Rows) > 0 {
			next = append(next, p)
		}
	}
	for at, fix := range repairs {
		next = append(next, release.NewPatch(at, fix.there))
	}
	return sortPatches(next)
}

// repair notes how the changes of an edition differ from those before.
func (d *dish) repair(repairs map[time.Time]*repair, b *batch, before []change) {
	at := func(c change) *repair {
		instant := c.at.UTC()
		if repairs[instant] == nil {
			repairs[instant] = &repair{gone: make(map[release.Key]bool)}
		}
		return repairs[instant]
	}
	for _, c := range before {
		if !slices.ContainsFunc(d.made.changes, c.equal) {
			for _, row := range c.rows {
				at(c).gone[release.Key{Edition: b.edition.Name(), Path: row.Path}] = true
			}
		}
	}
	for _, c := range d.made.changes {
		if !slices.ContainsFunc(before, c.equal) {
			fix := at(c)
			fix.there = appendRows(fix.there, b, c.rows)
		}
	}
}

func (c change) equal(other change) bool {
	return c.at.Equal(other.at) && slices.EqualFunc(c.rows, other.rows, release.Row.Equal)
}

// changesOf returns the changes of what was made, none of nothing.
func (m *made) changesOf() []change {
	if m == nil {
		return nil
	}
	return m.changes
}
