package release

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestEachDoesAll(t *testing.T) {
	items := make([]int, 100)
	for i := range items {
		items[i] = i
	}
	var mu sync.Mutex
	var done []int
	if err := each(t.Context(), items, func(_ context.Context, i int) error {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, i)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(done)
	if !slices.Equal(done, items) {
		t.Errorf("did %v", done)
	}
}

func TestEachReturnsWhyItEnded(t *testing.T) {
	why := errors.New("why")
	err := each(t.Context(), make([]struct{}, 100), func() func(context.Context, struct{}) error {
		var once sync.Once
		return func(ctx context.Context, _ struct{}) (err error) {
			once.Do(func() { err = why })
			if err == nil {
				<-ctx.Done() // until another fails
				err = ctx.Err()
			}
			return err
		}
	}())
	if !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := each(ctx, []int{1}, func(context.Context, int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
