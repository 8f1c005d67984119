// Package trace follows a change through the program and through processes, in
// spans of OpenTelemetry.
//
// Where a piece of work begins, a Tracer starts a span: of a trace of its own, or
// below one that the caller, a change or a release told of, as the traceparent of
// W3C Trace Context. Below that Start is enough: spans are in the context. Nothing
// of this is there, and it costs next to nothing, where nobody asked for traces: a
// nil Tracer, a nil Span and a context without a span are all fine.
package trace

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	otel "go.opentelemetry.io/otel/trace"
)

// instrument is what spans say made them.
const instrument = "ovenbird"

// Tracer begins spans. Nil begins none.
type Tracer struct{ otel otel.Tracer }

// NewTracer returns a tracer that hands its spans to a provider.
func NewTracer(p otel.TracerProvider) *Tracer { return &Tracer{p.Tracer(instrument)} }

// Kind is the part that a span has between processes.
type Kind int

// The kinds.
const (
	Internal = Kind(otel.SpanKindInternal)
	Server   = Kind(otel.SpanKindServer)   // answers a request
	Consumer = Kind(otel.SpanKindConsumer) // does what others left for it
)

// Cause says what led to a span. The zero value begins a trace.
type Cause struct {
	// Parent is the traceparent of the span that this one is below; "" or a
	// malformed one begins a trace.
	Parent string
	// Links are the traceparents of others that led to it, too.
	Links []string
}

// Begin starts a span. It is in the context that is returned; a span that is there
// already does not count. The caller ends it.
func (t *Tracer) Begin(ctx context.Context, name string, kind Kind, cause Cause, attrs ...slog.Attr) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	options := []otel.SpanStartOption{otel.WithSpanKind(otel.SpanKind(kind)), otel.WithAttributes(attributes(attrs)...)}
	if parent := parse(cause.Parent); parent.IsValid() {
		ctx = otel.ContextWithRemoteSpanContext(ctx, parent)
	} else {
		options = append(options, otel.WithNewRoot())
	}
	for _, link := range cause.Links {
		if linked := parse(link); linked.IsValid() {
			options = append(options, otel.WithLinks(otel.Link{SpanContext: linked}))
		}
	}
	ctx, started := t.otel.Start(ctx, name, options...)
	return ctx, &Span{started}
}

// Start starts a span below the one in ctx, and none where there is none. The
// caller ends it.
func Start(ctx context.Context, name string, attrs ...slog.Attr) (context.Context, *Span) {
	parent := otel.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, nil
	}
	ctx, started := parent.TracerProvider().Tracer(instrument).Start(ctx, name, otel.WithAttributes(attributes(attrs)...))
	return ctx, &Span{started}
}

// Within returns ctx with the span that is in another context.
func Within(ctx, spanned context.Context) context.Context {
	if span := otel.SpanFromContext(spanned); span.SpanContext().IsValid() {
		return otel.ContextWithSpan(ctx, span)
	}
	return ctx
}

// Parent returns the traceparent of the span in ctx, for whoever goes on with the
// work; "" where there is none, or where it is not kept.
func Parent(ctx context.Context) string {
	span := otel.SpanContextFromContext(ctx)
	if !span.IsValid() || !span.IsSampled() {
		return ""
	}
	carrier := make(propagation.MapCarrier)
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[header]
}

// header is the name of the field that carries a traceparent.
const header = "traceparent"

// parse reads a traceparent; the result is not valid where it is not.
func parse(traceparent string) otel.SpanContext {
	if traceparent == "" {
		return otel.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{header: traceparent})
	return otel.SpanContextFromContext(ctx)
}

// ID returns the id of the trace that a traceparent is of; "" where it is malformed.
func ID(traceparent string) string {
	if span := parse(traceparent); span.IsValid() {
		return span.TraceID().String()
	}
	return ""
}

// Span is a piece of work. Nil is one that nobody follows.
type Span struct{ otel otel.Span }

// Set adds attributes.
func (s *Span) Set(attrs ...slog.Attr) {
	if s != nil {
		s.otel.SetAttributes(attributes(attrs)...)
	}
}

// Link says what else led to the span, by traceparents.
func (s *Span) Link(traceparents ...string) {
	if s == nil {
		return
	}
	for _, one := range traceparents {
		if linked := parse(one); linked.IsValid() {
			s.otel.AddLink(otel.Link{SpanContext: linked})
		}
	}
}

// End ends the span, with the error that the work came to, or nil.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.otel.RecordError(err)
		s.otel.SetStatus(codes.Error, err.Error())
	}
	s.otel.End()
}

func attributes(attrs []slog.Attr) []attribute.KeyValue {
	list := make([]attribute.KeyValue, len(attrs))
	for i, a := range attrs {
		switch a.Value.Kind() {
		case slog.KindInt64:
			list[i] = attribute.Int64(a.Key, a.Value.Int64())
		case slog.KindBool:
			list[i] = attribute.Bool(a.Key, a.Value.Bool())
		default:
			list[i] = attribute.String(a.Key, a.Value.String())
		}
	}
	return list
}
