package main

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/pflag"

	"ovenbird/internal/accesslog"
	"ovenbird/internal/edge"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/metric"
	"ovenbird/internal/observe"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
	"ovenbird/internal/trace"
)

// observeFlags say what a process that serves shows of itself.
type observeFlags struct{ logFormat, accessLog, accessLogFile, opsListen string }

func (f *observeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.logFormat, "log-format", "", "how to write the process's own log to stderr: text (the default) or json")
	flags.StringVar(&f.accessLog, "access-log", "",
		"log every answer, as --access-log=json or =combined, Apache's format; alone it is json")
	flags.Lookup("access-log").NoOptDefVal = string(accesslog.JSON)
	flags.StringVar(&f.accessLogFile, "access-log-file", "",
		"file to append the access log to, opened anew on SIGHUP (default: standard output)")
	flags.StringVar(&f.opsListen, "ops-listen", "",
		"address for operators alone, with /metrics for Prometheus, /healthz and /readyz, or none; none by default")
}

// over returns the flags with the environment's variables in place of those that
// were not given.
func (f *observeFlags) over(settings *site.Environment) observeFlags {
	return observeFlags{
		logFormat: cmp.Or(f.logFormat, settings.LogFormat), accessLog: cmp.Or(f.accessLog, settings.AccessLog),
		accessLogFile: cmp.Or(f.accessLogFile, settings.AccessLogFile), opsListen: cmp.Or(f.opsListen, settings.OpsListen),
	}
}

// noOps in place of an address leaves the operators' address out.
const noOps = "none"

// observing is what a process shows of itself: logs, metrics and traces.
type observing struct {
	log     *slog.Logger
	traces  *observe.Traces
	access  *accesslog.Log // nil: none
	listen  string         // "" or noOps: nowhere
	sources []metric.Source
	server  *edge.Server // at listen
}

// newObserving opens what the flags ask for. The process is named service in traces.
func (c *cli) newObserving(ctx context.Context, f observeFlags, service string) (*observing, error) {
	log, err := newLog(c.stderr, f.logFormat)
	if err != nil {
		return nil, err
	}
	o := &observing{log: log, listen: f.opsListen}
	if o.traces, err = newTraces(ctx, service, log); err != nil || f.accessLog == "" {
		return o, err
	}
	format, err := accesslog.ParseFormat(f.accessLog)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "--access-log: %w", err)
	}
	o.access, err = accesslog.New(accesslog.Config{
		Format: format, Path: f.accessLogFile, Out: c.stdout, Log: log,
	})
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "--access-log-file: %w", err)
	}
	return o, nil
}

// newLog returns a log in a format; "" is text.
func newLog(to io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "", "text":
		return slog.New(slog.NewTextHandler(to, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, nil)), nil
	default:
		return nil, ovenbird.Errorf(ovenbird.Invalid, "--log-format is %q; use text or json", format)
	}
}

func newTraces(ctx context.Context, service string, log *slog.Logger) (*observe.Traces, error) {
	version := "dev"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	return observe.NewTraces(ctx, service, version, log)
}

// watch has sources report.
func (o *observing) watch(sources ...metric.Source) { o.sources = append(o.sources, sources...) }

// logged returns a handler whose answers are in the access log, if there is one.
func (o *observing) logged(next http.Handler) http.Handler {
	if o.access == nil {
		return next
	}
	return o.access.Handler(next)
}

// add adds what observes to what runs. It comes before whatever it observes, to be
// stopped after it.
func (o *observing) add(group *lifecycle.Group, serving *edge.Edge) error {
	group.Add("traces", o.traces)
	if o.access != nil {
		group.Add("access log", o.access)
		group.Add("signals", &hangup{to: o.access})
		o.watch(metric.SourceFunc(o.dropped))
	}
	if o.listen == "" || o.listen == noOps {
		return nil
	}
	o.watch(serving)
	metrics, err := observe.Metrics(o.log, o.sources...)
	if err != nil {
		return err
	}
	o.server = edge.NewServer(o.listen, operators(metrics, serving), o.log)
	group.Add("operators' server", o.server)
	return nil
}

// operators is what operators find at their address.
func operators(metrics, serving http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /healthz", serving)
	mux.Handle("GET /readyz", serving)
	mux.Handle("GET /_ovenbird/status", serving)
	return mux
}

// tell says where metrics are.
func (o *observing) tell(c *cli) {
	if o.server != nil {
		c.note("metrics URL http://%s/metrics", o.server.Addr())
	}
}

func (o *observing) dropped(_ context.Context, to metric.Sink) {
	to.Value(metric.Family{
		Name: "ovenbird_access_log_dropped_total",
		Help: "Lines of the access log that were lost because they could not be written.",
	}, float64(o.access.Dropped()))
}

// hangup has a log open its file anew whenever the process is sent SIGHUP.
type hangup struct {
	to      interface{ Reopen() }
	signals chan os.Signal
	done    chan struct{}
}

// Start implements lifecycle.Service.
func (h *hangup) Start(context.Context, func(error)) error {
	h.signals, h.done = make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(h.signals, syscall.SIGHUP)
	go func() {
		defer close(h.done)
		for range h.signals {
			h.to.Reopen()
		}
	}()
	return nil
}

// Stop implements lifecycle.Service.
func (h *hangup) Stop(context.Context) error {
	signal.Stop(h.signals)
	close(h.signals)
	<-h.done
	return nil
}

// callerVariable has the traceparent of whoever runs a command.
const callerVariable = "TRACEPARENT"

// traced runs a command on an environment as a span, as part of the caller's trace
// where that told of one, and has it sent before it returns.
func (c *cli) traced(ctx context.Context, name string, e *environment, do func(context.Context) error) error {
	log, err := newLog(c.stderr, "")
	if err != nil {
		return err
	}
	traces, err := newTraces(ctx, "ovenbird", log)
	if err != nil {
		return err
	}
	e.tracer = traces.Tracer
	spanned, span := traces.Tracer.Begin(ctx, name, trace.Internal, trace.Cause{Parent: os.Getenv(callerVariable)})
	err = do(spanned)
	span.End(err)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lifecycle.DefaultStopTimeout)
	defer cancel()
	if late := traces.Stop(last); late != nil {
		log.Warn("the trace of the command is incomplete", "error", late)
	}
	return err
}
