package origin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// heartbeat is how often a subscriber hears that the connection is alive, unless
	// a Config says otherwise. A Listener gives up on one that is silent three times
	// as long.
	heartbeat = 15 * time.Second
	// eventPatience is how long a subscriber may take to receive an event. There is
	// a goroutine for each, so a slow one holds up itself alone.
	eventPatience = 10 * time.Second
)

// headEvent is the data of an event. Its id is the version of the head.
type headEvent struct {
	Sequence uint64 `json:"sequence"`
	Release  string `json:"release"`
}

// serveEvents sends an event with each change of the head, and one at the start
// unless the subscriber says that it knows that head already. Changes that come
// faster than a subscriber receives become one: only the last head matters.
func (o *Origin) serveEvents(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if o.subscribers.Add(1) > int64(o.cfg.MaxSubscribers) {
		o.subscribers.Add(-1)
		h.Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "Too many are being told already; ask another origin, or look at the head now and then.")
		return
	}
	defer o.subscribers.Add(-1)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead { // of something that does not end
		return
	}
	s := stream{origin: o, w: w, control: http.NewResponseController(w), known: r.Header.Get("Last-Event-ID")}
	s.secret, _ = bearer(r)
	s.run(r.Context())
}

// stream is one subscriber.
type stream struct {
	origin  *Origin
	w       http.ResponseWriter
	control *http.ResponseController
	known   string // id of the event that was sent last
	secret  string
}

// run sends until the subscriber goes, is too slow, or loses its token, or the
// origin stops.
func (s *stream) run(ctx context.Context) {
	_ = s.control.SetReadDeadline(time.Time{}) // nothing more is to be read
	alive := time.NewTicker(s.origin.cfg.Heartbeat)
	defer alive.Stop()
	if s.send("retry: 1000\n: welcome\n\n") != nil {
		return
	}
	for {
		changed := s.origin.news.next()
		if s.catchUp() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.origin.news.ended:
			return
		case <-changed:
		case <-alive.C:
			// Whoever asks is judged with each request, and this one lasts.
			if errors.Is(s.origin.tokens.Admit(ctx, s.secret), ErrRefused) || s.send(": alive\n\n") != nil {
				return
			}
		}
	}
}

// catchUp sends the head's event unless it was sent.
func (s *stream) catchUp() error {
	st := s.origin.current.Load()
	if st == nil || string(st.version) == s.known {
		return nil
	}
	s.known = string(st.version)
	data, err := json.Marshal(headEvent{st.head.Sequence, st.head.Current})
	if err != nil {
		return err
	}
	return s.send(fmt.Sprintf("event: head\nid: %s\ndata: %s\n\n", s.known, data))
}

func (s *stream) send(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(eventPatience)) // a writer without deadlines is one of a test
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
