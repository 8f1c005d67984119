package bake

import (
	"context"
	"time"

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
	next := &State{
		AsOf: asOf, Content: prev.Content, program: prev.program, snapshot: snapshot, editions: prev.editions, kins: prev.kins,
		sight: prev.sight,
	}
	if next.sight == nil {
		next.sight = prev.look()
	}
	t := newTouch(prev, next, changed)
	next.sight.follow(prev, next, t)
	outcomes, err := next.remake(ctx, sink, next.sight, t.subjects)
	if err != nil {
		return nil, err
	}
	if next.Remade > 0 {
		next.Content = release.Content{
			Tree: prev.Content.Tree.Edit(joinRows(outcomes)), Patches: repatch(prev.Content.Patches, outcomes),
		}
	}
	return next, nil
}
