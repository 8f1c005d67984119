package observe

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ovenbird/internal/metric"
	"ovenbird/internal/ovenbird"
)

// patience is how long the sources together may take to report: less than
// Prometheus waits.
const patience = 5 * time.Second

// Metrics returns a handler that answers with the metrics of all sources, and of
// the Go runtime and the process, in the format that the client asks for: the text
// format of Prometheus, or OpenMetrics. A source that reports what is wrong, such as
// one metric twice, costs the others nothing; log hears of it.
func Metrics(log *slog.Logger, sources ...metric.Source) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector(),
		collector(sources),
	} {
		if err := registry.Register(c); err != nil {
			return nil, ovenbird.Errorf(ovenbird.Internal, "preparing metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError), ErrorHandling: promhttp.ContinueOnError,
		EnableOpenMetrics: true, MaxRequestsInFlight: 4,
	}), nil
}

// collector asks sources whenever Prometheus's registry is asked.
type collector []metric.Source

// Describe describes nothing ahead, which makes the registry check each answer.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, source := range c {
		source.Report(ctx, sink(to))
	}
}

// sink turns what sources report into Prometheus's metrics.
type sink chan<- prometheus.Metric

func desc(f metric.Family) *prometheus.Desc { return prometheus.NewDesc(f.Name, f.Help, f.Labels, nil) }

// Value implements metric.Sink.
func (s sink) Value(f metric.Family, value float64, labels ...string) {
	kind := prometheus.CounterValue
	if f.Kind == metric.Gauge {
		kind = prometheus.GaugeValue
	}
	made, err := prometheus.NewConstMetric(desc(f), kind, value, labels...)
	s.send(f, made, err)
}

// Durations implements metric.Sink.
func (s sink) Durations(f metric.Family, d metric.Distribution, labels ...string) {
	buckets := make(map[float64]uint64, len(d.Bounds))
	var below uint64
	for i, bound := range d.Bounds {
		below += d.Counts[i]
		buckets[bound.Seconds()] = below
	}
	made, err := prometheus.NewConstHistogram(desc(f), d.Count(), d.Sum.Seconds(), buckets, labels...)
	s.send(f, made, err)
}

func (s sink) send(f metric.Family, made prometheus.Metric, err error) {
	if err != nil {
		made = prometheus.NewInvalidMetric(desc(f), err)
	}
	s <- made
}
