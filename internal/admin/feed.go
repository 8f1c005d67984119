package admin

import (
	"context"
	"sync"
	"time"

	"ovenbird/internal/catalog"
)

// feed tells those who follow the feed of changes when to look again. While
// somebody follows, one goroutine asks for the number of the last change,
// however many follow.
type feed struct {
	catalog *catalog.Store
	poll    time.Duration
	most    int
	stopped chan struct{} // closed by stop

	mu        sync.Mutex
	followers int
	changed   chan struct{} // closed, and replaced, when something has changed
	cancel    context.CancelFunc
	done      sync.WaitGroup
	ended     bool
}

func newFeed(c *catalog.Store, poll time.Duration, most int) *feed {
	return &feed{catalog: c, poll: poll, most: most, stopped: make(chan struct{}), changed: make(chan struct{})}
}

// news returns a channel that is closed once something has changed since now.
func (f *feed) news() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// join counts one more who follows; ok is false where they are too many, or the
// feed has stopped. Whoever joined calls leave, once.
func (f *feed) join(ctx context.Context) (leave func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || f.followers >= f.most {
		return nil, false
	}
	f.followers++
	if f.followers == 1 {
		// It goes on for those who come later.
		watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f.cancel = cancel
		f.done.Go(func() { f.watch(watching) })
	}
	return f.leave, true
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers--
	if f.followers == 0 {
		f.cancel()
	}
}

// watch looks for changes until ctx ends. That a look fails is no news: the next
// one will tell.
func (f *feed) watch(ctx context.Context) {
	ticker := time.NewTicker(f.poll)
	defer ticker.Stop()
	last := int64(-1)
	for {
		if sequence, err := f.catalog.Sequence(ctx); err == nil && sequence != last {
			last = sequence
			f.tell()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (f *feed) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// stop ends all streams, and returns when nobody looks any more.
func (f *feed) stop() {
	f.mu.Lock()
	if !f.ended {
		f.ended = true
		close(f.stopped)
	}
	if f.cancel != nil {
		f.cancel()
	}
	f.mu.Unlock()
	f.done.Wait()
}
