package bake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// cook makes subjects of kin, in one goroutine.
type cook struct {
	kin        kin
	kitchen    *kitchen
	view       *facts.View // of the first of the kin, as of the state's instant
	seen       *sight
	views      map[*batch]*facts.View
	now        map[*batch]*stage
	everywhere []kin // parts by all licenses of the catalog; nil until they are asked for

	*outcome // apart, because it outlives the cook with all that the cook knows
}

func newCook(k kin, kitchen *kitchen, view *facts.View, seen *sight) *cook {
	return &cook{
		kin: k, kitchen: kitchen, view: view, seen: seen, outcome: &outcome{},
		views: map[*batch]*facts.View{k[0]: view}, now: make(map[*batch]*stage),
	}
}

// work makes the subjects of a queue: as of the state's instant, then as of each
// transition ahead of it.
func (c *cook) work(ctx context.Context, q *queue) error {
	waiting := make(waiting)
	for s, ok := q.take(); ok; s, ok = q.take() {
		for _, part := range c.parts(s) {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, err := c.dish(s, part)
			if err != nil {
				return err
			}
			c.wait(waiting, d, c.view.At)
		}
	}
	return c.lookAhead(ctx, waiting)
}

// waiting is what has to be made again as of an instant.
type waiting map[time.Time][]*dish

// wait puts a dish down for the first instant after the given one at which it may
// change.
func (c *cook) wait(w waiting, d *dish, after time.Time) {
	if at, ok := c.seen.ahead.next(d, c.kitchen, c.view, after); ok {
		w[at] = append(w[at], d)
	}
}

// dish makes a subject as of the state's instant.
func (c *cook) dish(s subject, part kin) (*dish, error) {
	d := &dish{subject: s, kin: part, made: &made{}}
	rows, err := c.rows(d, c.stage(c.now, part[0], time.Time{}))
	if err != nil {
		return nil, err
	}
	d.made.rows, d.current = rows, rows
	c.dishes = append(c.dishes, d)
	var different []release.Row
	for i, b := range part {
		before := b.made[s]
		if d.was = append(d.was, before); i == 0 || before != d.was[i-1] {
			different = difference(before.rowsOf(), rows)
		}
		c.outcome.rows = appendRows(c.outcome.rows, b, different)
	}
	return d, nil
}

// rows makes the rows of a dish, which name no edition.
func (c *cook) rows(d *dish, on *stage) ([]release.Row, error) {
	rows, err := c.kitchen.rows(d.subject, on)
	if err != nil {
		return nil, fmt.Errorf("bake edition %s: %w", d.kin[0].edition.Name(), err)
	}
	if d.subject.of == shape.ByPrefix {
		d.reach = on.renderer.Searched()
		d.made.reachAtLeast(d.reach)
	}
	return c.seen.ahead.ending(d.subject, rows), nil
}

// stage returns the stage of an edition among those of one instant: the state's
// where at is zero.
func (c *cook) stage(stages map[*batch]*stage, b *batch, at time.Time) *stage {
	if stages[b] != nil {
		return stages[b]
	}
	if c.views[b] == nil {
		c.views[b] = c.view.For(b.edition)
	}
	view := c.views[b]
	if !at.IsZero() {
		view = view.Later(at, c.seen.ahead.changed(at))
	}
	stages[b] = newStage(view)
	return stages[b]
}

// lookAhead makes subjects again as of each instant at which they may change.
func (c *cook) lookAhead(ctx context.Context, w waiting) error {
	for len(w) > 0 {
		at := slices.MinFunc(slices.Collect(maps.Keys(w)), time.Time.Compare)
		then := make(map[*batch]*stage)
		for _, d := range w[at] {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows, err := c.rows(d, c.stage(then, d.kin[0], at))
			if err != nil {
				return err
			}
			if different := difference(d.current, rows); len(different) > 0 {
				d.made.changes = append(d.made.changes, change{at, different})
				d.current = rows
			}
			c.wait(w, d, at)
		}
		delete(w, at)
	}
	for _, d := range c.dishes {
		d.current, d.reach = nil, nil
	}
	return nil
}

// appendRows appends rows as those of an edition.
func appendRows(list []release.Row, b *batch, rows []release.Row) []release.Row {
	list = slices.Grow(list, len(rows))
	for _, row := range rows {
		row.Edition = b.edition.Name()
		list = append(list, row)
	}
	return list
}
