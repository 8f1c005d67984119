package edge

import (
	"context"
	"net/http"
	"time"
)

// closing ends a connection with an answer, or makes HTTP/2 say that it ends.
var closing = []string{"close"}

// last reports whether the connection ends with the answer to a request. It does
// after everything that makes it doubtful where the next one begins: a body, which
// no request here needs, and HTTP/1.0, whose clients and proxies do not agree on
// how a message is framed. And it does when the edge is about to stop.
func (e *Edge) last(r *http.Request) bool {
	switch r.ProtoMajor {
	case 1:
		return r.ContentLength != 0 || r.ProtoMinor == 0 || e.leaving.Load()
	case 2:
		return e.leaving.Load()
	default: // HTTP/3 has its own way to say so
		return false
	}
}

// Withdraw makes the edge say that it is about to stop: /readyz is not ready any
// more, and each connection ends with its next answer, so that clients turn
// elsewhere. Documents are served as before. It can not be undone.
func (e *Edge) Withdraw() { e.leaving.Store(true) }

// Withdrawal is a lifecycle service that withdraws an edge when it is stopped and
// gives balancers a while to notice. Add it after the server, to be stopped before.
type Withdrawal struct {
	Edge *Edge
	// Delay is how long stopping takes; 0 means that nobody needs to notice.
	Delay time.Duration
}

// Start does nothing.
func (Withdrawal) Start(context.Context, func(error)) error { return nil }

// Stop withdraws the edge, and returns after the delay or when ctx ends.
func (w Withdrawal) Stop(ctx context.Context) error {
	w.Edge.Withdraw()
	delay := time.NewTimer(w.Delay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
	}
	return nil
}
