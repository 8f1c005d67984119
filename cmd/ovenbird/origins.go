package main

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ovenbird/internal/edge"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/origin"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
	"ovenbird/internal/spread"
)

// originFlags are what an edge is told of origins.
type originFlags struct {
	urls            []string
	tokenFile, name string
}

func (f *originFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.urls, "origin", nil,
		"address of an origin, such as https://origin.example.org; several of one environment")
	flags.StringVar(&f.tokenFile, "origin-token-file", "", "file with the token for the origin, which may be replaced")
	flags.StringVar(&f.name, "name", "", "what the origin calls this edge (default: host and port)")
}

// originTokenVariable has the token for origins, unless a file has it.
const originTokenVariable = "OVENBIRD_ORIGIN_TOKEN" //nolint:gosec // the name of it

// originPoll is how often an edge that reads through an origin looks for a
// release by itself. It is told of releases.
const originPoll = 5 * time.Second

// client returns a client to the origins.
func (f *originFlags) client() (*origin.Client, error) {
	token := func() (string, error) { return os.Getenv(originTokenVariable), nil }
	if f.tokenFile != "" {
		token = func() (string, error) {
			secret, err := os.ReadFile(f.tokenFile)
			return string(bytes.TrimSpace(secret)), err
		}
	}
	if secret, err := token(); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "reading the token for the origin: %w", err)
	} else if secret == "" {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "an origin asks for a token: make one there with `ovenbird token create --role edge "+
			"--name NAME`, and set %s to it, or name a file that has it with --origin-token-file", originTokenVariable)
	}
	return origin.NewClient(origin.ClientConfig{URLs: f.urls, Token: token})
}

// origins is what of an edge by itself is about origins.
type origins struct {
	client   *origin.Client
	reporter *origin.Reporter
	viewers  *edge.Server // nil until add
	log      *slog.Logger
}

// newOrigins returns what is not started yet; nil where there is no origin.
func newOrigins(f originFlags, countries []ovenbird.Country, log *slog.Logger) (*origins, error) {
	if len(f.urls) == 0 {
		return nil, nil //nolint:nilnil // most edges have none
	}
	client, err := f.client()
	if err != nil {
		return nil, err
	}
	for _, address := range f.urls {
		if inClear(address) {
			log.Warn("the token for an origin is sent in clear: use https", "origin", address)
		}
	}
	o := &origins{client: client, log: log}
	o.reporter = origin.NewReporter(func() string { return edgeName(f.name, o.viewers) }, countries, client.Report, log)
	return o, nil
}

// inClear reports whether others may read what is sent to an address.
func inClear(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || !ip.IsLoopback()
}

// countriesOf returns the countries that an edge keeps; none means all.
func countriesOf(config edge.Config) []ovenbird.Country {
	if only, ok := strings.CutPrefix(config.Country, string(site.FromFixed)+":"); ok && len(config.Countries) == 0 {
		return []ovenbird.Country{ovenbird.Country(only)}
	}
	return config.Countries
}

// progress returns what has an edge's progress reported; nil where nobody wants it.
func (o *origins) progress() func(edge.Progress) {
	if o == nil {
		return nil
	}
	return reported(o.reporter)
}

// add adds it to what runs, after the edge and its server.
func (o *origins) add(group *lifecycle.Group, viewers *edge.Server, serving *edge.Edge) {
	if o == nil {
		return
	}
	o.viewers = viewers
	group.Add("news of releases", origin.NewListener(o.client, serving.Notify, o.log))
	group.Add("reporter", o.reporter)
}

// reported returns what has an edge's progress reported.
func reported(r *origin.Reporter) func(edge.Progress) {
	return func(p edge.Progress) {
		r.Changed(func(report *spread.Report) {
			if p.Release != "" {
				report.Release, report.Previous = p.Release, p.Previous
				report.Known, report.Since, report.Fetch, report.Swap = p.Known, p.Served, p.Fetch, p.Swap
			}
			switch {
			case p.Failure != nil:
				report.Failure, report.Failing = p.Failure.Error(), time.Now()
			case p.Release != "" || p.Recovered:
				report.Failure, report.Failing = "", time.Time{}
			}
		})
	}
}

// edgeName is what an edge is called in reports: where it is, unless it has a name.
func edgeName(name string, server *edge.Server) string {
	if name != "" {
		return name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	_, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		return host
	}
	return net.JoinHostPort(host, port)
}
