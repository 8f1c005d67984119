package bake

import (
	"context"
	"slices"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// Update bakes what changed since prev: the catalog, as changed says, and the
// time. It comes to the same content as Full. prev is used up: it must not be
// used again, whatever Update returns. An instant before prev's is an error.
func Update(
	ctx context.Context, prev *State, snapshot *ovenbird.Snapshot, changed ovenbird.Touched, asOf time.Time, sink objects,
) (*State, error) {
	if asOf.Before(prev.AsOf) {
		return nil, ovenbird.Errorf(ovenbird.Internal, "an update as of %s can not start from a bake as of %s", asOf, prev.AsOf)
	}
	next := &State{AsOf: asOf, Content: prev.Content, program: prev.program, snapshot: snapshot, editions: prev.editions}
	t := newTouch(prev, next, changed)
	outcomes, err := next.remake(ctx, sink, func(k *kitchen, view *facts.View) []subject {
		return t.subjects(k, view, facts.NewView(prev.snapshot, k.edition, next.program.Rules, asOf))
	})
	if err != nil {
		return nil, err
	}
	if next.Remade > 0 {
		next.Content = release.Content{Tree: prev.Content.Tree.Edit(joinRows(outcomes)), Patches: next.patches()}
	}
	return next, nil
}

// touch is what an edit and the passing of time may have changed.
type touch struct {
	before, after *ovenbird.Snapshot
	families      map[ovenbird.TitleID]bool // by the title at the top, then or now
	collections   map[ovenbird.CollectionID]bool
	midnight      bool // a midnight passed, or came within the horizon
}

func newTouch(prev, next *State, changed ovenbird.Touched) *touch {
	t := &touch{
		before: prev.snapshot, after: next.snapshot,
		families:    make(map[ovenbird.TitleID]bool),
		collections: make(map[ovenbird.CollectionID]bool),
	}
	for _, id := range changed.Titles {
		t.family(id)
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
func (t *touch) family(id ovenbird.TitleID) {
	t.families[t.before.Root(id)] = true
	t.families[t.after.Root(id)] = true
}

// relisted adds the families of titles that a collection took in or let go of:
// they get cards, or lose them.
func (t *touch) relisted(id ovenbird.CollectionID) {
	items := func(s *ovenbird.Snapshot) []ovenbird.TitleID {
		if c := s.Collections[id]; c != nil {
			return c.Items
		}
		return nil
	}
	before, after := items(t.before), items(t.after)
	stayed := make(map[ovenbird.TitleID]bool, len(before))
	for _, item := range before {
		stayed[item] = slices.Contains(after, item)
		if !stayed[item] {
			t.family(item)
		}
	}
	for _, item := range after {
		if !stayed[item] {
			t.family(item)
		}
	}
}

// subjects returns what has to be made again in one edition. The views are of
// the catalog as it is and as it was.
func (t *touch) subjects(k *kitchen, now, was *facts.View) []subject {
	var subjects []subject
	prefixes := make(map[string]bool)
	longest := k.longestPrefix()
	for root := range t.families {
		subjects = append(subjects, subject{shape.ByTitle, string(root)})
		for _, view := range []*facts.View{was, now} {
			if title := view.Snapshot().Titles[root]; title != nil && longest > 0 {
				for _, prefix := range view.PrefixesOf(title, longest) {
					prefixes[prefix] = true
				}
			}
		}
	}
	if longest > 0 {
		now.NarrowSearch(longest, prefixes)
	}
	for prefix := range prefixes {
		subjects = append(subjects, subject{shape.ByPrefix, prefix})
	}
	for id := range t.collections {
		subjects = append(subjects, subject{shape.ByCollection, string(id)})
	}
	for _, plan := range k.plans[shape.Unkeyed] {
		s := subject{shape.Unkeyed, plan.Template().String()}
		if len(subjects) > 0 || t.midnight && k.looksAhead(s) {
			subjects = append(subjects, s)
		}
	}
	return subjects
}
