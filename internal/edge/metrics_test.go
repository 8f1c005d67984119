package edge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/accesslog"
	"ovenbird/internal/edge"
	"ovenbird/internal/metric"
)

// reported are metrics by name and labels.
type reported map[string]float64

func (r reported) Value(f metric.Family, value float64, labels ...string) {
	r[f.Name+" "+strings.Join(labels, " ")] = value
}

func (r reported) Durations(f metric.Family, d metric.Distribution, labels ...string) {
	r.Value(f, float64(d.Count()), labels...)
}

func report(t *testing.T, source metric.Source) reported {
	t.Helper()
	r := make(reported)
	source.Report(t.Context(), r)
	return r
}

func (r reported) want(t *testing.T, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if got, ok := r["ovenbird_edge_"+name]; !ok || got != value {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, value)
		}
	}
}

func TestMetricsCountAnswersByWhatTheyWere(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(world)
	found := s.get("/FI/tv/titles/t1.json")
	s.get("/FI/tv/titles/t1.json", "If-None-Match: "+found.header.Get("Etag"))
	s.get("/FI/tv/titles/t1.json", "Range: bytes=0-1")
	s.do(http.MethodHead, "/FI/tv/titles/t1.json")
	s.get("/FI/tv/none.json")
	s.get("/FI/tv/none.json?x=" + strings.Repeat("y", 100))
	s.do("BREW", "/FI/tv/titles/t1.json")
	s.do("ANOTHER", "/FI/tv/titles/t1.json")
	s.do(http.MethodOptions, "/FI/tv/titles/t1.json")
	s.get("/healthz")
	report(t, s.edge).want(t, map[string]float64{
		"requests_total GET 1.1 200": 1, "requests_total GET 1.1 304": 1, "requests_total GET 1.1 206": 1, "requests_total HEAD 1.1 200": 1,
		"requests_total GET 1.1 404": 2, "requests_total other 1.1 405": 2, "requests_total OPTIONS 1.1 204": 1,
		"problems_total not-found": 2, "problems_total method-not-allowed": 2, "problems_total wrong-country": 0,
		"sent_bytes_total identity": float64(len(found.body) + 2), "sent_bytes_total zstd": 0,
		"answer_duration_seconds ": 4, "requests_in_flight ": 0, "takeovers_total ": 1, "follow_failures_total ": 0,
		"takeover_step_duration_seconds swap": 1,
	})
}

func TestMetricsTellTheReleaseByTheEdgesClock(t *testing.T) {
	s := newSite(t, edge.Config{})
	before := report(t, s.edge)
	before.want(t, map[string]float64{"ready ": 0})
	if age, ok := before["ovenbird_edge_release_age_seconds "]; ok {
		t.Errorf("the age of no release is %v", age)
	}
	s.serve(world)
	s.clock.set(noon.Add(90 * time.Minute))
	report(t, s.edge).want(t, map[string]float64{
		"ready ": 1, "release_age_seconds ": 5400, "release_horizon_seconds ": (24*time.Hour - 90*time.Minute).Seconds(),
		"release_as_of_timestamp_seconds ": float64(noon.Unix()),
	})
	s.clock.set(noon.Add(25 * time.Hour))
	report(t, s.edge).want(t, map[string]float64{"ready ": 0, "release_horizon_seconds ": -3600})
}

func TestTheAccessLogKnowsWhatTheEdgeDecided(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(world)
	var out bytes.Buffer
	log, err := accesslog.New(accesslog.Config{Format: accesslog.JSON, Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	handler := log.Handler(s.edge)
	found := ask(t, handler, http.MethodGet, "/FI/tv/titles/t1.json?secret=1")
	ask(t, handler, http.MethodGet, "/XX/tv/titles/t1.json")
	if err := log.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fields)
	}
	if len(lines) != 2 {
		t.Fatalf("logged %s", out.String())
	}
	for i, want := range []map[string]any{
		{"path": "/FI/tv/titles/t1.json", "status": 200.0, "country": "FI", "release": found.header.Get("Ovenbird-Release"), "problem": nil},
		{"path": "/XX/tv/titles/t1.json", "status": 404.0, "country": nil, "release": nil, "problem": "unknown-country"},
	} {
		for name, value := range want {
			if lines[i][name] != value {
				t.Errorf("line %d: %s is %v, want %v", i, name, lines[i][name], value)
			}
		}
	}
}
