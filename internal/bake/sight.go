package bake

import (
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// sight is what is to be known of a snapshot before subjects are made of it. An
// update brings it up to date, in time proportional to what the edit touched.
type sight struct {
	index  *facts.Index
	listed map[ovenbird.TitleID]int // in how many collections titles stand, published or not
	// particular has the top titles of the families that have a license for some
	// applications alone: only these can tell kin apart.
	particular map[ovenbird.TitleID]bool
	views      map[*facts.Edition]*facts.View // of the first of each kin
	ahead      *calendar                      // of the time up to the horizon
}

// look returns the sight of a state that has none yet.
func (s *State) look() *sight {
	seen := &sight{
		index: facts.NewIndex(s.snapshot), listed: make(map[ovenbird.TitleID]int),
		particular: make(map[ovenbird.TitleID]bool), views: make(map[*facts.Edition]*facts.View),
	}
	for id := range s.snapshot.Collections {
		seen.list(s.snapshot, id, 1)
	}
	for id, licenses := range s.snapshot.Licenses {
		if anyParticular(licenses) {
			seen.particular[s.snapshot.Root(id)] = true
		}
	}
	seen.lookAhead(s)
	return seen
}

func (seen *sight) lookAhead(s *State) {
	seen.ahead = newCalendar(seen.index, s.AsOf, s.AsOf.Add(s.program.Horizon))
}

// list counts the titles of a collection, times is -1 to take them back.
func (seen *sight) list(s *ovenbird.Snapshot, id ovenbird.CollectionID, times int) {
	for item := range itemsOf(s, id) {
		if seen.listed[item] += times; seen.listed[item] == 0 {
			delete(seen.listed, item)
		}
	}
}

// follow brings the sight of the state before up to date with s, and says what of
// it time has touched.
func (seen *sight) follow(prev, s *State, t *touch) {
	seen.index.Follow(s.snapshot, t.changed.Titles)
	horizon := s.program.Horizon
	t.pass(newCalendar(seen.index, prev.AsOf, s.AsOf), newCalendar(seen.index, prev.AsOf.Add(horizon), s.AsOf.Add(horizon)))
	for _, id := range t.changed.Collections {
		seen.list(t.before, id, -1)
		seen.list(t.after, id, 1)
	}
	members := make(map[ovenbird.TitleID]bool) // of families that were touched, then and now
	for root := range t.families {
		delete(seen.particular, root)
		for _, snapshot := range []*ovenbird.Snapshot{t.before, t.after} {
			for _, id := range snapshot.Family(root) {
				members[id] = true
			}
		}
	}
	for id := range members {
		if anyParticular(s.snapshot.Licenses[id]) {
			seen.particular[s.snapshot.Root(id)] = true
		}
	}
	for _, view := range seen.views {
		view.Follow(s.AsOf, members)
	}
	seen.lookAhead(s)
}

// view returns the view that is kept with the sight for kin.
func (s *State) view(seen *sight, k kin) *facts.View {
	edition := k[0].edition
	if seen.views[edition] == nil {
		seen.views[edition] = seen.index.View(edition, s.program.Rules, s.AsOf)
	}
	return seen.views[edition]
}
