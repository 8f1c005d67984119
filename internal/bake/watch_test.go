package bake

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// newTestBurst has baked change 7, long ago.
func newTestBurst() *burst { return &burst{debounce: 200 * time.Millisecond, baked: 7} }

func TestAnEditThatComesAloneIsBakedAtOnce(t *testing.T) {
	b := newTestBurst()
	if b.due(7, start) {
		t.Error("due though nothing changed")
	}
	if !b.due(8, start) {
		t.Error("not due at once")
	}
	ended := start.Add(10 * time.Millisecond)
	b.done(8, start, ended)
	if b.due(9, ended.Add(2*time.Millisecond-1)) || !b.due(9, ended.Add(2*time.Millisecond)) {
		t.Error("the next edit does not wait for a hundredth of 200 ms")
	}
}

func TestWhatComesAfterABakeOfManyChangesIsGathered(t *testing.T) {
	for name, bake := range map[string]struct{ took, pause time.Duration }{
		"a short bake": {20 * time.Millisecond, 200 * time.Millisecond},
		"a longer one": {150 * time.Millisecond, 600 * time.Millisecond},
		"a full bake":  {time.Minute, 2 * time.Second},
	} {
		b := newTestBurst()
		ended := start.Add(bake.took)
		b.done(7+1000, start, ended)
		if b.due(5000, ended.Add(bake.pause-1)) || !b.due(5000, ended.Add(bake.pause)) {
			t.Errorf("%s: the next is not due after %s", name, bake.pause)
		}
	}
}

func TestABakeThatFailedIsDueAgainWithoutAChange(t *testing.T) {
	b := newTestBurst()
	b.fail(start)
	if b.due(7, start.Add(retryAfter-1)) || b.due(8, start.Add(retryAfter-1)) {
		t.Error("it is tried again at once")
	}
	if !b.due(7, start.Add(retryAfter)) {
		t.Error("it is not tried again")
	}
	b.done(7, start.Add(retryAfter), start.Add(retryAfter))
	if b.due(7, start.Add(2*retryAfter)) {
		t.Error("it is tried again after it succeeded")
	}
}

func TestWhileABurstGoesOnItsPausesGrow(t *testing.T) {
	b, now := newTestBurst(), start
	var got []time.Duration
	for range 6 {
		b.done(b.baked+burstChanges, now, now)
		got = append(got, b.notBefore.Sub(now))
		now = b.notBefore
	}
	b.done(b.baked+1, now, now)
	got = append(got, b.notBefore.Sub(now))
	if text := fmt.Sprint(got); text != "[200ms 400ms 800ms 1.6s 2s 2s 20ms]" {
		t.Errorf("pauses of %s", text)
	}
}

// writing is a catalog that is written to while a watcher bakes it.
type writing struct {
	commits []commit // in the order of time
	// A bake takes fixed, and each for every change.
	fixed, each time.Duration
}

// commit is so many changes at an instant.
type commit struct {
	at      time.Duration // after start
	changes int64
}

// last returns the number of the last change as of an instant.
func (w *writing) last(now time.Time) (sequence int64) {
	for _, c := range w.commits {
		if !start.Add(c.at).After(now) {
			sequence += c.changes
		}
	}
	return sequence
}

// watch goes on as Service.watch does, until a while after the last commit. It
// returns how many bakes there were, and how long the catalog waited for one at most.
func (w *writing) watch() (b *burst, bakes int, longest time.Duration) {
	b = &burst{debounce: 200 * time.Millisecond}
	var since time.Time // when what is not baked was committed first
	end := start.Add(w.commits[len(w.commits)-1].at + time.Minute)
	for now := start; now.Before(end); now = now.Add(watchInterval) {
		if since.IsZero() && w.last(now) != b.baked {
			since = now
		}
		if !b.due(w.last(now), now) {
			continue
		}
		longest = max(longest, now.Sub(since))
		sequence, began := w.last(now), now
		now = now.Add(w.fixed + time.Duration(sequence-b.baked)*w.each)
		b.done(sequence, began, now)
		bakes, since = bakes+1, time.Time{}
	}
	return b, bakes, longest
}

func TestEveryChangeIsBakedInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := writing{
			fixed: time.Duration(rapid.IntRange(1, 200).Draw(t, "fixed")) * time.Millisecond,
			each:  time.Duration(rapid.IntRange(0, 2000).Draw(t, "each")) * time.Microsecond,
		}
		var at time.Duration
		for range rapid.IntRange(1, 60).Draw(t, "commits") {
			at += time.Duration(rapid.IntRange(0, 500).Draw(t, "pause")) * time.Millisecond
			w.commits = append(w.commits, commit{at, int64(rapid.IntRange(1, 300).Draw(t, "changes"))})
		}
		b, bakes, longest := w.watch()
		if b.baked != w.last(start.Add(time.Hour)) {
			t.Errorf("%d changes of %d were baked", b.baked, w.last(start.Add(time.Hour)))
		}
		if bakes > len(w.commits) {
			t.Errorf("%d bakes of %d commits", bakes, len(w.commits))
		}
		if most := maxDebounces*b.debounce + watchInterval; longest > most {
			t.Errorf("a change waited for %s before it was baked, not %s at most", longest, most)
		}
	})
}

// 100,000 records in transactions of 500, as fast as SQLite takes them, and as fast
// as PostgreSQL does.
func TestAnImportMakesFewReleases(t *testing.T) {
	for _, pause := range []time.Duration{20 * time.Millisecond, 80 * time.Millisecond} {
		w := writing{fixed: 15 * time.Millisecond, each: 20 * time.Microsecond}
		for i := range 200 {
			w.commits = append(w.commits, commit{time.Duration(i) * pause, 500})
		}
		if _, bakes, _ := w.watch(); bakes > 12 {
			t.Errorf("a commit each %s: %d releases", pause, bakes)
		}
	}
}

// Who edits title by title, and looks at each before the next, waits for nothing.
func TestEditsOneAfterTheOtherDoNotWait(t *testing.T) {
	w := writing{fixed: 15 * time.Millisecond}
	for i := range 500 {
		w.commits = append(w.commits, commit{time.Duration(i) * 30 * time.Millisecond, 1})
	}
	if _, bakes, longest := w.watch(); bakes != 500 || longest > watchInterval {
		t.Errorf("%d releases of 500 edits; an edit waited for %s", bakes, longest)
	}
}
