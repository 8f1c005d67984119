package source

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"ovenbird/internal/database"
	"ovenbird/internal/engine"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

// WorkflowName is what the engine knows runs of sources as.
const WorkflowName = "source"

// Config says what is followed.
type Config struct {
	Sources []site.Source
	// Dir is the site's folder.
	Dir string
	// TempDir is the folder for what is read, until it is in the catalog; "" means
	// the system's.
	TempDir string
	// BatchSize is how many records a transaction of the catalog has at most; 0
	// means 10,000: those of most sources are one, and none holds others up for long.
	BatchSize int
	// Environment looks secrets up: os.LookupEnv, or what stands for it.
	Environment func(name string) (string, bool)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	Log *slog.Logger // nil discards
}

// Deps are what a Service stands on.
type Deps struct {
	Catalog catalogStore
	DB      *database.DB // that of the catalog
	// Engine runs the sources, one at a time. It must not have been started.
	Engine *engine.Engine
}

// Service follows sources: each every so often, and when it is asked to.
type Service struct {
	*Store
	cfg       Config
	deps      Deps
	ledger    *importer.Ledger
	followers map[string]*follower
	workflow  *engine.Workflow[Request, Outcome]
	nudges    map[string]chan string // reasons to run at once

	stop context.CancelFunc
	done sync.WaitGroup
}

// New compiles the mappings of all sources, whose errors have places, brings the
// tables up to date and registers with the engine.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	if deps.Catalog == nil || deps.DB == nil || deps.Engine == nil || cfg.Environment == nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "sources need a catalog, its database, an engine and an environment")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	store, err := OpenStore(ctx, deps.DB)
	if err != nil {
		return nil, err
	}
	ledger, err := importer.OpenLedger(ctx, deps.DB)
	if err != nil {
		return nil, err
	}
	s := &Service{
		Store: store, ledger: ledger, cfg: cfg, deps: deps, followers: make(map[string]*follower), nudges: make(map[string]chan string),
	}
	for _, one := range cfg.Sources {
		if s.followers[one.Name], err = newFollower(one, &cfg); err != nil {
			return nil, err
		}
		s.nudges[one.Name] = make(chan string, 1)
	}
	s.workflow = engine.Register(deps.Engine, WorkflowName, s.run)
	return s, nil
}

// run is the workflow. It may be repeated: what is in the catalog already changes
// nothing.
func (s *Service) run(run *engine.Run, request Request) (Outcome, error) {
	return engine.Step(run, "run", func(ctx context.Context) (Outcome, error) {
		f, ok := s.followers[request.Source]
		if !ok {
			return Outcome{
				Source: request.Source, Status: Failed, At: s.cfg.Now().UTC(), Reason: request.Reason,
				Why: []string{"the site of the process that runs sources has no source of this name; start it again with this site"},
			}, nil
		}
		r := &runner{follower: f, store: s.Store, ledger: s.ledger, catalog: s.deps.Catalog, now: s.cfg.Now}
		return r.run(ctx, request)
	})
}

// Run runs a source and waits for the outcome. A source that is held or failed is
// an outcome, not an error.
func (s *Service) Run(ctx context.Context, request Request) (Outcome, error) {
	handle, err := s.workflow.Submit(ctx, "", request)
	if err != nil {
		return Outcome{}, err
	}
	return handle.Wait(ctx)
}

// Nudge has a source run soon, and reports whether there is one of that name. A
// source that is about to run does so once, however often it is asked to.
func (s *Service) Nudge(name, reason string) bool {
	nudge, ok := s.nudges[name]
	if !ok {
		return false
	}
	select {
	case nudge <- reason:
	default:
	}
	return true
}

// Start begins to follow all sources, each with a run now.
func (s *Service) Start(ctx context.Context, _ func(error)) error {
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = cancel
	for name, f := range s.followers {
		s.done.Go(func() { s.follow(following, f, s.nudges[name]) })
	}
	return nil
}

// Stop ends following. A run that has begun is the engine's to end.
func (s *Service) Stop(ctx context.Context) error {
	s.stop()
	ended := make(chan struct{})
	go func() { s.done.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow runs a source every so often, and sooner after a run that failed.
func (s *Service) follow(ctx context.Context, f *follower, nudges <-chan string) {
	reason, failures := atStart, 0
	for {
		if s.once(ctx, Request{Source: f.Name, Reason: reason}) {
			failures = 0
		} else {
			failures++
		}
		timer := time.NewTimer(pause(f.Every, failures))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case reason = <-nudges:
			timer.Stop()
		case <-timer.C:
			reason = onSchedule
		}
	}
}

// firstRetry is how long after the first failure a source is tried again.
const firstRetry = 10 * time.Second

// pause is the time between two runs: after failures twice as long each time, up
// to the usual time.
func pause(every time.Duration, failures int) time.Duration {
	if failures == 0 {
		return every
	}
	return min(every, firstRetry<<min(failures-1, 16))
}

// The reasons to run that every process has, and that the one that leads acts on.
const (
	atStart    = "start"
	onSchedule = "schedule"
)

// once runs a source, reports the outcome to the log, and whether it was read.
func (s *Service) once(ctx context.Context, request Request) (ok bool) {
	if (request.Reason == atStart || request.Reason == onSchedule) && !s.deps.Engine.Leads() {
		return true
	}
	handle, err := s.workflow.SubmitUnless(ctx, request.Source, request)
	var outcome Outcome
	if err == nil {
		outcome, err = handle.Wait(ctx)
	}
	log := s.cfg.Log.With("source", request.Source, "reason", request.Reason)
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		log.ErrorContext(ctx, "source failed", "error", err)
	default:
		outcome.log(ctx, log)
	}
	return err == nil && outcome.Status != Failed
}

// log reports an outcome: what wants a person as a warning.
func (o *Outcome) log(ctx context.Context, log *slog.Logger) {
	switch o.Status {
	case Failed:
		log.ErrorContext(ctx, "source failed", "why", o.Why)
	case Stopped:
		log.WarnContext(ctx, "source held", "why", o.Why)
	default:
		level := slog.LevelInfo
		if o.Refused > 0 {
			level = slog.LevelWarn
		}
		log.Log(ctx, level, "source read", "status", o.Status, "rows", o.Rows, "records", o.Records,
			"changed", o.Changed, "vanished", o.Vanished, "refused", o.Refused, "took", o.Took.Round(time.Millisecond))
	}
	for _, warning := range o.Warnings {
		log.WarnContext(ctx, "source", "warning", warning)
	}
}

// Check connects to a source, and holds its columns against the mappings without
// reading it. Warnings work, and are probably not what was meant.
func Check(ctx context.Context, cfg Config, source site.Source) (warnings []string, err error) {
	f, err := newFollower(source, &cfg)
	if err != nil {
		return nil, err
	}
	return f.check(ctx)
}
