package edge

import (
	"context"

	"ovenbird/internal/metric"
)

var (
	connectionsFamily = metric.Family{
		Name: "ovenbird_edge_connections", Kind: metric.Gauge,
		Help: "Open connections of viewers.",
	}
	refusedFamily = metric.Family{
		Name: "ovenbird_edge_connections_refused_total",
		Help: "Connections that were refused because there are too many, in total or of their client.",
	}
	brokenFamily = metric.Family{
		Name: "ovenbird_edge_connections_broken_total",
		Help: "Writes to connections that failed: their clients went away, or read nothing for too long.",
	}
	delayedFamily = metric.Family{
		Name: "ovenbird_edge_answers_delayed_total",
		Help: "Answers after which a client had to wait, because it took more than its share of the machine.",
	}
	panicsFamily = metric.Family{
		Name: "ovenbird_edge_panics_total",
		Help: "Requests of viewers that ended in a panic: mistakes in the program.",
	}
)

// Report implements metric.Source. Without limits there is nothing to tell.
func (s *Server) Report(_ context.Context, to metric.Sink) {
	if s.gate == nil {
		return
	}
	s.gate.mu.Lock()
	open := s.gate.open
	s.gate.mu.Unlock()
	to.Value(connectionsFamily, float64(open))
	to.Value(refusedFamily, float64(s.gate.refused.Load()))
	to.Value(brokenFamily, float64(s.gate.broken.Load()))
	to.Value(delayedFamily, float64(s.gate.delayed.Load()))
	to.Value(panicsFamily, float64(s.panics.Load()))
}
