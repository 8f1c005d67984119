package bake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"ovenbird/internal/engine"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
)

// WorkflowName is what the engine knows bakes as.
const WorkflowName = "bake"

// Config adjusts a Service.
type Config struct {
	Program  *Program
	Editions []release.Edition // what edges are told of the editions
	// Every is the time between bakes when nothing happens; 0 means 10 min.
	Every time.Duration
	// Debounce is how long a burst of changes is gathered, so that it makes few
	// releases; 0 means 200 ms. A change that comes alone is baked at once, and a
	// release of few changes keeps the next one waiting for less: see burst.
	Debounce time.Duration
	// Shrink is the share of its documents that a release may lose against what
	// was expected; one that loses more is held for a person. 0 means 0.2.
	Shrink float64
	// Grace is how old an object must be before it is deleted, longer than any bake
	// takes and clocks are wrong; 0 means 2 h.
	Grace time.Duration
	// FanOut is from how many titles on, each counted once for every edition,
	// the processes that share an engine make a full bake together; 0 means 10,000.
	FanOut int
	// Now is the clock that licenses are judged by; nil means time.Now.
	Now func() time.Time
	Log *slog.Logger // nil discards
}

// Request asks for a bake.
type Request struct {
	Reason string `json:"reason"` // for the log: "edit", "schedule"; only after an edit is there no time for garbage
	// Full bakes everything, even where an update would do.
	Full bool `json:"full,omitempty"`
	// Anew bakes everything and takes nothing over from the bucket: what is damaged
	// there is of no matter to the release.
	Anew bool `json:"anew,omitempty"`
	// AllowShrink publishes a release even if it lost more than the usual share
	// of its documents.
	AllowShrink bool `json:"allow_shrink,omitempty"`
	// AsOf is the instant to bake as of, not one to come; zero means now.
	AsOf time.Time `json:"as_of,omitzero"`
	// Trace is the traceparent (W3C Trace Context) of whoever asks; "" for none.
	Trace string `json:"trace,omitempty"`
}

// byEdit is the Reason of a bake that somebody waits for.
const byEdit = "edit"

// Status says how a bake ended.
type Status string

// The ways a bake ends.
const (
	Published Status = "published" // a new release is served
	Unchanged Status = "unchanged" // the release that is served is what a new one would be
	Stopped   Status = "held"      // the release is not served until a person allows it
)

// Outcome says what a bake did.
type Outcome struct {
	Status    Status        `json:"status"`
	Release   string        `json:"release,omitempty"` // id of the release served after it
	Root      string        `json:"root"`
	AsOf      time.Time     `json:"as_of"`
	Sequence  int64         `json:"catalog_sequence"` // of the last change that was baked
	Documents int           `json:"documents"`        // logical documents
	Remade    int           `json:"remade"`           // subjects that were made again
	Rendered  int64         `json:"rendered"`         // results of plans in this process, those that came out the same included
	Full      bool          `json:"full"`
	Took      time.Duration `json:"took_ns"`
	Steps     Steps         `json:"steps"`
	Why       string        `json:"why,omitempty"` // why it is held, and what to do
}

// Steps is how long each step of a bake took.
type Steps struct {
	// Render is reading the catalog and making what changed; packs that get full
	// are written meanwhile. Write is writing the rest, Publish checking that all of
	// it is there and swapping the head.
	Render  time.Duration `json:"render_ns"`
	Write   time.Duration `json:"write_ns"`
	Publish time.Duration `json:"publish_ns"`
	// Published is when the head named the release; zero where it never did.
	Published time.Time `json:"published_at,omitzero"`
}

// Service bakes as a durable workflow, one bake at a time.
type Service struct {
	cfg      Config
	deps     Deps
	workflow *engine.Workflow[Request, Outcome]
	shards   *engine.Task[shardOrder, shardResult]
	larder   larder
	meter    *meter
	program  string // what a process must have to make shards of this one's bakes
	// warm is the state of the release this process made last, from which the
	// next bake goes on. Only the workflow touches it, and that runs alone.
	warm *warmState

	stop context.CancelFunc
	done chan struct{}
}

// warmState is a bake's state with the release that was made of it.
type warmState struct {
	state   *State
	release *release.Release
}

// New registers the bake with the engine, which must not have been started.
func New(cfg Config, deps Deps) (*Service, error) {
	if cfg.Program == nil || deps.Catalog == nil || deps.Releases == nil || deps.Engine == nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "a bake needs a program, a catalog, releases and an engine")
	}
	cfg.Every = cmp.Or(cfg.Every, 10*time.Minute)
	cfg.Debounce = cmp.Or(cfg.Debounce, 200*time.Millisecond)
	cfg.Shrink = cmp.Or(cfg.Shrink, 0.2)
	cfg.Grace = cmp.Or(cfg.Grace, 2*time.Hour)
	cfg.FanOut = cmp.Or(cfg.FanOut, 10_000)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{cfg: cfg, deps: deps, meter: newMeter(), program: cfg.Program.Site + " " + build()}
	s.workflow = engine.Register(deps.Engine, WorkflowName, s.execute)
	s.shards = engine.RegisterTask(deps.Engine, shardTask, s.bakeShard)
	return s, nil
}

// Bake queues a bake and waits for its outcome. A held release is an outcome,
// not an error.
func (s *Service) Bake(ctx context.Context, request Request) (Outcome, error) {
	handle, err := s.workflow.Submit(ctx, "", request)
	if err != nil {
		return Outcome{}, err
	}
	return handle.Wait(ctx)
}

// Current reports whether the release that is served is of the catalog and the
// site as they are and has not run out, so that nothing has to be baked before
// it is right to serve it.
func (s *Service) Current(ctx context.Context) (bool, error) {
	sequence, err := s.deps.Catalog.Sequence(ctx)
	if err != nil {
		return false, err
	}
	head, err := s.deps.Releases.Head(ctx)
	if err != nil {
		return false, err
	}
	kept, ok := head.CurrentRelease()
	if !ok {
		return false, nil
	}
	served, err := s.deps.Releases.Load(ctx, kept.Ref)
	if err != nil {
		return false, err
	}
	m, now := served.Manifest(), s.cfg.Now()
	return m.CatalogSequence == sequence && m.Site == s.cfg.Program.Site && !now.Before(m.AsOf) && now.Before(m.HorizonEnd), nil
}

// candidate is a release that was written and is not published yet.
type candidate struct {
	// Outdated says that nothing was written: the process that planned the bake is
	// gone, and its plan is of no use to the one that took over.
	Outdated bool        `json:"outdated,omitempty"`
	Outcome  Outcome     `json:"outcome"`
	Ref      release.Ref `json:"ref"`
	// Edited is when the first change was made that it contains and its parent does
	// not; zero where that is not known. Traces are those changes'.
	Edited time.Time `json:"edited,omitzero"`
	Traces []string  `json:"traces,omitempty"`
}

// execute is a bake as an execution of the engine's, which outlives who asks for it.
func (s *Service) execute(run *engine.Run, request Request) (Outcome, error) {
	return s.bake(context.Background(), run, request)
}

// bake is the workflow: decide the instant, write a release, publish it.
// Whatever it was interrupted in, it ends with a release that is complete and
// served, or not served at all.
//
// A run of nil is a bake that is no execution of the engine's: see direct.
func (s *Service) bake(ctx context.Context, run *engine.Run, request Request) (outcome Outcome, err error) {
	ctx, span := s.deps.Tracer.Begin(ctx, "bake", trace.Consumer, trace.Cause{Parent: request.Trace},
		slog.String("ovenbird.reason", request.Reason))
	var made candidate
	defer func() { //nolint:contextcheck // to link spans is not to begin one
		span.Link(slices.DeleteFunc(made.Traces, func(t string) bool { return t == request.Trace })...)
		span.Set(outcome.about()...)
		span.End(err)
		s.meter.done(outcome, made.Edited, err)
	}()
	request.Full = request.Full || request.Anew
	asOf, err := step(ctx, run, "instant", func(context.Context) (time.Time, error) {
		now := s.cfg.Now().UTC()
		if request.AsOf.After(now) {
			return now, ovenbird.Errorf(ovenbird.Invalid, "a release as of %s would show what is not licensed yet: it is %s",
				request.AsOf.Format(time.RFC3339), now.Format(time.RFC3339))
		}
		if !request.AsOf.IsZero() {
			return request.AsOf.UTC(), nil
		}
		return now, nil
	})
	if err != nil {
		return Outcome{}, err
	}
	made, err = s.prepare(ctx, run, request, asOf)
	if err != nil {
		return Outcome{}, fmt.Errorf("bake as of %s: %w", asOf.Format(time.RFC3339), err)
	}
	if made.Outcome.Status != Published {
		return made.Outcome, nil
	}
	return step(ctx, run, "publish", func(ctx context.Context) (Outcome, error) {
		return s.publish(ctx, made)
	})
}

// prepare is the part of the workflow that writes the release: in this process,
// or in all that share the engine, and put together in this one.
func (s *Service) prepare(spanned context.Context, run *engine.Run, request Request, asOf time.Time) (candidate, error) {
	for {
		var p plan
		var shards []shardResult
		// Whether the engine is shared is the same in every process that has it,
		// so a workflow that is taken over goes the same way again.
		if s.deps.Engine.Shared() {
			var err error
			p, err = step(spanned, run, "plan", func(ctx context.Context) (plan, error) { return s.plan(ctx, request, asOf) })
			if err != nil {
				return candidate{}, err
			}
			if p.Shards > 0 {
				if shards, err = s.spread(run, p); err != nil {
					return candidate{}, err
				}
			}
		}
		made, err := step(spanned, run, "write", func(ctx context.Context) (candidate, error) {
			return s.write(ctx, request, asOf, p, shards)
		})
		if err != nil || !made.Outdated {
			return made, err
		}
	}
}

// current returns the release that is served, nil before the first.
func (s *Service) current(ctx context.Context) (*release.Release, error) {
	head, err := s.deps.Releases.Head(ctx)
	if err != nil {
		return nil, err
	}
	kept, ok := head.CurrentRelease()
	if !ok {
		return nil, nil
	}
	if s.warm != nil && s.warm.release.Ref() == kept.Ref {
		return s.warm.release, nil
	}
	return s.deps.Releases.Load(ctx, kept.Ref)
}

// parent returns the release that the bake of a plan is to follow.
func (s *Service) parent(ctx context.Context, p plan) (*release.Release, error) {
	switch {
	case p.Shards == 0:
		return s.current(ctx)
	case p.Parent == nil:
		return nil, nil //nolint:nilnil // the first release has no parent
	default:
		return s.deps.Releases.Load(ctx, *p.Parent)
	}
}

// sink writes the objects of one bake.
type sink struct {
	ctx    context.Context //nolint:containedctx // lives as long as the one step that it is made in
	writer *release.Writer
	added  atomic.Int64
}

func (s *sink) Add(body []byte) (release.Hash, error) {
	s.added.Add(1)
	return s.writer.Add(s.ctx, body)
}

// write bakes and writes what is new to the bucket. Nothing leads there yet. Where
// something that the new release would share with the one before is missing or
// damaged, it is made without sharing anything.
func (s *Service) write(ctx context.Context, request Request, asOf time.Time, p plan, shards []shardResult) (candidate, error) {
	made, err := s.writeOnce(ctx, request, asOf, p, shards)
	if !lost(err) || request.Anew {
		return made, err
	}
	s.cfg.Log.Error("the release that is served can not be gone on from: writing everything anew", "error", err)
	request.Full, request.Anew = true, true
	return s.writeOnce(ctx, request, asOf, plan{}, nil)
}

// lost reports whether something in the bucket is not there or not what it should be.
func lost(err error) bool {
	code := ovenbird.CodeOf(err)
	return code == ovenbird.NotFound || code == ovenbird.Internal
}

func (s *Service) writeOnce(ctx context.Context, request Request, asOf time.Time, p plan, shards []shardResult) (candidate, error) {
	began := time.Now()
	parent, writer, err := s.begin(ctx, request, p)
	if err != nil {
		return candidate{}, err
	}
	if p.Shards > 0 && p.Program != s.program || p.Update && !s.goesOn(request, parent, asOf) {
		return candidate{Outdated: true}, nil
	}
	if request.Reason != byEdit {
		writer.Sweep() // nobody waits for this bake as for one of an edit
	}
	var state *State
	full, to := true, &sink{ctx: ctx, writer: writer}
	if p.Shards > 0 {
		began = p.Began
		state, err = s.join(ctx, p, shards, writer)
	} else {
		rendering, span := trace.Start(ctx, "render")
		state, full, err = s.compute(rendering, request, parent, asOf, to)
		span.End(err)
	}
	if err != nil {
		return candidate{}, err
	}
	outcome := Outcome{
		Status: Published, Root: state.Content.Root().String(), AsOf: asOf, Sequence: state.snapshot.Sequence,
		Documents: state.Content.Tree.Documents(), Remade: state.Remade, Rendered: to.added.Load(), Full: full,
	}
	outcome.Steps.Render = time.Since(began)
	ref, err := s.settle(ctx, request, parent, state, writer, &outcome)
	outcome.Took = time.Since(began)
	made := candidate{Outcome: outcome, Ref: ref}
	if err == nil && parent != nil {
		origin := s.origin(ctx, parent.Manifest().CatalogSequence, outcome.Sequence)
		made.Edited, made.Traces = origin.First, origin.Traces
	}
	return made, err
}

// begin returns the release to follow, nil where there is none that can be read,
// and what to write the next with.
func (s *Service) begin(ctx context.Context, request Request, p plan) (*release.Release, *release.Writer, error) {
	parent, err := s.parent(ctx, p)
	if request.Anew && (err == nil || lost(err)) {
		head, err := s.deps.Releases.Head(ctx)
		if err != nil {
			return nil, nil, err
		}
		return parent, s.deps.Releases.BeginAnew(head.Current), nil
	}
	if err != nil {
		return nil, nil, err
	}
	writer, err := s.deps.Releases.Begin(ctx, parent)
	return parent, writer, err
}

// settle decides what becomes of a bake: nothing, because it says what its
// parent says; nothing yet, because it shrank; or a release.
func (s *Service) settle(
	ctx context.Context, request Request, parent *release.Release, state *State, writer *release.Writer, outcome *Outcome,
) (release.Ref, error) {
	if parent != nil {
		outcome.Release = parent.Manifest().ID
		if !request.Anew && s.stillGood(parent, state) {
			if err := s.deps.Releases.Complete(ctx, parent); err != nil {
				return release.Ref{}, err
			}
			s.warm = &warmState{state, parent}
			outcome.Status = Unchanged
			return release.Ref{}, nil
		}
		why, err := s.shrunk(ctx, request, parent, state)
		if request.Anew && lost(err) {
			why, err = "", nil // what was there nobody knows any more
		}
		if err != nil || why != "" {
			outcome.Status, outcome.Why = Stopped, why
			return release.Ref{}, err
		}
	}
	began := time.Now()
	made, err := writer.Commit(ctx, state.Content, release.Meta{
		AsOf: state.AsOf, HorizonEnd: state.AsOf.Add(s.cfg.Program.Horizon), CreatedAt: time.Now(),
		CatalogSequence: state.snapshot.Sequence, Site: s.cfg.Program.Site, Editions: s.cfg.Editions,
	})
	if err != nil {
		return release.Ref{}, err
	}
	s.warm = &warmState{state, made}
	outcome.Release, outcome.Steps.Write = made.Manifest().ID, time.Since(began)
	return made.Ref(), nil
}

// goesOn reports whether an update of the state in memory will do.
func (s *Service) goesOn(request Request, parent *release.Release, asOf time.Time) bool {
	return s.warm != nil && parent != nil && s.warm.release.Ref() == parent.Ref() && !request.Full && !asOf.Before(s.warm.state.AsOf)
}

// compute updates the state of the release that is served where this process
// has it, and bakes everything where it does not. An update uses the state up,
// so only a bake that succeeds leaves a warm one.
func (s *Service) compute(
	ctx context.Context, request Request, parent *release.Release, asOf time.Time, to objects,
) (state *State, full bool, err error) {
	warm, goesOn := s.warm, s.goesOn(request, parent, asOf)
	s.warm = nil
	if goesOn {
		snapshot, touched, err := s.deps.Catalog.Refresh(ctx, warm.state.snapshot)
		if err != nil {
			return nil, false, err
		}
		state, err = Update(ctx, warm.state, snapshot, touched, asOf, to)
		return state, false, err
	}
	snapshot, err := s.deps.Catalog.Snapshot(ctx)
	if err != nil {
		return nil, true, err
	}
	state, err = Full(ctx, s.cfg.Program, snapshot, asOf, to)
	return state, true, err
}

// refreshShare is the share of the horizon after which a release is written
// again although nothing in it changed, so that edges know the time ahead.
const refreshShare = 24

// stillGood reports whether the release that is served says all that a new one
// would.
func (s *Service) stillGood(parent *release.Release, state *State) bool {
	m := parent.Manifest()
	age := state.AsOf.Sub(m.AsOf)
	return m.Root == state.Content.Root() && m.Site == s.cfg.Program.Site && age >= 0 && age < s.cfg.Program.Horizon/refreshShare
}

// shrunk says why a release is to be held, or "". What was announced to end by
// now does not count as lost.
func (s *Service) shrunk(ctx context.Context, request Request, parent *release.Release, state *State) (string, error) {
	documents := float64(state.Content.Tree.Documents())
	least := 1 - s.cfg.Shrink
	if request.AllowShrink || documents >= float64(parent.Manifest().Counts.Documents)*least {
		return "", nil
	}
	content, err := parent.Content(ctx)
	if err != nil {
		return "", err
	}
	expected := content.At(state.AsOf).Documents()
	if documents >= float64(expected)*least {
		return "", nil
	}
	return fmt.Sprintf("it has %.0f documents where %d were expected, over %.0f%% fewer; "+
		"if that is meant, run: ovenbird bake --allow-shrink", documents, expected, s.cfg.Shrink*100), nil
}

// mostAhead is by how much a release may be ahead of the clock when it is published:
// as far as the clocks of two machines may differ, of which one began the bake and
// the other ends it.
const mostAhead = 10 * time.Second

// publish makes a written release the one that is served. To publish what is
// current already succeeds, so the step may happen twice.
func (s *Service) publish(ctx context.Context, made candidate) (Outcome, error) {
	if ahead := made.Outcome.AsOf.Sub(s.cfg.Now()); ahead > mostAhead {
		s.warm = nil
		return Outcome{}, ovenbird.Errorf(ovenbird.Conflict,
			"release %s is of an instant that comes in %s, by a clock that was set back since the bake began; bake again",
			made.Ref.ID, ahead.Round(time.Second))
	}
	began := time.Now()
	head, err := s.deps.Releases.Publish(ctx, made.Ref)
	switch {
	case ovenbird.CodeOf(err) == ovenbird.Held:
		s.warm = nil
		made.Outcome.Status, made.Outcome.Release, made.Outcome.Why = Stopped, head.Current, err.Error()
		return made.Outcome, nil
	case err != nil:
		s.warm = nil
		return Outcome{}, fmt.Errorf("publish release %s: %w", made.Ref.ID, err)
	}
	steps := &made.Outcome.Steps
	steps.Publish, steps.Published = time.Since(began), time.Now()
	if s.deps.Published != nil {
		s.deps.Published()
	}
	if s.deps.Steps != nil {
		s.deps.Steps(ctx, made.Outcome.Release, *steps)
	}
	return made.Outcome, nil
}

// Start begins to watch the catalog and the clock.
func (s *Service) Start(ctx context.Context, _ func(error)) error {
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.done = cancel, make(chan struct{})
	go func() {
		defer close(s.done)
		s.watch(watch)
	}()
	return nil
}

// Stop ends watching. A bake that runs is the engine's to end.
func (s *Service) Stop(ctx context.Context) error {
	s.stop()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run bakes once and reports the outcome to the log, and whether there was one. Two
// processes that both believe that they lead ask under the same key, and get one
// bake.
func (s *Service) run(ctx context.Context, request Request, key string) (outcome Outcome, ok bool) {
	outcome, err := s.ask(ctx, request, key)
	log := s.cfg.Log.With("reason", request.Reason)
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		log.Error("bake failed", "error", err)
	case outcome.Status == Stopped:
		log.Warn("release held", "why", outcome.Why)
	default:
		log.Info("baked", "status", outcome.Status, "release", outcome.Release, "documents", outcome.Documents,
			"remade", outcome.Remade, "took", outcome.Took.Round(time.Microsecond))
	}
	return outcome, err == nil
}

// ask has a bake made, by the engine where it has to be.
func (s *Service) ask(ctx context.Context, request Request, key string) (Outcome, error) {
	if outcome, done, err := s.direct(ctx, request); done {
		return outcome, err
	}
	handle, err := s.workflow.SubmitUnless(ctx, key, request)
	if err != nil {
		return Outcome{}, err
	}
	return handle.Wait(ctx)
}

// direct makes a bake that is an update of what this process has in memory, in
// turn with the engine's but without it: no waiting for a queue, nothing written
// down. What a crash interrupts there is found again by the next process, by the
// catalog's sequence number; the memory that it stands on would be gone anyway.
func (s *Service) direct(ctx context.Context, request Request) (outcome Outcome, done bool, err error) {
	s.workflow.Alone(func() {
		var parent *release.Release
		if parent, err = s.current(ctx); err != nil || !s.goesOn(request, parent, s.cfg.Now()) {
			err = nil // the engine's bake will tell
			return
		}
		done = true
		outcome, err = s.bake(ctx, nil, request)
	})
	return outcome, done, err
}
