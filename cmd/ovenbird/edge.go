package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/edge"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

// edgeFlags are what an edge is told on the command line.
type edgeFlags struct {
	previewKeys                string
	listen, countryFrom, cache string
	afterHorizon               string
	dictionaries               bool
	countries, proxies, purges []string
	memory                     int64 // MiB
	poll, maxAge, sharedMaxAge time.Duration
	tls                        edge.TLS
	acme                       acmeFlags
	limits                     limits
	origin                     originFlags
	observe                    observeFlags
}

func (c *cli) edge() *cobra.Command {
	var f edgeFlags
	cmd := &cobra.Command{
		Use:   "edge",
		Short: "Serve the releases in a bucket or at an origin, and nothing else",
		Long: "Edge follows the releases in a bucket and serves them. It reads the bucket and needs nothing else: no site, no\n" +
			"database. Run as many as you like, each for the countries that it is near to. What differs between documents is\n" +
			"in memory, their bodies in the packs on this machine; what was asked for is kept ready (--memory).\n\n" +
			"With --origin it reads releases of `ovenbird up --origin-listen` instead, and needs no credentials for the bucket. An\n" +
			"origin tells it of each release at once, and hears what became of it: `ovenbird releases show`. With --bucket too, it\n" +
			"reads the bucket and is told by the origin. The token for it is in OVENBIRD_ORIGIN_TOKEN or --origin-token-file.\n\n" +
			"With --bucket, every setting is a flag. Without it, the bucket and what no flag says come from the environment\n" +
			"(--site, --env), as for `ovenbird up`.\n\n" +
			"What it reads of a remote bucket it keeps in a folder (--cache), checks by hash, and serves at once at the next\n" +
			"start, even where the bucket can not be reached. It prints `ready URL` when it listens; /readyz says when it has\n" +
			"a release. Ctrl-C lets open requests end, then stops it.",
		Example: "  ovenbird edge --bucket 's3://releases/prod?region=eu-north-1' --country-from fixed:FI --listen :8080\n" +
			"  ovenbird edge --bucket /srv/releases --country-from header:CloudFront-Viewer-Country --trusted-proxy 10.0.0.0/8\n" +
			"  OVENBIRD_ORIGIN_TOKEN=ovb_… ovenbird edge --origin https://origin.example.org --country-from fixed:FI --listen :8080",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serveEdge(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "address to listen on, host:port; port 0 takes a free one")
	flags.StringVar(&f.countryFrom, "country-from", "",
		"how it is known where a viewer is: address (for development), fixed:FI, header:NAME or geoip:FILE")
	flags.StringSliceVar(&f.proxies, "trusted-proxy", nil, "network of proxies whose headers are believed, such as 10.0.0.0/8")
	flags.StringSliceVar(&f.countries, "countries", nil, "keep and serve these alone, such as FI,SE; all by default")
	flags.StringVar(&f.previewKeys, "preview-keys", "",
		"file of public keys whose previews to take (ovenbird preview); it is read again when it changes")
	flags.StringVar(&f.cache, "cache", "",
		"folder for what was read of the bucket (default for a remote bucket: edge in the environment's data)")
	flags.DurationVar(&f.poll, "poll", 0, "how often to look for a new release (default 10ms, for a remote bucket 1s, for an origin 5s)")
	flags.Int64Var(&f.memory, "memory", edge.DefaultMemory>>20,
		"MiB in which to keep ready what was asked for, beside what a release's rows take; 0 keeps nothing")
	f.origin.add(flags)
	flags.DurationVar(&f.maxAge, "max-age", 0, "for how long caches may keep a document, never past its next transition (default 1m)")
	flags.DurationVar(&f.sharedMaxAge, "shared-max-age", 0,
		"for how long a CDN may keep a document that is purged at every publication (CDN-Cache-Control; default: not said)")
	flags.StringSliceVar(&f.purges, "purge", nil,
		"cache to tell what it must forget: varnish:URL, nginx:URL, fastly:SERVICE:SECRET or cloudflare:ZONE:SECRET, where\n"+
			"SECRET is the name of the variable with the API's token (docs/cdn.md)")
	flags.StringVar(&f.tls.CertFile, "tls-cert", "", "certificate to serve HTTPS with (PEM); it is read again when it changes")
	flags.StringVar(&f.tls.KeyFile, "tls-key", "", "its key (PEM)")
	f.acme.add(flags)
	flags.BoolVar(&f.tls.HTTP3, "http3", false, "serve HTTP/3 too, over UDP at the same port")
	flags.BoolVar(&f.dictionaries, "dictionaries", false,
		"over TLS, send clients that have the document of the release before the difference (RFC 9842)")
	flags.StringVar(&f.afterHorizon, "after-horizon", "",
		"what to do when no new release has come for so long that the last one runs out: refuse everything (the default), or keep\n"+
			"serving what cannot have ended")
	f.limits.add(flags)
	f.observe.add(flags)
	return cmd
}

// serveEdge runs an edge until ctx ends.
func (c *cli) serveEdge(ctx context.Context, f edgeFlags) error {
	config, listen, url, err := c.edgeSettings(ctx, &f)
	if err != nil {
		return err
	}
	watching, err := c.newObserving(ctx, f.observe, "ovenbird-edge")
	if err != nil {
		return err
	}
	log := watching.log
	origins, err := newOrigins(f.origin, countriesOf(config), log)
	if err != nil {
		return err
	}
	lazy := &lazyBucket{url: url}
	defer lazy.close(log)
	source, poll, err := c.edgeSource(ctx, lazy, origins)
	if err != nil {
		return err
	}
	deps, err := c.edgeDeps(source, poll > 0, f.cache, watching)
	if err != nil {
		return err
	}
	deps.Progress = origins.progress()
	deps.Tracer = watching.traces.Tracer
	config.Poll = cmp.Or(config.Poll, poll)
	caches, err := newPurging(f.purges, cmp.Or(f.cache, filepath.Join(c.data, c.env, "edge"))+"-purges.json", &deps, log)
	if err != nil {
		return err
	}
	if err := c.takePreviews(&deps, f.previewKeys, log); err != nil {
		return err
	}
	serving, err := edge.New(config, deps)
	if err != nil {
		return err
	}
	server := edge.NewServer(listen, watching.logged(caches.beside(serving)), log)
	server.UseLoop()
	if err := f.limits.use(server, config.TrustedProxies); err != nil {
		return err
	}
	if err := c.secure(server, f.tls, f.acme); err != nil {
		return err
	}
	watching.watch(server, caches)
	var group lifecycle.Group
	if err := watching.add(&group, serving); err != nil {
		return err
	}
	caches.addTo(&group)
	group.Add("edge", serving)
	f.limits.addServer(&group, server, serving)
	origins.add(&group, server, serving)
	return group.Run(ctx, func() {
		watching.tell(c)
		fmt.Fprintf(c.stdout, "ready %s\n", server.URL()) //nolint:errcheck // who waits for it sees that it is missing
	})
}

// edgeSettings puts the flags over the environment's variables. Without a bucket
// or an origin among the flags there must be an environment.
func (c *cli) edgeSettings(ctx context.Context, f *edgeFlags) (config edge.Config, listen, url string, err error) {
	settings := &site.Environment{Listen: "127.0.0.1:8080"}
	if c.bucket == "" && len(f.origin.urls) == 0 {
		loaded, err := c.loadSite(ctx)
		if err != nil {
			return config, "", "", fmt.Errorf("%w (an edge without a site needs --bucket or --origin)", err)
		}
		if settings, err = loaded.Environment(c.env); err != nil {
			return config, "", "", err
		}
	} else if f.countryFrom == "" {
		return config, "", "", ovenbird.Errorf(ovenbird.Invalid,
			"an edge must know where viewers are: say --country-from fixed:FI, header:NAME or geoip:FILE, or address to try it out")
	}
	f.limits, f.observe = f.limits.over(settings), f.observe.over(settings)
	config = edgeConfig(settings)
	config.Poll = cmp.Or(f.poll, settings.Poll)
	f.previewKeys = cmp.Or(f.previewKeys, settings.PreviewKeys)
	if f.countryFrom != "" {
		config.Country, config.MaxAge = f.countryFrom, 0
		if f.countryFrom == string(site.FromAddress) {
			config.MaxAge = -1
		}
	}
	config.MaxAge = cmp.Or(f.maxAge, config.MaxAge)
	config.SharedMaxAge = cmp.Or(f.sharedMaxAge, config.SharedMaxAge)
	f.purges = append(f.purges, settings.Purge...)
	config.Dictionaries = f.dictionaries
	if config.Memory = f.memory << 20; f.memory <= 0 {
		config.Memory = -1
	}
	if f.afterHorizon != "" {
		var ok bool
		if config.KeepAfterHorizon, ok = site.ParseAfterHorizon(f.afterHorizon); !ok {
			return config, "", "", ovenbird.Errorf(ovenbird.Invalid, "--after-horizon is %q; use refuse or keep", f.afterHorizon)
		}
	}
	config.TrustedProxies = append(config.TrustedProxies, f.proxies...)
	for _, code := range f.countries {
		country, err := ovenbird.ParseCountry(strings.TrimSpace(code))
		if err != nil {
			return config, "", "", ovenbird.Errorf(ovenbird.Invalid, "--countries: %w", err)
		}
		config.Countries = append(config.Countries, country)
	}
	url = cmp.Or(c.bucket, settings.Bucket, filepath.Join(c.data, c.env, "bucket"))
	return config, cmp.Or(f.listen, settings.Listen), url, nil
}
