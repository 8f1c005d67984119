package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/bake"
	"ovenbird/internal/edge"
	"ovenbird/internal/engine"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
	"ovenbird/internal/storefront"
)

// upFlags are where a process that is up listens.
type upFlags struct {
	listen, adminListen, originListen string
	observe                           observeFlags
}

func (c *cli) up() *cobra.Command {
	var f upFlags
	var at string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process: import, bake, serve",
		Long: "Up imports the site's catalog files, each once, bakes, serves, and goes on baking as the catalog changes.\n" +
			"It prints `ready URL` when it serves. Ctrl-C stops it; the next time it goes on where it was.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			start, err := parseInstant(at)
			if err != nil {
				return err
			}
			return c.serve(cmd.Context(), f, clock(start))
		},
	}
	cmd.Flags().StringVar(&f.listen, "listen", "", "address to listen on, host:port; port 0 takes a free one")
	cmd.Flags().StringVar(&f.adminListen, "admin-listen", "",
		"address of the admin API, or none; by default on 127.0.0.1, one port above --listen")
	cmd.Flags().StringVar(&f.originListen, "origin-listen", "",
		"address at which `ovenbird edge --origin` reads releases, or none; none by default")
	f.observe.add(cmd.Flags())
	cmd.Flags().StringVar(&at, "at", "", "pretend that it is this instant (RFC 3339) at the start; the clock runs on from there")
	return cmd
}

// clock is a clock that shows start now, or the right time where start is zero.
func clock(start time.Time) func() time.Time {
	if start.IsZero() {
		return time.Now
	}
	ahead := time.Until(start)
	return func() time.Time { return time.Now().Add(ahead) }
}

// serve runs the environment until ctx ends.
func (c *cli) serve(ctx context.Context, f upFlags, now func() time.Time) (err error) {
	e, err := c.openToBake(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	unlock, err := e.lock()
	if errors.Is(err, engine.ErrRunning) {
		return ovenbird.Errorf(ovenbird.Conflict, "environment %s is already up: stop the other process, or use another --env", c.env)
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := newSeeds(c, e).importAll(ctx); err != nil {
		return err
	}
	return c.serveOpened(ctx, e, f, now)
}

// serveOpened runs an environment that is open, locked and seeded.
func (c *cli) serveOpened(ctx context.Context, e *environment, f upFlags, now func() time.Time) error {
	watching, err := c.newObserving(ctx, f.observe.over(e.settings), "ovenbird")
	if err != nil {
		return err
	}
	log := watching.log
	e.tracer = watching.traces.Tracer
	spreading, err := newSpreading(ctx, e, f.originListen, log)
	if err != nil {
		return err
	}
	deps := edge.Deps{Releases: e.releases, Tracer: e.tracer, Log: log, Now: now, Progress: reported(spreading.reporter)}
	serving, caches, err := c.ownEdge(e, deps, watching)
	if err != nil {
		return err
	}
	auditing := newAuditing(e, log)
	records, hooks, err := c.openRecords(ctx, e, log)
	if err != nil {
		return err
	}
	tell := func() { spreading.notify(); serving.Notify(); auditing.notify(); hooks.Notify(); records.notify() }
	runs, service, err := e.baker(ctx, log, now, tell)
	if err != nil {
		return err
	}
	follower, err := e.follower(ctx, runs, log, now)
	if err != nil {
		return errors.Join(err, runs.Stop(ctx))
	}
	listen := cmp.Or(f.listen, e.settings.Listen)
	server := edge.NewServer(listen, watching.logged(routes(e.site.Dir, caches.beside(serving))), log)
	server.UseLoop()
	limits := (&limits{}).over(e.settings)
	if err := limits.use(server, edgeConfig(e.settings).TrustedProxies); err != nil {
		return errors.Join(err, runs.Stop(ctx))
	}
	watching.watch(server, caches, service, auditing.counts, watched{e, follower, log})
	var group lifecycle.Group
	if err := watching.add(&group, serving); err != nil {
		return errors.Join(err, runs.Stop(ctx))
	}
	records.addTo(&group)
	caches.addTo(&group)
	group.Add("engine", engineService{runs, service})
	group.Add("edge", serving)
	group.Add("bake", service)
	limits.addServer(&group, server, serving)
	spreading.add(&group, server)
	group.Add("sources", follower)
	group.Add("audit", auditing)
	if err := e.addTree(ctx, &group, log, now); err != nil {
		return errors.Join(err, runs.Stop(ctx))
	}
	group.Add("webhooks", hooks)
	if err := e.addDrafts(ctx, &group, log, now); err != nil {
		return errors.Join(err, runs.Stop(ctx))
	}
	tellAdmin, err := c.addAdmin(ctx, &group, e, service, follower, adminAddress(f.adminListen, listen), log, now)
	if err != nil {
		return errors.Join(err, runs.Stop(ctx))
	}
	return group.Run(ctx, func() {
		tellAdmin()
		spreading.tell(c)
		watching.tell(c)
		c.ready("http://" + server.Addr().String())
	})
}

// ownEdge returns the edge of a process that is up, and what tells the caches before it.
func (c *cli) ownEdge(e *environment, deps edge.Deps, watching *observing) (serving *edge.Edge, caches *purging, err error) {
	if e.bucket.Remote() {
		// What it answers with has to be on this machine.
		near, err := c.edgeDeps(e.bucket, true, filepath.Join(e.dir, "own-edge"), watching)
		if err != nil {
			return nil, nil, err
		}
		deps.Releases, deps.Retain = near.Releases, near.Retain
	}
	if caches, err = newPurging(e.settings.Purge, filepath.Join(e.dir, "purges.json"), &deps, deps.Log); err != nil {
		return nil, nil, err
	}
	if err := c.takePreviews(&deps, e.settings.PreviewKeys, deps.Log); err != nil {
		return nil, nil, err
	}
	serving, err = edge.New(e.edgeConfig(), deps)
	return serving, caches, err
}

// engineService starts the engine, and bakes once where the release that is
// there will not do, so that what is served from the start is right.
type engineService struct {
	*engine.Engine
	service *bake.Service
}

func (s engineService) Start(ctx context.Context, fail func(error)) error {
	if err := s.Engine.Start(ctx, fail); err != nil {
		return err
	}
	current, err := s.service.Current(ctx)
	if err != nil || current {
		return err
	}
	_, err = s.service.Bake(ctx, bake.Request{Reason: "start"})
	return err
}

// edgeConfig is the edge's part of an environment. What is served in
// development changes while one looks: browsers ask each time.
func edgeConfig(settings *site.Environment) edge.Config {
	config := edge.Config{
		Country: string(settings.CountryFrom.Source), SharedMaxAge: settings.SharedMaxAge, KeepAfterHorizon: settings.KeepAfterHorizon,
	}
	switch settings.CountryFrom.Source {
	case site.FromAddress:
		config.MaxAge = -1
	case site.FromHeader:
		config.Country += ":" + settings.CountryFrom.Header
	case site.FromFixed:
		config.Country += ":" + string(settings.CountryFrom.Country)
	case site.FromGeoIP:
		config.Country += ":" + settings.GeoIPDatabase
	}
	for _, proxy := range settings.TrustedProxies {
		config.TrustedProxies = append(config.TrustedProxies, proxy.String())
	}
	return config
}

// routes sends the storefront's and the artwork's addresses to them and all
// others to the edge. It is no http.ServeMux, which would clean up addresses
// before the edge can refuse them.
func routes(siteDir string, documents http.Handler) http.Handler {
	page := storefront.Handler()
	artwork := http.StripPrefix("/artwork/", http.FileServer(http.Dir(filepath.Join(siteDir, "artwork"))))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/storefront/"):
			page.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/artwork/"):
			artwork.ServeHTTP(w, r)
		default:
			documents.ServeHTTP(w, r)
		}
	})
}

func (c *cli) ready(url string) {
	c.note("\n  storefront   %[1]s/\n  a document   curl -i %[1]s/FI/tv/home.json\n"+
		"  variations   curl %[1]s/variations.json\n  edge         curl %[1]s/_ovenbird/status\n", url)
	fmt.Fprintf(c.stdout, "ready %s\n", url) //nolint:errcheck // who waits for it sees that it is missing
}
