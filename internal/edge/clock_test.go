package edge

import (
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// watch is a wall clock that can be set, and one beside it that can not.
type watch struct {
	wall    time.Time
	elapsed time.Duration
}

func (w *watch) now() time.Time         { return w.wall }
func (w *watch) since() time.Duration   { return w.elapsed }
func (w *watch) pass(d time.Duration)   { w.wall, w.elapsed = w.wall.Add(d), w.elapsed+d }
func (w *watch) set(step time.Duration) { w.wall = w.wall.Add(step) }

var morning = time.Date(2026, 6, 15, 8, 0, 0, 0, time.UTC)

func newWatch() (*watch, *clock) {
	w := &watch{wall: morning, elapsed: 77 * time.Hour}
	return w, newClock(w.now, w.since, slog.New(slog.DiscardHandler))
}

// knows checks what the clock knows, as times after morning.
func knows(t *testing.T, c *clock, earliest, latest time.Duration) {
	t.Helper()
	_, known := c.read()
	if got := time.Duration(known.earliest - morning.UnixNano()); got != earliest {
		t.Errorf("it is %s at least, want %s", got, earliest)
	}
	if got := time.Duration(known.latest - morning.UnixNano()); got != latest {
		t.Errorf("it is %s at most, want %s", got, latest)
	}
}

func TestClockThatRunsIsBelieved(t *testing.T) {
	w, c := newWatch()
	for range 1000 {
		w.pass(time.Second)
		w.set(time.Millisecond) // what keeps it right
		c.read()
	}
	knows(t, c, 1001*time.Second, 1001*time.Second)
}

func TestClockThatWasSetIsUnsure(t *testing.T) {
	for _, step := range []time.Duration{time.Second, time.Hour} {
		w, c := newWatch()
		w.set(step)
		w.pass(time.Minute)
		knows(t, c, time.Minute, step+time.Minute)
		w.set(-2 * step)
		knows(t, c, time.Minute-step, time.Minute+step)
		w.set(step)
		knows(t, c, time.Minute-step, time.Minute+step)
	}
}

func TestReleaseTellsWhichTimeIsRight(t *testing.T) {
	tests := map[string]struct {
		step             time.Duration // by which the clock is set
		made             time.Duration // when the release was made that comes 10 s after
		earliest, latest time.Duration // what is known then
	}{
		"was behind, and is right now":           {time.Hour, time.Hour + 8*time.Second, time.Hour + 10*time.Second, time.Hour + 10*time.Second},
		"was right, and is ahead now":            {time.Hour, 8 * time.Second, 10 * time.Second, time.Hour + 10*time.Second},
		"was ahead, and is right now":            {-time.Hour, -time.Hour + 8*time.Second, -time.Hour + 10*time.Second, -time.Hour + 10*time.Second},
		"was right, and is behind now":           {-time.Hour, 8 * time.Second, 8 * time.Second, 10 * time.Second},
		"a release from before tells nothing":    {-time.Hour, -5 * time.Hour, -time.Hour + 10*time.Second, 10 * time.Second},
		"one from the future is what is known":   {-time.Hour, time.Minute, time.Minute, time.Minute},
		"one from the future, without any jump":  {0, time.Minute, time.Minute, time.Minute},
		"one from long ago, without any jump":    {0, -time.Hour, 10 * time.Second, 10 * time.Second},
		"one from moments ago, without any jump": {0, 9 * time.Second, 10 * time.Second, 10 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w, c := newWatch()
			w.set(test.step)
			w.pass(10 * time.Second)
			c.learn(morning.Add(test.made))
			knows(t, c, test.earliest, test.latest)
			// From then on it runs.
			w.pass(time.Minute)
			knows(t, c, test.earliest+time.Minute, test.latest+time.Minute)
		})
	}
}

// Whatever is done to a clock that was right at the start, and whatever releases
// arrive soon after they were made: the right time is never left out by more
// than a fresh release proves.
func TestClockNeverLeavesTheRightTimeOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, c := newWatch()
		right := time.Duration(0)
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				d := time.Duration(rapid.IntRange(0, 7200).Draw(t, "passes")) * time.Second
				w.pass(d)
				right += d
			case 1:
				w.set(time.Duration(rapid.IntRange(-7200, 7200).Draw(t, "step")) * time.Second)
			default:
				c.learn(morning.Add(right - time.Duration(rapid.IntRange(0, 59).Draw(t, "age"))*time.Second))
			}
			_, known := c.read()
			at := morning.Add(right).UnixNano()
			if known.earliest > at+int64(freshRelease) || known.latest < at-int64(freshRelease) {
				t.Fatalf("it is %s after the beginning, and the clock believes %s to %s", right,
					time.Duration(known.earliest-morning.UnixNano()), time.Duration(known.latest-morning.UnixNano()))
			}
		}
	})
}
