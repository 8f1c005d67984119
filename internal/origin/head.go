package origin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/release"
)

// lookTimeout is how long one look at the head may take.
const lookTimeout = 10 * time.Second

// state is a head as it lies in the bucket. One with the version "" means that
// there is none yet.
type state struct {
	version bucket.Version
	body    []byte
	head    release.Head
}

// news tells those who wait that something has changed.
type news struct {
	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when something has
	ended   chan struct{} // closed when there will be no more
}

func newNews() news { return news{changed: make(chan struct{}), ended: make(chan struct{})} }

// next returns a channel that is closed when something changes after now.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

// Notify makes the origin look at the head now. It does not wait, and any
// goroutine may call it.
func (o *Origin) Notify() {
	select {
	case o.wake <- struct{}{}:
	default: // a call that was not noticed yet does for this one
	}
}

// Start looks at the head, if it can be had now, and watches it until Stop.
func (o *Origin) Start(ctx context.Context, _ func(error)) error {
	failing := o.try(ctx, false)
	ctx, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(o.done)
		ticker := time.NewTicker(o.cfg.Poll)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			case <-o.wake:
			}
			failing = o.try(ctx, failing)
		}
	}()
	return nil
}

// Stop ends the streams of events and watching. Other requests are the server's
// to end.
func (o *Origin) Stop(ctx context.Context) error {
	o.stop()
	close(o.news.ended)
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try looks once and reports whether that failed. It logs the first failure of a row.
func (o *Origin) try(ctx context.Context, failing bool) bool {
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := o.look(looking)
	switch {
	case ctx.Err() != nil:
		return failing
	case err != nil && !failing:
		o.log.ErrorContext(ctx, "looking at the head for edges failed; they get the one before", "error", err)
	case err == nil && failing:
		o.log.InfoContext(ctx, "looking at the head for edges works again")
	}
	return err != nil
}

// look takes the head over if it has changed, and tells those who wait.
func (o *Origin) look(ctx context.Context) error {
	before := o.current.Load()
	version, err := o.objects.Version(ctx, release.HeadKey)
	if errors.Is(err, bucket.ErrNotFound) {
		version, err = "", nil
	}
	if err != nil || before != nil && version == before.version {
		return err
	}
	next := &state{}
	if version != "" {
		if next.body, next.version, err = o.objects.Read(ctx, release.HeadKey); err != nil {
			return err
		}
		if err := json.Unmarshal(next.body, &next.head); err != nil {
			return fmt.Errorf("the head (%s in the bucket) is damaged: %w", release.HeadKey, err)
		}
	}
	o.shelf.turn(next.head.Releases)
	o.current.Store(next)
	o.news.tell()
	return nil
}

// serveHead answers with the head as it was looked at last: one that an event has
// told of, or a later one.
func (o *Origin) serveHead(w http.ResponseWriter, r *http.Request) {
	st := o.current.Load()
	switch {
	case st == nil:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "The origin could not read the head yet; its log says why.")
	case st.version == "":
		refuse(w, http.StatusNotFound, "There is no release yet.")
	default:
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Set("Content-Type", "application/json")
		serveObject(w, r, string(st.version), bytes.NewReader(st.body))
	}
}
