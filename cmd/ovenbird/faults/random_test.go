//go:build linux && amd64

package faults

import (
	"math/rand/v2"
	"testing"
	"time"
)

// upTo waits for a random part of longest.
func upTo(random *rand.Rand, longest time.Duration) {
	<-time.After(time.Duration(random.Int64N(int64(longest))))
}

// kills is how often a test that kills at random does.
func kills(few int) int { return max(few, soak()) }

// A process that is killed at any instant, also in its recovery, leaves all that
// it has acknowledged; what is served meanwhile is always right; and the next
// process brings everything to its end.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	seed, random := draw(t)
	w := newWorld(t, random, "")
	w.isReady(w.startUp())
	w.startEdge()
	leave := w.populate()
	defer leave()
	recoveries, edges := 0, 0
	for killed := 0; killed < kills(4); killed++ {
		upTo(random, 1200*time.Millisecond)
		if random.IntN(4) == 0 {
			edges++
			w.restartEdge()
		}
		w.killUp(0)
		p := w.startUp()
		for random.IntN(3) == 0 {
			upTo(random, 400*time.Millisecond)
			killed++
			recoveries++
			w.killUp(0)
			p = w.startUp()
		}
		w.isReady(p)
		w.settled()
		if t.Failed() || killed%50 == 49 {
			t.Logf("seed %d: after %d kills", seed, killed+1)
		}
		if t.Failed() {
			return
		}
	}
	leave()
	w.remembered()
	t.Logf("seed %d: killed %d times, %d of them in recovery, the edge %d times; %s", seed, kills(4), recoveries, edges, w.summary())
}

// restartEdge kills the edge that has no catalog, and starts it again on its cache.
func (w *world) restartEdge() {
	w.mu.Lock()
	old := w.edge
	w.mu.Unlock()
	old.kill()
	w.startEdge()
}
