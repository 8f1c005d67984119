package bucket_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"ovenbird/internal/bucket/buckettest"
)

// proxy stands between a client and a gateway and does what networks and busy
// stores do.
type proxy struct {
	*httptest.Server
	next http.Handler

	mu     sync.Mutex
	faults map[string][]fault // by method, the next one first
	count  map[string]int     // requests, by method
}

// fault answers a request instead of pass, or after it. What it can do to the
// connection it does by panicking with http.ErrAbortHandler.
type fault func(w http.ResponseWriter, r *http.Request, pass http.Handler)

func newProxy(t testing.TB, gateway *buckettest.Gateway) *proxy {
	t.Helper()
	target, err := url.Parse(gateway.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{faults: map[string][]fault{}, count: map[string]int{}}
	p.next = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// ServeHTTP lets a request meet the next fault for its method.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.count[r.Method]++
	next := fault(passing)
	if list := p.faults[r.Method]; len(list) > 0 {
		next, p.faults[r.Method] = list[0], list[1:]
	}
	p.mu.Unlock()
	next(w, r, p.next)
}

// inject has the next requests with a method meet faults, one each. It forgets
// what was left of the faults before.
func (p *proxy) inject(method string, faults ...fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[method] = faults
}

// requests returns how many requests with a method came since it was asked last.
func (p *proxy) requests(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.count[method]
	p.count[method] = 0
	return n
}

func passing(w http.ResponseWriter, r *http.Request, pass http.Handler) { pass.ServeHTTP(w, r) }

// refusing answers with an error; the store never sees the request.
func refusing(status int, code string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, status, code)
	}
}

func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>injected</Message></Error>", code)
}

// cutting closes the connection; the store never sees the request.
func cutting(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

// hanging never answers; the store never sees the request.
func hanging(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// losing passes the request on, and cuts the connection instead of answering.
func losing(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// lateError passes the request on, and answers that it failed.
func lateError(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	answer(w, http.StatusServiceUnavailable, "SlowDown")
}

// silent passes the request on and never answers.
func silent(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	<-r.Context().Done()
}

// half answers with half of the body, and then does end.
func half(end func(r *http.Request)) fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		recorded := httptest.NewRecorder()
		pass.ServeHTTP(recorded, r)
		body := recorded.Body.Bytes()
		maps.Copy(w.Header(), recorded.Header())
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		end(r)
	}
}

func cutOff(*http.Request) { panic(http.ErrAbortHandler) }

func stall(r *http.Request) { <-r.Context().Done() }

// shortened answers with half of the body as if it were all.
func shortened(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	recorded := httptest.NewRecorder()
	pass.ServeHTTP(recorded, r)
	body := recorded.Body.Bytes()
	maps.Copy(w.Header(), recorded.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)/2))
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(body[:len(body)/2])
}

// losingThen is losing, with do done before the client can try again.
func losingThen(do func()) fault {
	return func(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r)
		do()
		panic(http.ErrAbortHandler)
	}
}

// torn answers a HEAD with the metadata of before do and the entity tag of after
// it, as a store that reads one after the other.
func torn(do func()) fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		before, now := httptest.NewRecorder(), httptest.NewRecorder()
		pass.ServeHTTP(before, r)
		do()
		pass.ServeHTTP(now, r)
		maps.Copy(w.Header(), before.Header())
		w.Header().Set("ETag", now.Header().Get("ETag"))
		w.WriteHeader(before.Code)
	}
}
