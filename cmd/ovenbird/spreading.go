package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"ovenbird/internal/admin"
	"ovenbird/internal/bake"
	"ovenbird/internal/edge"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/origin"
	"ovenbird/internal/spread"
)

// noOrigin in place of an address leaves the release endpoint out.
const noOrigin = "none"

// openSpread opens what is known of edges. Clocks of several machines are
// compared by it, so it has the right time, whatever instant the rest pretends
// it is.
func (e *environment) openSpread(ctx context.Context) (err error) {
	if e.spread == nil {
		e.spread, err = spread.New(ctx, e.database, time.Now)
	}
	return err
}

// noteSteps notes how long the steps of releases took. A release is published,
// whether that can be noted or not.
func (e *environment) noteSteps(log *slog.Logger) func(context.Context, string, bake.Steps) {
	return func(ctx context.Context, release string, s bake.Steps) {
		steps := spread.Steps{Published: s.Published, Render: s.Render, Write: s.Write, Publish: s.Publish}
		if err := e.spread.Baked(ctx, release, steps); err != nil && log != nil {
			log.WarnContext(ctx, "how long the steps of a release took is not noted", "release", release, "error", err)
		}
	}
}

// spreading is what of a process that is up is about releases on their way to
// edges: reports, those of its own edge too, and the release endpoint.
type spreading struct {
	reports  *spread.Service
	reporter *origin.Reporter
	viewers  *edge.Server   // of its own edge; nil until add
	endpoint *origin.Origin // nil: none
	server   *edge.Server   // of the endpoint
}

// newSpreading returns what is not started yet. listen is where the endpoint is.
func newSpreading(ctx context.Context, e *environment, listen string, log *slog.Logger) (*spreading, error) {
	if err := e.openSpread(ctx); err != nil {
		return nil, err
	}
	s := &spreading{reports: spread.NewService(e.spread, log)}
	s.reporter = origin.NewReporter(func() string { return edgeName("", s.viewers) }, countriesOf(e.edgeConfig()), s.reports.Report, log)
	if listen = cmp.Or(listen, e.settings.OriginListen); listen == "" || listen == noOrigin {
		return s, nil
	}
	tokens, err := admin.NewTokens(ctx, e.database, nil, nil)
	if err != nil {
		return nil, err
	}
	s.endpoint, err = origin.New(origin.Config{Poll: e.edgeConfig().Poll}, origin.Deps{
		Objects: e.bucket, Tokens: edgeTokens{tokens}, Reports: s.reports, Log: log,
	})
	if err != nil {
		return nil, err
	}
	s.server = edge.NewServer(listen, s.endpoint, log)
	return s, s.server.UseLimits(edge.Limits{})
}

// notify says that a release was published.
func (s *spreading) notify() {
	if s.endpoint != nil {
		s.endpoint.Notify()
	}
}

// add adds it to what runs, after the edge and its server.
func (s *spreading) add(group *lifecycle.Group, viewers *edge.Server) {
	s.viewers = viewers
	group.Add("reports of edges", s.reports)
	group.Add("reporter", s.reporter)
	if s.endpoint != nil {
		group.Add("origin server", s.server)
		group.Add("origin", s.endpoint) // after its server, to end the streams before that waits for them
	}
}

// tell says where the endpoint is.
func (s *spreading) tell(c *cli) {
	if s.endpoint != nil {
		c.note("origin URL %s", s.server.URL())
	}
}

// edgeTokens admits tokens of the role edge.
type edgeTokens struct{ tokens *admin.Tokens }

// Admit fails with origin.ErrRefused for what is no such token.
func (e edgeTokens) Admit(ctx context.Context, secret string) error {
	refused, err := e.tokens.Admit(ctx, secret, admin.Edge)
	if err == nil && refused != "" {
		return fmt.Errorf("%w: %s", origin.ErrRefused, refused)
	}
	return err
}
