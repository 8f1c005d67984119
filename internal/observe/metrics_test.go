package observe_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/metric"
	"ovenbird/internal/observe"
)

var (
	things = metric.Family{Name: "ovenbird_things_total", Labels: []string{"kind"}, Help: "Things."}
	level  = metric.Family{Name: "ovenbird_level", Kind: metric.Gauge, Help: "Level."}
	work   = metric.Family{Name: "ovenbird_work_seconds", Kind: metric.Histogram, Help: "Work."}
)

func scrape(t *testing.T, sources ...metric.Source) (body, logged string, status int) {
	t.Helper()
	var log bytes.Buffer
	handler, err := observe.Metrics(slog.New(slog.NewTextHandler(&log, nil)), sources...)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	return w.Body.String(), log.String(), w.Code
}

func TestMetricsAreInPrometheusFormat(t *testing.T) {
	durations := metric.NewDurations([]time.Duration{time.Millisecond, time.Second})
	durations.Observe(time.Millisecond)
	durations.Observe(2 * time.Second)
	body, logged, status := scrape(t, metric.SourceFunc(func(_ context.Context, to metric.Sink) {
		to.Value(things, 3, `a "kind"`)
		to.Value(level, -1.5)
		to.Durations(work, durations.Distribution())
	}))
	if status != http.StatusOK || logged != "" {
		t.Errorf("status %d, log %q", status, logged)
	}
	for _, line := range []string{
		"# HELP ovenbird_things_total Things.", "# TYPE ovenbird_things_total counter", `ovenbird_things_total{kind="a \"kind\""} 3`,
		"# TYPE ovenbird_level gauge", "ovenbird_level -1.5",
		"# TYPE ovenbird_work_seconds histogram", `ovenbird_work_seconds_bucket{le="0.001"} 1`, `ovenbird_work_seconds_bucket{le="1"} 1`,
		`ovenbird_work_seconds_bucket{le="+Inf"} 2`, "ovenbird_work_seconds_sum 2.001", "ovenbird_work_seconds_count 2",
		"# TYPE go_goroutines gauge", "# TYPE process_resident_memory_bytes gauge",
	} {
		if !strings.Contains(body, line+"\n") && !strings.Contains(body, line+" ") {
			t.Errorf("no line %q", line)
		}
	}
}

func TestOneBadMetricDoesNotHideTheOthers(t *testing.T) {
	body, logged, status := scrape(t,
		metric.SourceFunc(func(_ context.Context, to metric.Sink) {
			to.Value(things, 1) // lacks its label
			to.Value(level, 1)
			to.Value(level, 2) // twice
		}),
		metric.SourceFunc(func(_ context.Context, to metric.Sink) { to.Value(things, 7, "good") }))
	if status != http.StatusOK || !strings.Contains(body, `ovenbird_things_total{kind="good"} 7`) {
		t.Errorf("status %d:\n%s", status, body)
	}
	if !strings.Contains(logged, "ovenbird_level") || !strings.Contains(logged, "ovenbird_things_total") {
		t.Errorf("log %q", logged)
	}
}
