package tree

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Publisher keeps a tree. One goroutine uses it at a time; other publishers of the
// same tree wait for each other.
type Publisher struct {
	config Config
	deps   Deps
	press  *press
	known  templates
	last   *release.Release // to share with what is loaded next

	loop loop
}

// New returns a publisher. Nothing is read before Publish or Start. A configuration
// that makes no sense is Invalid.
func New(config Config, deps Deps) (*Publisher, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Approve == nil {
		deps.Approve = func(Plan) error { return nil }
	}
	if deps.Progress == nil {
		deps.Progress = func(int, int) {}
	}
	press, err := newPress()
	if err != nil {
		return nil, err
	}
	return &Publisher{config: config, deps: deps, press: press, known: make(templates)}, nil
}

// Publish makes the tree hold the current release as of now. It fails with Conflict
// while somebody else writes the tree, with NotFound before the first release, and
// with Held where the bucket does not look like a tree. After any error the tree may
// be between what it was and what it shall be, its lists linking to nothing that is
// not there; the next Publish makes up for it.
func (p *Publisher) Publish(ctx context.Context) (*Report, error) {
	working, l, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	report, finish, err := p.publish(working, l)
	if cause := context.Cause(working); err != nil && errors.Is(cause, errLost) {
		err = ovenbird.Errorf(ovenbird.Conflict, "%w", cause)
	}
	if err != nil {
		finish = func(*State) {}
	}
	// Also where ctx has ended: otherwise the next one has to wait.
	if e := l.giveBack(context.WithoutCancel(ctx), finish); err == nil && e != nil {
		err = storeFailed("noting that the tree is complete", e)
	}
	if err != nil {
		return nil, err
	}
	p.config.Check, p.config.Rewrite = false, false
	return report, nil
}

// publish does the work under a lease. finish says in the state what it came to.
func (p *Publisher) publish(ctx context.Context, l *lease) (report *Report, finish func(*State), err error) {
	head, err := p.deps.Releases.Head(ctx)
	if err != nil {
		return nil, nil, err
	}
	target, err := p.target(ctx, head)
	if err != nil {
		return nil, nil, err
	}
	w := &writing{
		planner: &planner{known: p.known, target: target}, store: p.deps.Store, scope: p.config.Scope, press: p.press,
		workers: p.config.Workers, report: &Report{
			Release: target.Release.ID, At: target.At, Expired: target.expired(), Next: target.next, layout: target.layout,
		},
	}
	if err := p.prepare(ctx, w, head, l.state); err != nil {
		return nil, nil, err
	}
	changes, err := w.plan(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := p.carryOut(ctx, l, w, changes); err != nil {
		return nil, nil, err
	}
	p.known.keep(target)
	return w.report, func(s *State) {
		scope, point := p.config.Scope, target.Point
		s.Scope, s.Applied, s.Begun, s.Next = &scope, &point, nil, w.report.Next
	}, nil
}

// target returns the documents that the tree shall hold.
func (p *Publisher) target(ctx context.Context, head release.Head) (*view, error) {
	kept, ok := head.CurrentRelease()
	if !ok {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no release yet; `ovenbird bake` makes one")
	}
	r, err := p.load(ctx, kept.Ref)
	if err != nil {
		return nil, err
	}
	m := r.Manifest()
	for _, name := range p.config.Applications {
		if !slices.ContainsFunc(m.Editions, func(e release.Edition) bool { return e.Application == name }) {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "release %s has no application %q", m.ID, name)
		}
	}
	at := Point{Release: kept.Ref, At: p.deps.Now().UTC()}
	if !at.At.Before(m.HorizonEnd) {
		// Of a release that does not say when its rows end nothing is known any more.
		at.Withdrawn = p.config.Withdraw || !m.KnowsEnds()
	}
	return newView(ctx, r, at, p.config.Scope, p.known)
}

// load loads a release, and shares with the one before.
func (p *Publisher) load(ctx context.Context, ref release.Ref) (*release.Release, error) {
	if p.last != nil && p.last.Ref() == ref {
		return p.last, nil
	}
	r, err := p.deps.Releases.Load(ctx, ref)
	if err != nil {
		return nil, err
	}
	if p.last != nil {
		r.Share(p.last)
	}
	p.last = r
	return r, nil
}

// prepare works out what the files in the tree may be.
func (p *Publisher) prepare(ctx context.Context, w *writing, head release.Head, s State) error {
	points := s.Begun
	if s.Applied != nil {
		points = append([]Point{*s.Applied}, s.Begun...)
	}
	w.whole = s.Applied == nil || p.config.Check || p.config.Rewrite || s.Scope == nil || !s.Scope.equal(p.config.Scope)
	for _, point := range points {
		if _, kept := head.Release(point.Release.ID); !kept {
			w.whole = true
			continue
		}
		if err := p.addSource(ctx, w, point); err != nil {
			return err
		}
	}
	if !w.whole {
		return nil
	}
	w.report.Whole = true
	var err error
	if w.survey, err = look(ctx, p.deps.Store); err != nil {
		return err
	}
	first := s.Scope == nil && len(points) == 0
	if first && w.survey.ours > 0 && !p.config.Adopt {
		return ovenbird.Errorf(ovenbird.Held, "there is no tree yet, but %d files lie where its files go, and what is none of them "+
			"would be deleted: use another bucket or, if they may go, --yes", w.survey.ours)
	}
	w.rewrite = p.config.Rewrite || s.Scope == nil && w.survey.ours > 0 || s.Scope != nil && s.Scope.MaxAge != p.config.MaxAge
	return nil
}

// addSource adds the documents of a point to what files may be of.
func (p *Publisher) addSource(ctx context.Context, w *writing, at Point) (err error) {
	r := w.target.release
	if at.Release != w.target.Release {
		if r, err = p.deps.Releases.Load(ctx, at.Release); err != nil {
			return err
		}
		r.Share(w.target.release)
	}
	source, err := newView(ctx, r, at, p.config.Scope, p.known)
	if err != nil {
		return err
	}
	everywhere, err := newView(ctx, r, at, Scope{}, p.known)
	if err != nil {
		return err
	}
	w.former = append(w.former, everywhere)
	if source.layout.equal(w.target.layout) {
		w.sources = append(w.sources, source)
	} else {
		w.whole = true
	}
	return nil
}

// carryOut writes what differs.
func (p *Publisher) carryOut(ctx context.Context, l *lease, w *writing, changes []change) error {
	w.report.changes = changes
	if len(changes) == 0 && !w.whole {
		return nil
	}
	if w.survey != nil {
		w.survey.refine(changes, w.target.layout, w.suffixes())
	}
	plan := w.count(changes)
	if err := p.deps.Approve(plan); err != nil {
		return err
	}
	w.note = func(done int) { p.deps.Progress(done, plan.Writes+plan.Deletes) }
	if err := l.change(ctx, func(s *State) { s.begin(w) }); err != nil {
		return storeFailed("noting what is written", err)
	}
	if err := w.run(ctx, changes); err != nil {
		return err
	}
	if w.whole {
		return w.sweep(ctx)
	}
	return nil
}

// begin notes that files may be of w's target from now on.
func (s *State) begin(w *writing) {
	s.Begun = append(slices.Clone(s.Begun), w.target.Point)
	if w.whole || len(s.Begun) > mostBegun {
		if s.Applied != nil {
			s.Begun = slices.Insert(s.Begun, 0, *s.Applied)
		}
		s.Applied = nil
	}
	s.Begun = s.Begun[max(0, len(s.Begun)-mostBegun):]
	switch {
	case w.rewrite:
		s.Scope = nil
	case w.whole:
		s.Scope = &w.scope
	}
}
