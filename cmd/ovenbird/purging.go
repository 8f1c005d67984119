package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"

	"ovenbird/internal/edge"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/metric"
	"ovenbird/internal/purge"
	"ovenbird/internal/source"
)

// purging tells the caches in front of an edge what they must forget; nil where
// there are none.
type purging struct{ service *purge.Service }

// newPurging makes an edge with the given parts tell caches.
func newPurging(targets []string, journal string, deps *edge.Deps, log *slog.Logger) (*purging, error) {
	if len(targets) == 0 {
		return nil, nil //nolint:nilnil // no caches are nothing to tell
	}
	service, err := purge.New(purge.Config{Targets: targets, Journal: journal}, purge.Deps{
		Releases: deps.Releases, Log: log,
		Secret: func(name string) (string, error) { return source.Secret(os.LookupEnv, name) },
	})
	if err != nil {
		return nil, err
	}
	others := deps.Progress
	deps.Prepare = service.Prepare
	deps.Progress = func(p edge.Progress) {
		if p.Release != "" {
			service.Serving(p.Release)
		}
		if others != nil {
			others(p)
		}
	}
	return &purging{service}, nil
}

// What is known of the caches.
var (
	purgeOwed = metric.Family{
		Name: "ovenbird_purge_owed_keys", Help: "Keys that a cache has still to be told.", Kind: metric.Gauge, Labels: []string{"target"},
	}
	purgeFailures = metric.Family{
		Name: "ovenbird_purge_failures", Help: "Failures to tell a cache, in a row.", Kind: metric.Gauge, Labels: []string{"target"},
	}
)

// Report implements metric.Source.
func (p *purging) Report(_ context.Context, to metric.Sink) {
	if p == nil {
		return
	}
	for _, st := range p.service.Status() {
		to.Value(purgeOwed, float64(st.Owed), st.Target)
		to.Value(purgeFailures, float64(st.Failures), st.Target)
	}
}

// addTo lets caches be told while the group runs. It comes before the edge is added.
func (p *purging) addTo(group *lifecycle.Group) {
	if p != nil {
		group.Add("purge", p.service)
	}
}

// beside answers operators who ask how it stands with the caches, and leaves all
// else to the edge.
func (p *purging) beside(documents http.Handler) http.Handler {
	if p == nil {
		return documents
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ovenbird/purges" || r.Method != http.MethodGet {
			documents.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(p.service.Status()) // who asked has gone
	})
}
