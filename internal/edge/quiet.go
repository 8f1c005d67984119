package edge

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How much net/http may log about clients: anybody can make it complain.
const (
	complaintsPer = 10 * time.Second
	complaints    = 10
)

// quiet passes on a few records in each span of time, and says how many it did not.
type quiet struct {
	slog.Handler

	mu      sync.Mutex
	since   time.Time
	written int
}

func newQuiet(to slog.Handler) *quiet { return &quiet{Handler: to} }

// Handle implements slog.Handler.
func (q *quiet) Handle(ctx context.Context, r slog.Record) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := time.Now(); now.Sub(q.since) >= complaintsPer {
		if left := q.written - complaints; left > 0 {
			slog.New(q.Handler).WarnContext(ctx, "there was more about clients that was not logged", "records", left)
		}
		q.since, q.written = now, 0
	}
	q.written++
	if q.written > complaints {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}
