package release

import (
	"context"
	"errors"
	"sync"
)

// atOnce is how many requests a loop over packs or releases has under way: a
// remote bucket takes its time over each.
const atOnce = 8

// each calls do for every item, several at a time, until one fails. It returns
// the error of the first that did, in the order of the items.
func each[T any](ctx context.Context, items []T, do func(ctx context.Context, item T) error) error {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make([]error, len(items))
	free := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, item := range items {
		free <- struct{}{}
		if working.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-free }()
			if failed[i] = do(working, item); failed[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	// Those that only ended because another failed are not the reason.
	var ended error
	for _, err := range failed {
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled):
			ended = err
		default:
			return err
		}
	}
	return ended
}
