package bake

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
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
	// Remade counts the subjects that were made for this state, over all editions.
	Remade int
}

// batch is what was made for one edition.
type batch struct {
	edition *facts.Edition
	plans   []*shape.Plan
	made    map[subject]made
}

// made is the rows of a subject as of the state's instant, and how they change.
type made struct {
	rows    []release.Row
	changes []change
}

// change is the rows of a subject that are different from an instant on.
type change struct {
	at   time.Time
	rows []release.Row
}

// Full bakes everything.
func Full(ctx context.Context, program *Program, snapshot *ovenbird.Snapshot, asOf time.Time, sink objects) (*State, error) {
	state := newState(program, snapshot, asOf)
	remade, err := state.remake(ctx, sink, state.look(), func(k *kitchen, view *facts.View) []subject { return k.all(view) })
	if err != nil {
		return nil, err
	}
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
			state.editions = append(state.editions, &batch{edition, application.Plans, make(map[subject]made)})
		}
	}
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

// outcome is what remaking an edition's subjects did to the rows of the tree.
type outcome struct {
	rows   []release.Row // new or different, and without classes where a row is gone
	remade int
	err    error
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

// sight is what is to be known of a snapshot before subjects are made of it.
type sight struct {
	listed map[ovenbird.TitleID]bool
	ahead  *calendar
	views  []*facts.View // as of the state's instant, one for each edition
}

func (s *State) look() *sight {
	seen := &sight{listed: listedTitles(s.snapshot), ahead: newCalendar(s.snapshot, s.AsOf, s.AsOf.Add(s.program.Horizon))}
	for _, b := range s.editions {
		seen.views = append(seen.views, facts.NewView(s.snapshot, b.edition, s.program.Rules, s.AsOf))
	}
	return seen
}

// remake makes the subjects that choose names in every edition, several editions
// at once.
func (s *State) remake(
	ctx context.Context, sink objects, seen *sight, choose func(*kitchen, *facts.View) []subject,
) ([]outcome, error) {
	outcomes := make([]outcome, len(s.editions))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var running sync.WaitGroup
	for i, edition := range s.editions {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			kitchen := newKitchen(edition.edition, edition.plans, seen.listed, sink)
			outcomes[i] = edition.remake(ctx, kitchen, seen.views[i], seen.ahead, choose(kitchen, seen.views[i]))
		})
	}
	running.Wait()
	var failed []error
	s.Remade = 0
	for i, o := range outcomes {
		if o.err != nil {
			failed = append(failed, fmt.Errorf("bake edition %s: %w", s.editions[i].edition.Name(), o.err))
		}
		s.Remade += o.remade
	}
	return outcomes, errors.Join(failed...)
}

// remake makes subjects again: as of the view's instant, then as of each
// transition ahead of it.
func (b *batch) remake(ctx context.Context, k *kitchen, view *facts.View, ahead *calendar, subjects []subject) outcome {
	result := outcome{remade: len(subjects)}
	now := newStage(view)
	current := make(map[subject][]release.Row) // of the subjects that change ahead
	when := make(map[time.Time][]subject)
	for _, s := range subjects {
		if result.err = ctx.Err(); result.err != nil {
			return result
		}
		rows, err := k.rows(s, now)
		if err != nil {
			result.err = err
			return result
		}
		rows = ahead.ending(s, rows)
		result.rows = append(result.rows, difference(b.made[s].rows, rows)...)
		b.put(s, made{rows: rows})
		for _, at := range ahead.of(s, k, view) {
			when[at] = append(when[at], s)
			current[s] = rows
		}
	}
	result.err = b.lookAhead(ctx, k, view, ahead, current, when)
	return result
}

// put remembers what was made of a subject; nothing of one that is no more.
func (b *batch) put(s subject, m made) {
	if len(m.rows) == 0 && len(m.changes) == 0 {
		delete(b.made, s)
	} else {
		b.made[s] = m
	}
}

// lookAhead makes subjects again as of each instant at which they may change.
func (b *batch) lookAhead(
	ctx context.Context, k *kitchen, view *facts.View, ahead *calendar,
	current map[subject][]release.Row, when map[time.Time][]subject,
) error {
	for _, at := range sortedInstants(when) {
		then := newStage(view.Later(at, ahead.changed(at)))
		for _, s := range when[at] {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows, err := k.rows(s, then)
			if err != nil {
				return err
			}
			rows = ahead.ending(s, rows)
			if different := difference(current[s], rows); len(different) > 0 {
				m := b.made[s]
				m.changes = append(m.changes, change{at, different})
				b.put(s, m)
				current[s] = rows
			}
		}
	}
	return nil
}

func sortedInstants(when map[time.Time][]subject) []time.Time {
	instants := make([]time.Time, 0, len(when))
	for at := range when {
		instants = append(instants, at)
	}
	return sortInstants(instants)
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

// patches puts the changes of all subjects together by instant.
func (s *State) patches() []release.Patch {
	byInstant := make(map[time.Time][]release.Row)
	for _, edition := range s.editions {
		for _, m := range edition.made {
			for _, c := range m.changes {
				at := c.at.UTC()
				byInstant[at] = append(byInstant[at], c.rows...)
			}
		}
	}
	patches := make([]release.Patch, 0, len(byInstant))
	for at, rows := range byInstant {
		patches = append(patches, release.NewPatch(at, rows))
	}
	slices.SortFunc(patches, func(a, b release.Patch) int { return a.At.Compare(b.At) })
	return patches
}

// listedTitles returns the titles that stand in a collection, published or not.
func listedTitles(s *ovenbird.Snapshot) map[ovenbird.TitleID]bool {
	listed := make(map[ovenbird.TitleID]bool)
	for _, collection := range s.Collections {
		for _, id := range collection.Items {
			listed[id] = true
		}
	}
	return listed
}
