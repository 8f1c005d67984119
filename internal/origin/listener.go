package origin

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// shortestBackoff and longestBackoff are how long after a stream has ended, and
	// after many in a row have, the origin is asked again. Edges that lost an origin
	// together do not come back together.
	shortestBackoff = 200 * time.Millisecond
	longestBackoff  = 30 * time.Second
	// breath is how long after an event the next one is read: an origin that sends
	// them without end costs little.
	breath = 10 * time.Millisecond
	// maxLine is the length, in bytes, of the longest line of a stream.
	maxLine = 16 << 10
)

// Listener is told by origins that the head has changed. It is a lifecycle
// service.
type Listener struct {
	client *Client
	notify func()
	log    *slog.Logger
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// NewListener returns a listener to all origins of a client, which is to ask the
// one that had news first. notify is called at each news, and must not wait. A nil
// log discards.
func NewListener(c *Client, notify func(), log *slog.Logger) *Listener {
	return &Listener{client: c, notify: notify, log: cmp.Or(log, slog.New(slog.DiscardHandler))}
}

// Start begins to listen.
func (l *Listener) Start(ctx context.Context, _ func(error)) error {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	for i := range l.client.origins {
		l.done.Go(func() { l.follow(ctx, i) })
	}
	return nil
}

// Stop ends listening.
func (l *Listener) Stop(context.Context) error {
	l.stop()
	l.done.Wait()
	return nil
}

// follow listens to one origin, again and again.
func (l *Listener) follow(ctx context.Context, origin int) {
	e := ear{Listener: l, origin: origin, log: l.log.With("origin", strings.TrimSuffix(l.client.origins[origin], Prefix))}
	backoff := shortestBackoff
	for failing := false; ; {
		e.heard = false
		err := e.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if e.heard {
			backoff, failing = shortestBackoff, false
		}
		if !failing {
			failing = true
			e.log.WarnContext(ctx, "an origin tells of no news now; looking for releases as often as --poll says", "error", err)
		}
		if !sleep(ctx, backoff/2+rand.N(backoff)) { //nolint:gosec // nobody gains by guessing it
			return
		}
		backoff = min(2*backoff, longestBackoff)
	}
}

// ear listens to one origin.
type ear struct {
	*Listener
	origin int
	log    *slog.Logger
	last   string // id of the last event
	heard  bool   // whether the stream that runs has brought anything
}

// listen reads one stream until it ends.
func (e *ear) listen(ctx context.Context) error {
	c := e.client
	header := http.Header{"Accept": {"text/event-stream"}}
	if e.last != "" {
		header.Set("Last-Event-ID", e.last)
	}
	response, err := c.askWithin(ctx, 3*heartbeat, http.MethodGet, c.origins[e.origin]+eventsPath, header, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read as far as it went
	media, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	switch {
	case response.StatusCode != http.StatusOK:
		return refusal(response)
	case media != "text/event-stream":
		return fmt.Errorf("it sends %.60q where events were asked for", media)
	}
	return e.read(ctx, response.Body)
}

// read takes the lines of a stream in (HTML standard, section 9.2.6), as far as
// the endpoint uses them.
func (e *ear) read(ctx context.Context, stream io.Reader) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 1<<10), maxLine)
	var event, id, data string
	for lines.Scan() {
		if !e.heard {
			e.heard = true
			e.log.InfoContext(ctx, "an origin tells of news")
		}
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if event == "head" && !e.take(ctx, id, data) {
				return ctx.Err()
			}
			event, id, data = "", "", ""
		case field == "event":
			event = value
		case field == "id":
			id = value
		case field == "data":
			data = value
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the stream has ended")
}

// take passes an event on, and reports whether ctx lasts. What is no event of a
// head that is new is left alone.
func (e *ear) take(ctx context.Context, id, data string) bool {
	var head headEvent
	if id == "" || id == e.last || json.Unmarshal([]byte(data), &head) != nil {
		return true
	}
	e.last = id
	if head.Sequence >= e.client.knownHead().sequence {
		e.client.prefer(e.origin)
		e.notify()
	}
	return sleep(ctx, breath)
}

// sleep waits, and reports whether ctx lasts.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
