package main

import (
	"cmp"
	"time"

	"github.com/spf13/pflag"

	"ovenbird/internal/edge"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/site"
)

// limits are what viewers may take of a server, and how it stops.
type limits struct {
	connections, perClient int
	drain                  time.Duration
}

func (l *limits) add(flags *pflag.FlagSet) {
	flags.IntVar(&l.connections, "max-connections", 0,
		"connections of viewers at once (default: what the limit of open files allows, at most 16384)")
	flags.IntVar(&l.perClient, "max-connections-per-client", 0,
		"connections of one client at once, an IPv4 address or an IPv6 /64; not of trusted proxies (default: a sixteenth)")
	flags.DurationVar(&l.drain, "drain", 0, "how long to go on serving after /readyz began to fail, when told to stop")
}

// over returns the limits with the environment's in place of those that no flag says.
func (l *limits) over(settings *site.Environment) limits {
	return limits{
		connections: cmp.Or(l.connections, settings.MaxConnections),
		perClient:   cmp.Or(l.perClient, settings.MaxConnectionsPerClient),
		drain:       cmp.Or(l.drain, settings.Drain),
	}
}

// use holds a server to the limits.
func (l *limits) use(server *edge.Server, proxies []string) error {
	return server.UseLimits(edge.Limits{Connections: l.connections, PerClient: l.perClient, TrustedProxies: proxies})
}

// addServer adds the server of an edge to what runs. The edge withdraws before its
// server stops.
func (l *limits) addServer(group *lifecycle.Group, server *edge.Server, serving *edge.Edge) {
	group.StopTimeout = lifecycle.DefaultStopTimeout + l.drain
	group.Add("server", server)
	group.Add("withdrawal", edge.Withdrawal{Edge: serving, Delay: l.drain})
}
