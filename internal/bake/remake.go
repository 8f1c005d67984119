package bake

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"ovenbird/internal/facts"
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
	was     []*made // of each of the kin, before; nil of nothing
	made    *made
	reach   []int         // of a search, in the last rows; see shape.Renderer.Searched
	current []release.Row // as of the last transition that was looked at
}

// fewSubjects is how many subjects of kin are left to one goroutine: more of them
// would each find out for itself where titles are visible, which costs more than
// sharing so few saves.
const fewSubjects = 1000

// remake makes the subjects that choose names for kin, on all processors.
func (s *State) remake(
	ctx context.Context, sink objects, seen *sight, choose func(*kitchen, kin, *facts.View) []subject,
) ([]outcome, error) {
	var outcomes []*outcome
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var running sync.WaitGroup
	for _, kin := range s.kins {
		view := s.view(seen, kin)
		kitchen := newKitchen(kin[0].plans, seen.listed, sink)
		subjects := choose(kitchen, kin, view)
		cooks := []*cook{newCook(kin, kitchen, view, seen)}
		for len(subjects) > fewSubjects && len(cooks) < cap(slots) {
			cooks = append(cooks, newCook(kin, kitchen, view.For(kin[0].edition), seen))
		}
		queue := &queue{subjects: subjects}
		for _, c := range cooks {
			outcomes = append(outcomes, c.outcome)
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
