package bake

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// touch is what an edit and the passing of time may have changed.
type touch struct {
	before, after *ovenbird.Snapshot
	// families are to be made again, by the title at the top, then or now; those
	// that are true may also stand elsewhere in lists, or not at all any more.
	families    map[ovenbird.TitleID]bool
	collections map[ovenbird.CollectionID]bool
	midnight    bool // a midnight passed, or came within the horizon
}

func newTouch(prev, next *State, changed ovenbird.Touched) *touch {
	t := &touch{
		before: prev.snapshot, after: next.snapshot,
		families:    make(map[ovenbird.TitleID]bool),
		collections: make(map[ovenbird.CollectionID]bool),
	}
	for _, id := range changed.Titles {
		t.family(id, !t.sameInLists(id))
	}
	for _, id := range changed.Collections {
		t.collections[id] = true
		t.relisted(id)
	}
	horizon := next.program.Horizon
	for _, stretch := range [][2]time.Time{{prev.AsOf, next.AsOf}, {prev.AsOf.Add(horizon), next.AsOf.Add(horizon)}} {
		passed := newCalendar(next.snapshot, stretch[0], stretch[1])
		for root := range passed.families {
			t.families[root] = true
		}
		t.midnight = t.midnight || len(passed.midnights) > 0
	}
	for _, snapshot := range []*ovenbird.Snapshot{t.before, t.after} {
		for id, collection := range snapshot.Collections {
			if slices.ContainsFunc(collection.Items, func(item ovenbird.TitleID) bool { return t.families[snapshot.Root(item)] }) {
				t.collections[id] = true
			}
		}
	}
	return t
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

// subjects returns what has to be made again in one edition. The views are of
// the catalog as it is and as it was.
func (t *touch) subjects(k *kitchen, now, was *facts.View) []subject {
	var subjects []subject
	lists := len(t.collections) > 0
	for root, relisted := range t.families {
		subjects = append(subjects, subject{shape.ByTitle, string(root)})
		lists = lists || relisted
	}
	for prefix := range t.prefixes(k, now, was) {
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

// prefixes returns the search prefixes whose lists have to be made again, and
// makes the view of the catalog as it is know those alone.
func (t *touch) prefixes(k *kitchen, now, was *facts.View) map[string]bool {
	longest := k.longestPrefix()
	if longest == 0 {
		return nil
	}
	prefixes := make(map[string]bool)
	for root, relisted := range t.families {
		before, after := t.before.Titles[root], t.after.Titles[root]
		if !relisted && before != nil && after != nil && maps.Equal(before.Texts[ovenbird.Name], after.Texts[ovenbird.Name]) {
			continue
		}
		for _, view := range []*facts.View{was, now} {
			if title := view.Snapshot().Titles[root]; title != nil {
				for _, prefix := range view.PrefixesOf(title, longest) {
					prefixes[prefix] = true
				}
			}
		}
	}
	now.NarrowSearch(longest, prefixes)
	return prefixes
}
