package bake

import (
	"context"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// State is the outcome of a bake: the content of a release, and what an update
// needs to know to start from it.
type State struct {
	AsOf     time.Time
	Content  release.Content
	program  *Program
	snapshot *ovenbird.Snapshot
	editions []*batch
	kins     []kin
	sight    *sight // nil until an update needs it, where the state was not made in one go
	// Remade counts the subjects that were made for this state, over all editions.
	Remade int
}

// batch is what was made for one edition.
type batch struct {
	edition *facts.Edition
	plans   []*shape.Plan
	made    map[subject]*made
}

// made is the rows of a subject as of the state's instant, and how they change.
// They name no edition: kin share them.
type made struct {
	rows    []release.Row
	changes []change
	// reach is, of what a prefix finds, how far the rows depend on it: for each chain
	// so many places (facts.Find.At). nil where that is not known.
	reach []int
}

// reachAtLeast notes how far rows depend on what a prefix finds.
func (m *made) reachAtLeast(reach []int) {
	if m.reach == nil {
		m.reach = make([]int, len(reach))
	}
	for i, n := range reach {
		m.reach[i] = max(m.reach[i], n)
	}
}

// rowsOf returns the rows of what was made, none of nothing.
func (m *made) rowsOf() []release.Row {
	if m == nil {
		return nil
	}
	return m.rows
}

// change is the rows of a subject that are different from an instant on.
type change struct {
	at   time.Time
	rows []release.Row
}

// Full bakes everything.
func Full(ctx context.Context, program *Program, snapshot *ovenbird.Snapshot, asOf time.Time, sink objects) (*State, error) {
	state := newState(program, snapshot, asOf)
	state.sight = state.look()
	remade, err := state.remake(ctx, sink, state.sight, func(k *kitchen, _ kin, view *facts.View) []subject { return k.all(view) })
	if err != nil {
		return nil, err
	}
	clear(state.sight.views) // updates look at few titles: the memory is better spent
	if err := state.finish(joinRows(remade), sink); err != nil {
		return nil, err
	}
	return state, nil
}

// newState returns the state in which nothing was made yet.
func newState(program *Program, snapshot *ovenbird.Snapshot, asOf time.Time) *State {
	state := &State{AsOf: asOf, program: program, snapshot: snapshot}
	for _, application := range program.Applications {
		for _, edition := range application.Editions {
			state.editions = append(state.editions, &batch{edition, application.Plans, make(map[subject]*made)})
		}
	}
	state.kins = kinsOf(state.editions)
	return state
}

// finish makes content of the rows of all subjects and the changes ahead.
func (s *State) finish(rows []release.Row, sink objects) error {
	fixed, err := fixedRows(s.program.Everywhere, sink)
	if err != nil {
		return err
	}
	s.Content = release.Content{Tree: release.NewTree(append(rows, fixed...)), Patches: s.patches()}
	return nil
}

func fixedRows(documents []Fixed, sink objects) ([]release.Row, error) {
	var rows []release.Row
	for _, d := range documents {
		hash, err := sink.Add(d.Body)
		if err != nil {
			return nil, err
		}
		rows = append(rows, release.NewRow(release.Key{Path: d.Path}, []release.Class{{Countries: ovenbird.Worldwide(), Object: hash}}))
	}
	return rows, nil
}

// joinRows puts outcomes together for an edit of the tree. Rows that are gone
// come first: a title that moved to another family is gone from one subject and
// new in another, and it is the new row that counts.
func joinRows(outcomes []outcome) []release.Row {
	var gone, there []release.Row
	for _, o := range outcomes {
		for _, row := range o.rows {
			if len(row.Classes) == 0 {
				gone = append(gone, row)
			} else {
				there = append(there, row)
			}
		}
	}
	return append(gone, there...)
}

// put remembers what was made of a subject; nothing of one that is no more.
func (b *batch) put(s subject, m *made) {
	if len(m.rows) == 0 && len(m.changes) == 0 {
		delete(b.made, s)
	} else {
		b.made[s] = m
	}
}

// difference returns the rows of after that before does not have like that, and
// one without classes for each key that after does not have any more.
func difference(before, after []release.Row) []release.Row {
	if len(before) == 0 {
		return after
	}
	old := make(map[release.Key]release.Row, len(before))
	for _, row := range before {
		old[row.Key] = row
	}
	var different []release.Row
	for _, row := range after {
		if was, ok := old[row.Key]; !ok || !was.Equal(row) {
			different = append(different, row)
		}
		delete(old, row.Key)
	}
	for _, row := range before {
		if _, gone := old[row.Key]; gone {
			different = append(different, release.Row{Key: row.Key})
		}
	}
	return different
}
