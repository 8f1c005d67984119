package metric

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
)

// Stripes is a table of counters for what happens so often that processors would
// wait for each other at a single one. Each stripe has all counters; whoever
// counts takes any stripe, and to read is to sum over all.
type Stripes struct {
	stripes []Stripe
	mask    uint32
}

// Stripe is a part of each counter of Stripes.
type Stripe []atomic.Uint64

const (
	// mostStripes is beyond how many more of them are of no use.
	mostStripes = 64
	// cacheLine is how many counters processors pass to each other at once.
	cacheLine = 8
)

// NewStripes returns n counters that are 0.
func NewStripes(n int) *Stripes {
	count := 1
	for count < min(runtime.GOMAXPROCS(0), mostStripes) {
		count *= 2
	}
	s := &Stripes{mask: uint32(count - 1)}
	for range count {
		// A line is left free at the end, so that no two stripes share one.
		s.stripes = append(s.stripes, make(Stripe, n+cacheLine)[:n])
	}
	return s
}

// Pick returns a stripe to count in. It is the best for one piece of work: pick
// again for the next.
func (s *Stripes) Pick() Stripe { return s.stripes[rand.Uint32()&s.mask] } //nolint:gosec // nobody is kept from guessing it

// Sum returns a counter.
func (s *Stripes) Sum(i int) (sum uint64) {
	for _, stripe := range s.stripes {
		sum += stripe[i].Load()
	}
	return sum
}
