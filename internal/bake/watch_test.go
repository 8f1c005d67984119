package bake

import (
	"testing"
	"time"
)

func TestABurstOfEditsIsBakedOnceItIsQuiet(t *testing.T) {
	start := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	b := burst{quiet: 200 * time.Millisecond, longest: time.Second, last: 7, baked: 7}
	for _, step := range []struct {
		ms       int
		sequence int64
		due      bool
	}{
		{0, 7, false}, {50, 8, false}, {150, 9, false}, {300, 9, false}, {350, 9, true}, {400, 9, false},
	} {
		if got := b.due(step.sequence, at(step.ms)); got != step.due {
			t.Errorf("after %d ms, at change %d: due %v, want %v", step.ms, step.sequence, got, step.due)
		}
	}
}

func TestABurstThatDoesNotEndIsBakedAllTheSame(t *testing.T) {
	start := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	b := burst{quiet: 200 * time.Millisecond, longest: time.Second}
	for i := range 21 {
		now := start.Add(time.Duration(i) * 50 * time.Millisecond)
		if got, want := b.due(int64(i+1), now), i == 20; got != want {
			t.Fatalf("after %v: due %v, want %v", now.Sub(start), got, want)
		}
	}
}

func TestABakeThatFailedIsDueAgainWithoutAChange(t *testing.T) {
	start := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	b := burst{last: 7, baked: 7}
	b.done(false, start)
	if b.due(7, start.Add(retryAfter-1)) {
		t.Error("it is tried again at once")
	}
	if !b.due(7, start.Add(retryAfter)) {
		t.Error("it is not tried again")
	}
	b.done(true, start.Add(retryAfter))
	if b.due(7, start.Add(2*retryAfter)) {
		t.Error("it is tried again after it succeeded")
	}
}
