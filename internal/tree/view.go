package tree

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// view is the documents of a point.
type view struct {
	Point
	release *release.Release
	layout  *layout
	rows    *release.Tree
	// ahead are the rows as of every instant so near that caches would keep what is
	// written now until then.
	ahead []*release.Tree
	next  time.Time // when there is something to write; zero where nothing comes by itself
}

// expired reports whether the release had run out at the point.
func (v *view) expired() bool { return !v.At.Before(v.release.Manifest().HorizonEnd) }

// newView returns the documents of a release at a point under a scope.
func newView(ctx context.Context, r *release.Release, at Point, scope Scope, known templates) (*view, error) {
	m := r.Manifest()
	v := &view{Point: at, release: r, layout: newLayout(m.Editions, scope), rows: release.NewTree(nil)}
	if !v.expired() {
		v.next = m.HorizonEnd
	}
	if at.Withdrawn {
		return v, nil
	}
	content, err := r.Content(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the content of release %s: %w", m.ID, err)
	}
	v.rows = content.At(at.At)
	soon := at.At.Add(scope.lead())
	if v.expired() {
		err = v.takeOutEnded(ctx, soon, scope, known)
		return v, err
	}
	for _, p := range content.Patches {
		switch {
		case !p.At.After(at.At):
		case !p.At.After(soon):
			v.ahead = append(v.ahead, content.At(p.At))
			v.next = earlier(v.next, p.At)
		default:
			v.next = earlier(v.next, p.At.Add(-scope.lead()))
		}
	}
	return v, nil
}

// takeOutEnded leaves out, after the horizon, the documents that may have ended. A
// list ends with the first of its cards.
func (v *view) takeOutEnded(ctx context.Context, soon time.Time, scope Scope, known templates) error {
	if err := known.learn(ctx, v.release, slices.Collect(v.rows.All())); err != nil {
		return err
	}
	var ended, ending []release.Row
	for row := range v.rows.All() {
		end, ends := endOf(row, v.rows, known)
		gone := release.Row{Key: row.Key}
		switch {
		case !ends:
		case !end.After(v.At):
			ended = append(ended, gone)
		case !end.After(soon):
			ending = append(ending, gone)
			v.next = earliest(v.next, end)
		default:
			v.next = earliest(v.next, end.Add(-scope.lead()))
		}
	}
	v.rows = v.rows.Edit(ended)
	if len(ending) > 0 {
		v.ahead = []*release.Tree{v.rows.Edit(ending)}
	}
	return nil
}

// endOf returns when a row ends, with its cards if it is a list.
func endOf(row release.Row, rows *release.Tree, known templates) (end time.Time, ends bool) {
	seconds := row.Ends
	for _, class := range row.Classes {
		t := known[class.Object]
		if t == nil {
			continue
		}
		for _, slot := range t.slots {
			if card, _ := rows.Get(release.Key{Edition: row.Edition, Path: slot}); card.Ends != 0 && (seconds == 0 || card.Ends < seconds) {
				seconds = card.Ends
			}
		}
	}
	return time.Unix(seconds, 0).UTC(), seconds != 0
}

// earliest is earlier where a zero instant is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return earlier(a, b)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// variant is a document in the countries in which its file is the same.
type variant struct {
	countries ovenbird.CountrySet
	object    release.Hash // the document, or the template of a list
	cards     []release.Hash
	recipe    release.Hash // what the file is made from
	soon      bool         // caches may not keep it, because it changes by itself soon
}

// variants returns what there is of a document in the tree.
func (v *view) variants(known templates, key release.Key) ([]variant, error) {
	now, err := v.cells(known, v.rows, key)
	if err != nil || len(v.ahead) == 0 {
		return now, err
	}
	lasting := ovenbird.Worldwide()
	for _, rows := range v.ahead {
		later, err := v.cells(known, rows, key)
		if err != nil {
			return nil, err
		}
		lasting = lasting.Intersect(same(now, later))
	}
	var all []variant
	for _, cell := range now {
		for soon, countries := range map[bool]ovenbird.CountrySet{
			false: cell.countries.Intersect(lasting), true: cell.countries.Minus(lasting),
		} {
			if !countries.Empty() {
				part := cell
				part.countries, part.soon = countries, soon
				all = append(all, part)
			}
		}
	}
	return all, nil
}

// cells returns what there is of a document in some rows.
func (v *view) cells(known templates, rows *release.Tree, key release.Key) ([]variant, error) {
	row, _ := rows.Get(key)
	here := v.layout.countries(key.Edition)
	var cells []variant
	for _, class := range row.Classes {
		countries := class.Countries.Intersect(here)
		if key.Edition == "" {
			countries = here
		}
		if countries.Empty() {
			continue
		}
		t := known[class.Object]
		if t == nil {
			cells = append(cells, variant{countries: countries, object: class.Object, recipe: class.Object})
			continue
		}
		lists, err := t.Lists(t.slots, countries, classesOf(rows, key.Edition, t.slots))
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Internal, "document %s of release %s: %w", key, v.Release.ID, err)
		}
		for _, l := range lists {
			cells = append(cells, variant{countries: l.Countries, object: class.Object, cards: l.Cards, recipe: l.Recipe(class.Object)})
		}
	}
	return cells, nil
}

// has reports whether there is a file of a document in a country.
func (v *view) has(key release.Key, country uint8) bool {
	row, ok := v.rows.Get(key)
	if key.Edition == "" {
		return ok
	}
	return row.Countries().Intersect(v.layout.countries(key.Edition)).HasIndex(country)
}

func classesOf(rows *release.Tree, edition string, slots []string) map[string][]release.Class {
	classes := make(map[string][]release.Class, len(slots))
	for _, slot := range slots {
		row, _ := rows.Get(release.Key{Edition: edition, Path: slot})
		classes[slot] = row.Classes
	}
	return classes
}

// same returns the countries in which two sets of variants say the same of a file,
// those in which neither has one left out.
func same(a, b []variant) ovenbird.CountrySet {
	var all ovenbird.CountrySet
	for _, x := range a {
		for _, y := range b {
			if x.recipe == y.recipe && x.soon == y.soon {
				all = all.Union(x.countries.Intersect(y.countries))
			}
		}
	}
	return all
}

// covered returns the countries in which there is a file.
func covered(variants []variant) ovenbird.CountrySet {
	var all ovenbird.CountrySet
	for _, v := range variants {
		all = all.Union(v.countries)
	}
	return all
}
