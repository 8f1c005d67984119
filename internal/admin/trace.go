package admin

import (
	"log/slog"
	"net/http"

	"ovenbird/internal/trace"
)

// traced follows requests that may write, as part of the caller's trace where it
// told of one in a traceparent (W3C Trace Context).
func (a *API) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.tracer == nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		_, route := a.mux.Handler(r)
		ctx, span := a.tracer.Begin(r.Context(), route, trace.Server, trace.Cause{Parent: r.Header.Get("Traceparent")},
			slog.String("http.request.method", r.Method), slog.String("http.route", route),
			slog.String("ovenbird.token", bearer(r.Context()).Name))
		answered := &answered{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			span.Set(slog.Int("http.response.status_code", answered.status))
			span.End(nil)
		}()
		next.ServeHTTP(answered, r.WithContext(ctx))
	})
}

// answered notes the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader notes the status.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}
