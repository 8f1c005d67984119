package edge

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// clock tells what time it is, and how sure of it one can be. It believes the
// wall clock as long as that runs beside one that nobody can set (the monotonic
// clock). When the two part, somebody set the wall clock, and nobody knows
// whether it was wrong before or is wrong now: then the time is a period that
// holds both, until a release tells more. Any number of goroutines may use it.
type clock struct {
	now func() time.Time
	// elapsed is what a clock that is never set shows; it need not run while the
	// machine sleeps. It is asked together with now.
	elapsed func(now time.Time) time.Duration
	log     *slog.Logger

	belief atomic.Pointer[belief]
	change sync.Mutex // held while belief is exchanged
}

// belief is how far each reading of the time is ahead of elapsed, in nanoseconds
// since 1970.
type belief struct {
	wall             int64 // the wall clock, when it was looked at last
	earliest, latest int64 // what the time is, at least and at most
}

// period is a time of which so much is known. Both are nanoseconds since 1970, and
// the same where the clock is to be believed.
type period struct{ earliest, latest int64 }

const (
	// jump is up to how large a step of the wall clock is none. What keeps
	// clocks right makes them run faster or slower, which moves both, and steps
	// only where more than this is wrong.
	jump = 100 * time.Millisecond
	// freshRelease is how old a release may be, by the wall clock, to prove it right: one
	// that arrives was made moments ago.
	freshRelease = time.Minute
)

// newClock returns a clock that believes now. elapsed may be nil: the monotonic
// reading that time.Now has.
func newClock(now func() time.Time, elapsed func() time.Duration, log *slog.Logger) *clock {
	start := now()
	c := &clock{now: now, log: log, elapsed: func(t time.Time) time.Duration { return t.Sub(start) }}
	if elapsed != nil {
		c.elapsed = func(time.Time) time.Duration { return elapsed() }
	}
	offset := start.UnixNano() - int64(c.elapsed(start))
	c.belief.Store(&belief{wall: offset, earliest: offset, latest: offset})
	return c
}

// read returns what the wall clock shows, and what is known of the time.
func (c *clock) read() (wall time.Time, known period) {
	wall = c.now()
	elapsed := int64(c.elapsed(wall))
	b := c.belief.Load()
	if offset := wall.UnixNano() - elapsed; apart(offset, b.wall) > jump/2 {
		b = c.look(offset)
	}
	if b.earliest == b.wall && b.latest == b.wall {
		return wall, period{wall.UnixNano(), wall.UnixNano()}
	}
	return wall, period{b.earliest + elapsed, b.latest + elapsed}
}

// look takes note of where the wall clock is. A step makes the time a period
// that holds what it was before and after; small ones are followed.
func (c *clock) look(wall int64) *belief {
	c.change.Lock()
	defer c.change.Unlock()
	b := *c.belief.Load()
	switch exact := b.earliest == b.wall && b.latest == b.wall; {
	case apart(wall, b.wall) > jump:
		c.log.Warn("the clock was set: until a new release tells which time is right, what changes between the two is refused",
			"step", time.Duration(wall-b.wall))
		b.earliest, b.latest = min(b.earliest, wall), max(b.latest, wall)
	case exact:
		b.earliest, b.latest = wall, wall
	}
	b.wall = wall
	c.belief.Store(&b)
	return &b
}

// apart returns how far two instants are from each other.
func apart(a, b int64) time.Duration { return time.Duration(max(a-b, b-a)) }

// learn takes note of a release that arrived: it is at least the instant that it
// was made for. Where the wall clock says that this was moments ago, it is right.
func (c *clock) learn(asOf time.Time) {
	wall, _ := c.read()
	elapsed := int64(c.elapsed(wall))
	c.change.Lock()
	defer c.change.Unlock()
	b := *c.belief.Load()
	made := asOf.UnixNano() - elapsed
	switch {
	case b.wall >= made && b.wall-made < int64(freshRelease):
		b.earliest, b.latest = b.wall, b.wall
	case made > b.earliest:
		b.earliest, b.latest = made, max(made, b.latest)
	default:
		return
	}
	before := *c.belief.Load()
	if before == b {
		return
	}
	c.belief.Store(&b)
	if before.earliest != before.latest {
		c.log.Info("a release told more of the time",
			"behind", time.Duration(b.earliest-b.wall), "unsure", time.Duration(b.latest-b.earliest))
	}
}
