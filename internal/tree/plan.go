package tree

import (
	"context"
	"maps"
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Plan sums up what a publisher is about to do.
type Plan struct {
	Release string `json:"release"`
	// Whole says that every file is looked at, because what the tree holds is not
	// known. Then Writes are those it takes if nothing is right already.
	Whole   bool `json:"whole"`
	Writes  int  `json:"writes"`  // of files, copies among them
	Deletes int  `json:"deletes"` // of files; not counted where Whole
}

// change is what becomes of the files of a document.
type change struct {
	key    release.Key
	list   bool                // its cards link to titles
	write  ovenbird.CountrySet // where its file differs
	fresh  ovenbird.CountrySet // of these, where there may be none yet
	gone   ovenbird.CountrySet // where there is none any more
	forced ovenbird.CountrySet // of write, where it is not enough that the file is the same
}

// planner works out the changes from what a tree may hold to what it shall hold.
type planner struct {
	known   templates
	sources []*view // what each file may be of
	target  *view
	former  []*view // where whole, what the tree may have held, wherever it lay
	whole   bool    // what else files may be is not known
	rewrite bool    // every file is to be written again
}

// plan returns the changes, in the order of keys.
func (p *planner) plan(ctx context.Context) ([]change, error) {
	keys, err := p.touched(ctx)
	if err != nil {
		return nil, err
	}
	changes := make([]change, 0, len(keys))
	for _, key := range keys {
		c, err := p.compare(key)
		if err != nil {
			return nil, err
		}
		if !c.write.Empty() || !c.gone.Empty() {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// touched returns the documents whose files may differ, in order.
func (p *planner) touched(ctx context.Context) ([]release.Key, error) {
	keys := make(map[release.Key]bool)
	if p.whole {
		for row := range p.target.rows.All() {
			keys[row.Key] = true
		}
	}
	for _, v := range append(slices.Clone(p.sources), p.target) {
		differ(keys, p.target.rows, v.rows)
		for _, ahead := range v.ahead {
			differ(keys, v.rows, ahead)
		}
	}
	if err := p.addLists(ctx, keys); err != nil {
		return nil, err
	}
	maps.DeleteFunc(keys, func(key release.Key, _ bool) bool { return key.IsCard() })
	for _, v := range append(slices.Clone(p.sources), p.target) {
		if err := p.learn(ctx, v, keys); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Keys(keys), release.Key.Compare), nil
}

func differ(keys map[release.Key]bool, a, b *release.Tree) {
	for c := range a.Diff(b) {
		keys[c.Key] = true
	}
}

// addLists adds the lists that hold one of the cards among keys. A list whose row
// differs between views is there already, so those of the target will do.
func (p *planner) addLists(ctx context.Context, keys map[release.Key]bool) error {
	anyCard := false
	for key := range keys {
		anyCard = anyCard || key.IsCard()
	}
	if !anyCard {
		return nil
	}
	all := make(map[release.Key]bool, p.target.rows.Len())
	for row := range p.target.rows.All() {
		all[row.Key] = !row.IsCard()
	}
	maps.DeleteFunc(all, func(_ release.Key, document bool) bool { return !document })
	if err := p.learn(ctx, p.target, all); err != nil {
		return err
	}
	for key := range all {
		row, _ := p.target.rows.Get(key)
		for _, class := range row.Classes {
			if t := p.known[class.Object]; t != nil && slices.ContainsFunc(t.slots, func(slot string) bool {
				return keys[release.Key{Edition: key.Edition, Path: slot}]
			}) {
				keys[key] = true
			}
		}
	}
	return nil
}

// learn reads which of a view's objects under keys are templates.
func (p *planner) learn(ctx context.Context, v *view, keys map[release.Key]bool) error {
	var rows []release.Row
	for _, tree := range append([]*release.Tree{v.rows}, v.ahead...) {
		for key := range keys {
			if row, ok := tree.Get(key); ok {
				rows = append(rows, row)
			}
		}
	}
	return p.known.learn(ctx, v.release, rows)
}

// compare works out what becomes of a document.
func (p *planner) compare(key release.Key) (change, error) {
	c := change{key: key}
	now, err := p.target.variants(p.known, key)
	if err != nil {
		return change{}, err
	}
	c.list = slices.ContainsFunc(now, func(v variant) bool { return v.cards != nil })
	there := covered(now)
	unchanged, everywhere := there, there
	for _, source := range p.sources {
		before, err := source.variants(p.known, key)
		if err != nil {
			return change{}, err
		}
		c.list = c.list || slices.ContainsFunc(before, func(v variant) bool { return v.cards != nil })
		unchanged = unchanged.Intersect(same(now, before))
		everywhere = everywhere.Intersect(covered(before))
		c.gone = c.gone.Union(covered(before).Minus(there))
		c.forced = c.forced.Union(soon(before))
	}
	if p.whole {
		unchanged, everywhere = ovenbird.CountrySet{}, ovenbird.CountrySet{}
		c.gone = ovenbird.CountrySet{} // what goes is found by looking
		c.forced = c.forced.Union(soon(now))
	}
	if p.rewrite {
		c.forced = there
	}
	c.write = there.Minus(unchanged)
	c.fresh = c.write.Minus(everywhere)
	return c, nil
}

// soon returns where a file tells caches to ask each time. In a store the header
// is not seen.
func soon(variants []variant) ovenbird.CountrySet {
	return covered(slices.DeleteFunc(slices.Clone(variants), func(v variant) bool { return !v.soon }))
}

// rank is where a change stands in the order of writing. All of one rank is done
// before the next begins.
type rank int

const (
	// What is new comes first. Nothing links to it yet, and what a list links to is
	// there before the list.
	createDocument rank = iota
	createList
	createEntry // a list at the top, which leads to the others
	// What changes may link to what is new and to what will go: both are there.
	overwrite
	// A document of the whole site leads to all variations.
	siteWide
	// Nothing links any more to what goes, but what goes too.
	deleteEntry
	deleteList
	deleteDocument
	ranks
)

// at returns the countries in which c is due at a rank.
func (c *change) at(r rank) ovenbird.CountrySet {
	create, remove := createDocument, deleteDocument
	if c.list {
		create, remove = createList, deleteList
		if !strings.Contains(c.key.Path, "/") {
			create, remove = createEntry, deleteEntry
		}
	}
	switch {
	case r == remove:
		return c.gone
	case c.key.Edition == "":
		if r == siteWide {
			return c.write
		}
	case r == create:
		return c.fresh
	case r == overwrite:
		return c.write.Minus(c.fresh)
	}
	return ovenbird.CountrySet{}
}
