package bake

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// outcome is what remaking subjects did.
type outcome struct {
	rows   []release.Row // of the tree: new or different, and without classes where a row is gone
	dishes []*dish
	err    error
}

// dish is what was made of a subject for some kin.
type dish struct {
	subject subject
	kin     kin
	made    *made
	current []release.Row // as of the last transition that was looked at
}

// sight is what is to be known of a snapshot before subjects are made of it.
type sight struct {
	listed map[ovenbird.TitleID]bool
	ahead  *calendar
	views  map[*facts.Edition]*facts.View // as of the state's instant, of the first of each kin
}

func (s *State) look() *sight {
	return &sight{
		listed: listedTitles(s.snapshot),
		ahead:  newCalendar(s.snapshot, s.AsOf, s.AsOf.Add(s.program.Horizon)),
		views:  make(map[*facts.Edition]*facts.View),
	}
}

// view returns the view of an edition that is kept with the sight.
func (s *State) view(seen *sight, edition *facts.Edition) *facts.View {
	if seen.views[edition] == nil {
		seen.views[edition] = facts.NewView(s.snapshot, edition, s.program.Rules, s.AsOf)
	}
	return seen.views[edition]
}

// fewSubjects is how many subjects of kin are left to one goroutine: more of them
// would each find out for itself where titles are visible, which costs more than
// sharing so few saves.
const fewSubjects = 1000

// remake makes the subjects that choose names for kin, on all processors.
func (s *State) remake(
	ctx context.Context, sink objects, seen *sight, choose func(*kitchen, *facts.View) []subject,
) ([]outcome, error) {
	var outcomes []*outcome
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var running sync.WaitGroup
	for _, kin := range kinsOf(s.editions) {
		view := s.view(seen, kin[0].edition)
		kitchen := newKitchen(kin[0].plans, seen.listed, sink)
		subjects := choose(kitchen, view)
		cooks := []*cook{newCook(kin, kitchen, view, seen.ahead)}
		for len(subjects) > fewSubjects && len(cooks) < cap(slots) {
			cooks = append(cooks, newCook(kin, kitchen, view.For(kin[0].edition), seen.ahead))
		}
		queue := &queue{subjects: subjects}
		for _, c := range cooks {
			outcomes = append(outcomes, &c.outcome)
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				c.err = c.work(ctx, queue)
			})
		}
	}
	running.Wait()
	return s.keep(outcomes)
}

// keep puts what cooks made into the state, and returns what they say of the tree.
func (s *State) keep(outcomes []*outcome) ([]outcome, error) {
	var failed []error
	for _, o := range outcomes {
		failed = append(failed, o.err)
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	s.Remade = 0
	all := make([]outcome, len(outcomes))
	for i, o := range outcomes {
		all[i] = *o
		s.Remade += len(o.dishes)
		for _, d := range o.dishes {
			for _, b := range d.kin {
				b.put(d.subject, d.made)
			}
		}
	}
	return all, nil
}

// queue is subjects that are still to be made.
type queue struct {
	subjects []subject
	taken    atomic.Int64
}

// take returns the next subject; ok is false when there is none.
func (q *queue) take() (s subject, ok bool) {
	i := int(q.taken.Add(1)) - 1
	if i >= len(q.subjects) {
		return subject{}, false
	}
	return q.subjects[i], true
}
