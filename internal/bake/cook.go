package bake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/release"
)

// cook makes subjects of kin, in one goroutine.
type cook struct {
	kin        kin
	kitchen    *kitchen
	view       *facts.View // of the first of the kin, as of the state's instant
	ahead      *calendar
	views      map[*batch]*facts.View
	now        map[*batch]*stage
	everywhere []kin // parts by all licenses of the catalog; nil until they are asked for

	outcome
}

func newCook(k kin, kitchen *kitchen, view *facts.View, ahead *calendar) *cook {
	return &cook{
		kin: k, kitchen: kitchen, view: view, ahead: ahead,
		views: map[*batch]*facts.View{k[0]: view}, now: make(map[*batch]*stage),
	}
}

// work makes the subjects of a queue: as of the state's instant, then as of each
// transition ahead of it.
func (c *cook) work(ctx context.Context, q *queue) error {
	waiting := make(map[time.Time][]*dish)
	for s, ok := q.take(); ok; s, ok = q.take() {
		for _, part := range c.parts(s) {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, err := c.dish(s, part)
			if err != nil {
				return err
			}
			for _, at := range c.ahead.of(s, c.kitchen, c.view) {
				waiting[at] = append(waiting[at], d)
			}
		}
	}
	return c.lookAhead(ctx, waiting)
}

// dish makes a subject as of the state's instant.
func (c *cook) dish(s subject, part kin) (*dish, error) {
	rows, err := c.rows(s, part, c.stage(c.now, part[0], time.Time{}))
	if err != nil {
		return nil, err
	}
	d := &dish{subject: s, kin: part, made: &made{rows: rows}, current: rows}
	c.dishes = append(c.dishes, d)
	var was *made
	var different []release.Row
	for i, b := range part {
		if before := b.made[s]; i == 0 || before != was {
			was, different = before, difference(before.rowsOf(), rows)
		}
		c.outcome.rows = appendRows(c.outcome.rows, b, different)
	}
	return d, nil
}

// rows makes the rows of a subject, which name no edition.
func (c *cook) rows(s subject, part kin, on *stage) ([]release.Row, error) {
	rows, err := c.kitchen.rows(s, on)
	if err != nil {
		return nil, fmt.Errorf("bake edition %s: %w", part[0].edition.Name(), err)
	}
	return c.ahead.ending(s, rows), nil
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
		view = view.Later(at, c.ahead.changed(at))
	}
	stages[b] = newStage(view)
	return stages[b]
}

// lookAhead makes subjects again as of each instant at which they may change.
func (c *cook) lookAhead(ctx context.Context, waiting map[time.Time][]*dish) error {
	for _, at := range sortedInstants(waiting) {
		then := make(map[*batch]*stage)
		for _, d := range waiting[at] {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows, err := c.rows(d.subject, d.kin, c.stage(then, d.kin[0], at))
			if err != nil {
				return err
			}
			if different := difference(d.current, rows); len(different) > 0 {
				d.made.changes = append(d.made.changes, change{at, different})
				d.current = rows
			}
		}
	}
	for _, d := range c.dishes {
		d.current = nil
	}
	return nil
}

func sortedInstants(waiting map[time.Time][]*dish) []time.Time {
	instants := make([]time.Time, 0, len(waiting))
	for at := range waiting {
		instants = append(instants, at)
	}
	return sortInstants(instants)
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
