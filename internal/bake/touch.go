package bake

import (
	"maps"
	"reflect"
	"slices"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// touch is what an edit and the passing of time may have changed.
type touch struct {
	before, after *ovenbird.Snapshot
	changed       ovenbird.Touched
	// families are to be made again, by the title at the top, then or now; those
	// that are true may also stand elsewhere in lists, or not at all any more.
	families    map[ovenbird.TitleID]bool
	collections map[ovenbird.CollectionID]bool
	midnight    bool                             // a midnight passed, or came within the horizon
	stood       map[*facts.Edition][]facts.Place // by the first of each kin: where titles stood that may not stand there now
}

// newTouch finds out what an edit touches. It looks at the sight of the state
// before; what time touches the sight of the next one knows, see pass.
func newTouch(prev, next *State, changed ovenbird.Touched) *touch {
	changed.Titles = slices.Compact(slices.Sorted(slices.Values(changed.Titles)))
	changed.Collections = slices.Compact(slices.Sorted(slices.Values(changed.Collections)))
	t := &touch{
		before: prev.snapshot, after: next.snapshot, changed: changed,
		families:    make(map[ovenbird.TitleID]bool),
		collections: make(map[ovenbird.CollectionID]bool),
		stood:       make(map[*facts.Edition][]facts.Place),
	}
	for _, id := range changed.Titles {
		t.family(id, !t.sameInLists(id))
	}
	for _, id := range changed.Collections {
		t.collections[id] = true
		t.relisted(id)
	}
	for _, k := range prev.kins {
		view := prev.view(next.sight, k)
		t.stood[view.Edition()] = t.places(view, t.before, longestPrefix(k[0].plans))
	}
	return t
}

// pass adds what the passing of time touches, and then the collections in which
// something stands that may have moved.
func (t *touch) pass(passed ...*calendar) {
	for _, c := range passed {
		for root := range c.families {
			t.families[root] = true
		}
		t.midnight = t.midnight || len(c.midnights) > 0
	}
	if !slices.Contains(slices.Collect(maps.Values(t.families)), true) {
		return
	}
	for _, snapshot := range []*ovenbird.Snapshot{t.before, t.after} {
		for id, collection := range snapshot.Collections {
			if slices.ContainsFunc(collection.Items, func(item ovenbird.TitleID) bool { return t.families[snapshot.Root(item)] }) {
				t.collections[id] = true
			}
		}
	}
}

// family adds the family that a title was in and the one it is in.
func (t *touch) family(id ovenbird.TitleID, lists bool) {
	for _, root := range []ovenbird.TitleID{t.before.Root(id), t.after.Root(id)} {
		t.families[root] = t.families[root] || lists
	}
}

// sameInLists reports whether the edit of a title leaves lists as they are. What
// a list shows of a title is in its card; the list itself depends on where and
// when titles are visible, and on their order.
func (t *touch) sameInLists(id ovenbird.TitleID) bool {
	before, after := t.before.Titles[id], t.after.Titles[id]
	if before == nil || after == nil || !reflect.DeepEqual(t.before.Licenses[id], t.after.Licenses[id]) {
		return false
	}
	was := *before
	was.Texts, was.Images, was.Number, was.Runtime = after.Texts, after.Images, after.Number, after.Runtime
	was.Genres, was.Cast, was.Directors, was.Origins = after.Genres, after.Cast, after.Directors, after.Origins
	return reflect.DeepEqual(&was, after)
}

// relisted adds the families of titles that a collection took in or let go of:
// they get cards, or lose them.
func (t *touch) relisted(id ovenbird.CollectionID) {
	before, after := itemsOf(t.before, id), itemsOf(t.after, id)
	for item := range before {
		if !after[item] {
			t.family(item, false)
		}
	}
	for item := range after {
		if !before[item] {
			t.family(item, false)
		}
	}
}

func itemsOf(s *ovenbird.Snapshot, id ovenbird.CollectionID) map[ovenbird.TitleID]bool {
	items := make(map[ovenbird.TitleID]bool)
	if c := s.Collections[id]; c != nil {
		for _, item := range c.Items {
			items[item] = true
		}
	}
	return items
}

// subjects returns what has to be made again for kin. The view is of the catalog
// as it is.
func (t *touch) subjects(k *kitchen, of kin, view *facts.View) []subject {
	var subjects []subject
	lists := len(t.collections) > 0
	for root, relisted := range t.families {
		subjects = append(subjects, subject{shape.ByTitle, string(root)})
		lists = lists || relisted
	}
	for prefix := range t.prefixes(k, of, view) {
		subjects = append(subjects, subject{shape.ByPrefix, prefix})
	}
	for id := range t.collections {
		subjects = append(subjects, subject{shape.ByCollection, string(id)})
	}
	for _, plan := range k.plans[shape.Unkeyed] {
		s := subject{shape.Unkeyed, plan.Template().String()}
		if lists || len(t.families) > 0 && plan.NamesTitles() || t.midnight && k.looksAhead(s) {
			subjects = append(subjects, s)
		}
	}
	return subjects
}

// prefixes returns the search prefixes whose lists have to be made again: those
// that looked as far as to where a title stands now, or stood.
func (t *touch) prefixes(k *kitchen, of kin, view *facts.View) map[string]bool {
	prefixes := make(map[string]bool)
	for _, p := range slices.Concat(t.stood[view.Edition()], t.places(view, t.after, k.longestPrefix())) {
		if !prefixes[p.Prefix] && slices.ContainsFunc(of, func(b *batch) bool { return b.reaches(p) }) {
			prefixes[p.Prefix] = true
		}
	}
	return prefixes
}

// places returns where titles at the top of families stand in searches that may not
// stand there before or after, or not be visible there.
func (t *touch) places(view *facts.View, in *ovenbird.Snapshot, longest int) []facts.Place {
	if longest == 0 {
		return nil
	}
	var places []facts.Place
	for root, relisted := range t.families {
		before, after := t.before.Titles[root], t.after.Titles[root]
		if !relisted && before != nil && after != nil && maps.Equal(before.Texts[ovenbird.Name], after.Texts[ovenbird.Name]) {
			continue
		}
		if title := in.Titles[root]; title != nil {
			places = append(places, view.Places(title, longest)...)
		}
	}
	return places
}

// reaches reports whether what was made of a prefix depends on a place of what that
// finds.
func (b *batch) reaches(p facts.Place) bool {
	m := b.made[subject{shape.ByPrefix, p.Prefix}]
	return m == nil || m.reach == nil || p.At < m.reach[p.Chain]
}
