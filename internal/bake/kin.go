package bake

import (
	"iter"
	"maps"
	"reflect"
	"slices"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// kin are editions that only their names tell apart, so that nothing but a license
// for one of their applications and not for another can make their rows differ.
// What is made for one of them is made for all that such licenses treat alike.
type kin []*batch

// kinsOf puts editions together with their kin, in order.
func kinsOf(editions []*batch) []kin {
	var kins []kin
	for _, b := range editions {
		if i := slices.IndexFunc(kins, func(k kin) bool { return k[0].like(b) }); i >= 0 {
			kins[i] = append(kins[i], b)
		} else {
			kins = append(kins, kin{b})
		}
	}
	return kins
}

// like reports whether two editions differ in their names at most, and no document
// says which one it is of.
func (b *batch) like(other *batch) bool {
	mine, others := *b.edition, *other.edition
	mine.Application, mine.Language = others.Application, others.Language
	return reflect.DeepEqual(mine, others) && slices.EqualFunc(b.plans, other.plans, func(p, q *shape.Plan) bool {
		return p.Same(q) && !p.NamesEdition()
	})
}

// alike divides kin into those that licenses treat alike.
func (k kin) alike(licenses iter.Seq[*ovenbird.License]) []kin {
	parts := []kin{k}
	for l := range licenses {
		if len(parts) == len(k) {
			break
		}
		if slices.Contains(l.Applications, "*") {
			continue
		}
		for i := range parts {
			in, out := parts[i].split(func(b *batch) bool { return facts.Applies(l, b.edition.Application) })
			if len(in) > 0 && len(out) > 0 {
				parts[i] = in
				parts = append(parts, out)
			}
		}
	}
	return parts
}

func (k kin) split(of func(*batch) bool) (in, out kin) {
	for _, b := range k {
		if of(b) {
			in = append(in, b)
		} else {
			out = append(out, b)
		}
	}
	return in, out
}

// parts divides kin into those for which a subject comes out the same: all that
// their rows may depend on is in the families that the subject shows or lists.
func (c *cook) parts(s subject) []kin {
	if len(c.kin) == 1 {
		return []kin{c.kin}
	}
	snapshot := c.view.Snapshot()
	switch s.of {
	case shape.ByTitle:
		return c.kin.alike(familyLicenses(snapshot, ovenbird.TitleID(s.id)))
	case shape.ByCollection:
		collection := snapshot.Collections[ovenbird.CollectionID(s.id)]
		if collection == nil {
			return []kin{c.kin}
		}
		return c.kin.alike(familyLicenses(snapshot, collection.Items...))
	case shape.ByPrefix:
		return c.kin.alike(familyLicenses(snapshot, c.particularHits(s.id)...))
	default:
		if c.everywhere == nil {
			c.everywhere = c.kin.alike(familyLicenses(snapshot, slices.Collect(maps.Keys(c.seen.particular))...))
		}
		return c.everywhere
	}
}

// particularHits returns what a prefix finds of the families that may tell kin apart.
func (c *cook) particularHits(prefix string) []ovenbird.TitleID {
	if len(c.seen.particular) == 0 {
		return nil
	}
	var hits []ovenbird.TitleID
	for _, find := range c.view.Search(prefix, c.kitchen.longestPrefix()) {
		for _, titles := range [][]*ovenbird.Title{find.Leading, find.Others} {
			for _, t := range titles {
				if c.seen.particular[t.ID] {
					hits = append(hits, t.ID)
				}
			}
		}
	}
	slices.Sort(hits)
	return slices.Compact(hits)
}

// familyLicenses yields the licenses of the families that titles belong to.
func familyLicenses(s *ovenbird.Snapshot, titles ...ovenbird.TitleID) iter.Seq[*ovenbird.License] {
	return func(yield func(*ovenbird.License) bool) {
		for _, title := range titles {
			for _, id := range s.Family(title) {
				for _, l := range s.Licenses[id] {
					if !yield(l) {
						return
					}
				}
			}
		}
	}
}

// anyParticular reports whether one of the licenses is for some applications alone.
func anyParticular(licenses []*ovenbird.License) bool {
	return slices.ContainsFunc(licenses, func(l *ovenbird.License) bool { return !slices.Contains(l.Applications, "*") })
}
