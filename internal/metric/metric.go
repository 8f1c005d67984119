// Package metric counts and measures what a process does, for whoever monitors it.
//
// A part of the program keeps counters of its own and reports them, when it is
// asked, to a Sink. It knows no monitoring system: internal/observe turns what is
// reported into Prometheus's format. Names are those that Prometheus's
// conventions ask for: they begin with ovenbird_, have base units (seconds,
// bytes), and counters end in _total.
package metric

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// Kind says how a value behaves.
type Kind uint8

// The kinds.
const (
	Counter   Kind = iota // grows until the process ends
	Gauge                 // goes up and down
	Histogram             // counts durations by how long they were
)

// Family is metrics of one name, one for each combination of the values of its
// labels. There have to be few: no label has a path, an id or a person in it.
type Family struct {
	Name, Help string
	Kind       Kind
	Labels     []string // their names; nil for a single metric
}

// Sink takes what a Source reports. The values of the labels come in the order
// of the family's names of them.
type Sink interface {
	Value(f Family, value float64, labels ...string)
	Durations(f Family, d Distribution, labels ...string)
}

// Source reports all of its metrics as they are now, also those that nothing has
// happened to yet. Any number of goroutines may ask it at once.
type Source interface {
	Report(ctx context.Context, to Sink)
}

// SourceFunc is a function that is a Source.
type SourceFunc func(ctx context.Context, to Sink)

// Report calls f.
func (f SourceFunc) Report(ctx context.Context, to Sink) { f(ctx, to) }

// Distribution says how many durations lay between which bounds.
type Distribution struct {
	Bounds []time.Duration // the upper bound, inclusive, of each count but the last
	Counts []uint64        // one more than Bounds: the last is of what was longer
	Sum    time.Duration
}

// Count returns how many durations there were.
func (d Distribution) Count() (n uint64) {
	for _, count := range d.Counts {
		n += count
	}
	return n
}

// Durations counts durations. Any number of goroutines may use it.
type Durations struct {
	bounds []time.Duration // ascending
	counts []atomic.Uint64
	sum    atomic.Int64
}

// NewDurations returns Durations with the given upper bounds, ascending.
func NewDurations(bounds []time.Duration) *Durations {
	return &Durations{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts a duration.
func (d *Durations) Observe(took time.Duration) {
	d.counts[Bucket(d.bounds, took)].Add(1)
	d.sum.Add(int64(took))
}

// Distribution returns what was counted so far.
func (d *Durations) Distribution() Distribution {
	counts := make([]uint64, len(d.counts))
	for i := range d.counts {
		counts[i] = d.counts[i].Load()
	}
	return Distribution{d.bounds, counts, time.Duration(d.sum.Load())}
}

// Bucket returns the index of the first of some ascending bounds that a duration
// does not exceed, their number where it exceeds them all.
func Bucket(bounds []time.Duration, took time.Duration) int {
	for i, bound := range bounds { // most are short: that is faster than halving
		if took <= bound {
			return i
		}
	}
	return len(bounds)
}

// ByName is Durations for each of a few names that are known ahead, such as the
// steps of a piece of work.
type ByName struct {
	family Family
	names  []string
	each   []*Durations
}

// NewByName returns Durations for each name, the value of the family's only label.
func NewByName(family Family, bounds []time.Duration, names ...string) *ByName {
	b := &ByName{family: family, names: names}
	for range names {
		b.each = append(b.each, NewDurations(bounds))
	}
	return b
}

// Observe counts a duration under a name; one that is not known is dropped.
func (b *ByName) Observe(name string, took time.Duration) {
	if i := slices.Index(b.names, name); i >= 0 {
		b.each[i].Observe(took)
	}
}

// Report implements Source.
func (b *ByName) Report(_ context.Context, to Sink) {
	for i, name := range b.names {
		to.Durations(b.family, b.each[i].Distribution(), name)
	}
}

// Counts is a counter for each of a few names that are known ahead.
type Counts struct {
	family Family
	names  []string
	each   []atomic.Uint64
}

// NewCounts returns a counter for each name, the value of the family's only label.
func NewCounts(family Family, names ...string) *Counts {
	return &Counts{family: family, names: names, each: make([]atomic.Uint64, len(names))}
}

// Add counts n under a name; one that is not known is dropped.
func (c *Counts) Add(name string, n uint64) {
	if i := slices.Index(c.names, name); i >= 0 {
		c.each[i].Add(n)
	}
}

// Report implements Source.
func (c *Counts) Report(_ context.Context, to Sink) {
	for i, name := range c.names {
		to.Value(c.family, float64(c.each[i].Load()), name)
	}
}
