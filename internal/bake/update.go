package bake

import (
	"context"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
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
	outcomes, err := next.remake(ctx, sink, next.look(), func(k *kitchen, view *facts.View) []subject {
		return t.subjects(k, view, facts.NewView(prev.snapshot, view.Edition(), next.program.Rules, asOf))
	})
	if err != nil {
		return nil, err
	}
	if next.Remade > 0 {
		next.Content = release.Content{Tree: prev.Content.Tree.Edit(joinRows(outcomes)), Patches: next.patches()}
	}
	return next, nil
}
