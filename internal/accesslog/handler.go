package accesslog

import (
	"net/http"
	"strings"
	"time"
)

// Handler returns a handler that answers as next does and logs it.
func (l *Log) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorded := &recorder{ResponseWriter: w, entry: Entry{
			Time: time.Now(), Peer: r.RemoteAddr, Method: r.Method, Path: pathOf(r.RequestURI), Protocol: r.Proto,
			Referer: r.Header.Get("Referer"), UserAgent: r.Header.Get("User-Agent"),
			Request: r.Header.Get("X-Request-Id"), Trace: traceOf(r.Header.Get("Traceparent")),
		}}
		// Also where next panics to cut the connection off.
		defer l.end(recorded)
		next.ServeHTTP(recorded, r)
	})
}

// pathOf leaves the query out: it decides nothing here, and may hold what is
// nobody's business.
func pathOf(uri string) string {
	path, _, _ := strings.Cut(uri, "?")
	return path
}

// traceOf returns the id of the trace in a traceparent (W3C Trace Context): 32
// digits after a version of two; "" where it is malformed.
func traceOf(traceparent string) string {
	fields := strings.Split(traceparent, "-")
	if len(fields) < 4 || len(fields[0]) != 2 || len(fields[1]) != 32 || strings.Trim(fields[1], "0123456789abcdef") != "" {
		return ""
	}
	return fields[1]
}

func (l *Log) end(r *recorder) {
	e := &r.entry
	e.Took = time.Since(e.Time)
	e.Coding = r.Header().Get("Content-Encoding")
	e.Release = r.Header().Get("Ovenbird-Release")
	l.Add(e)
}

// Note returns the entry of what is being answered with w, for who knows more
// about it than the answer tells; nil where it is not logged.
func Note(w http.ResponseWriter) *Entry {
	if r, ok := w.(*recorder); ok {
		return &r.entry
	}
	return nil
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	entry Entry
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader notes the status; those before the last one do not count.
func (r *recorder) WriteHeader(status int) {
	r.entry.Status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (r *recorder) Write(b []byte) (int, error) {
	if r.entry.Status == 0 {
		r.entry.Status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.entry.Bytes += int64(n)
	return n, err
}
