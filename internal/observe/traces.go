package observe

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/trace"
)

// Traces sends spans to an OpenTelemetry collector. It is a lifecycle service:
// what is left when it stops is sent then.
type Traces struct {
	// Tracer begins spans; nil where no traces are wanted.
	Tracer   *trace.Tracer
	provider *sdk.TracerProvider
}

// NewTraces returns what the environment's variables ask for, those that
// OpenTelemetry specifies: nothing unless OTEL_EXPORTER_OTLP_ENDPOINT,
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_TRACES_EXPORTER=otlp is set. It fails,
// with an Invalid error, where they ask for what there is not. version is the
// program's; log hears of spans that can not be sent.
func NewTraces(ctx context.Context, program, version string, log *slog.Logger) (*Traces, error) {
	wanted, err := wanted(os.Getenv)
	if err != nil || !wanted {
		return &Traces{}, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "preparing to send traces: %w", err)
	}
	// What the variables say goes before what is said here.
	about, err := resource.New(ctx, resource.WithHost(), resource.WithProcessPID(), resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", program), attribute.String("service.version", version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces can not be sent", "error", err) }))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Traces{trace.NewTracer(provider), provider}, nil
}

// wanted reports whether variables ask for traces, and refuses ways to send them
// that there are not.
func wanted(env func(string) string) (bool, error) {
	if env("OTEL_SDK_DISABLED") == "true" {
		return false, nil
	}
	endpoint := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") + env("OTEL_EXPORTER_OTLP_ENDPOINT")
	switch exporter := env("OTEL_TRACES_EXPORTER"); {
	case exporter == "none", exporter == "" && endpoint == "":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, ovenbird.Errorf(ovenbird.Invalid, "OTEL_TRACES_EXPORTER is %q; use otlp or none", exporter)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := env(name); protocol != "" && protocol != "http/protobuf" {
			return false, ovenbird.Errorf(ovenbird.Invalid, "%s is %q; traces are sent by http/protobuf alone", name, protocol)
		}
	}
	return true, nil
}

// Start implements lifecycle.Service.
func (t *Traces) Start(context.Context, func(error)) error { return nil }

// Stop sends what is left, as far as that can be done until ctx ends.
func (t *Traces) Stop(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last traces: %w", err)
	}
	return nil
}
