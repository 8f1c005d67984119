package edge

import (
	"log/slog"
	"sync/atomic"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/metric"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
)

// Edge follows the releases in a store and serves them. It is an http.Handler
// and a lifecycle service; any number of goroutines may use it.
type Edge struct {
	releases  releases
	cached    releases // nil: none
	retain    func(packs []release.Hash)
	prepare   func(next *release.Release)
	progress  func(Progress)
	log       *slog.Logger
	clock     *clock
	memory    *memory
	damaged   atomic.Bool // whether something turned out to be since it was last mended
	remembers bool        // see Config.Dictionaries
	locator   locator
	previews  previews // nil: none
	serves    ovenbird.CountrySet
	poll      time.Duration
	headers   headers

	current  atomic.Pointer[state] // nil before the first release
	tracer   *trace.Tracer
	counters counters
	leaving  atomic.Bool // see Withdraw
	meter    meter
	steps    *metric.ByName // of taking releases over
	wake     chan struct{}
	follow   following
}

// following belongs to the goroutine that follows the head.
type following struct {
	builder builder
	version bucket.Version   // the head that was followed last
	head    release.Head     // the same; zero before the first
	release *release.Release // the one that is served; nil before the first
	mended  time.Time        // when mending was last tried
	cancel  func()
	done    chan struct{}
}

// New returns an edge that has no release yet: Start it, or call Follow. It
// fails, with an Invalid error, if the configuration or the GeoIP file is wrong.
func New(c Config, d Deps) (*Edge, error) {
	locator, err := newLocator(c)
	if err != nil {
		return nil, err
	}
	memory, err := newMemory(c.memory())
	if err != nil {
		return nil, err
	}
	e := &Edge{
		releases:  d.Releases,
		cached:    d.Cached,
		retain:    d.Retain,
		prepare:   d.Prepare,
		progress:  d.Progress,
		log:       d.Log,
		memory:    memory,
		remembers: c.Dictionaries,
		locator:   locator,
		previews:  d.Previews,
		serves:    c.serves(locator),
		poll:      c.poll(),
		headers:   newHeaders(c, locator, d.Previews != nil),
		tracer:    d.Tracer,
		meter:     newMeter(),
		steps:     metric.NewByName(stepFamily, takeOverBounds, stepFetch, stepSwap),
		wake:      make(chan struct{}, 1),
		follow:    following{builder: builder{keeps: c.KeepAfterHorizon, remembers: c.Dictionaries}},
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.retain == nil {
		e.retain = func([]release.Hash) {}
	}
	if e.prepare == nil {
		e.prepare = func(*release.Release) {}
	}
	if e.progress == nil {
		e.progress = func(Progress) {}
	}
	now := d.Now
	if now == nil {
		now = time.Now
	}
	e.clock = newClock(now, d.Elapsed, e.log)
	return e, nil
}

// now returns what time it is, at most.
func (e *Edge) now() time.Time {
	_, known := e.clock.read()
	return time.Unix(0, known.latest)
}
