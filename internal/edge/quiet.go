package edge

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// How much net/http may log about clients: anybody can make it complain.
const (
	complaintsPer = 10 * time.Second
	complaints    = 10
)

// quiet passes on a few lines in each span of time, and says how many it did not.
type quiet struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	since   time.Time
	written int
}

// newQuietLog returns a log for net/http.
func newQuietLog(to *slog.Logger) *log.Logger {
	return log.New(&quiet{log: to, now: time.Now}, "", 0)
}

// Write takes one line, as log.Logger writes them.
func (q *quiet) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := q.now(); now.Sub(q.since) >= complaintsPer {
		if left := q.written - complaints; left > 0 {
			q.log.Warn("there was more about clients that was not logged", "lines", left)
		}
		q.since, q.written = now, 0
	}
	if q.written++; q.written <= complaints {
		q.log.Warn(strings.TrimSuffix(string(line), "\n"))
	}
	return len(line), nil
}
