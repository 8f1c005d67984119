package keepalive_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/keepalive"
)

// patience is how long a test waits for what ought to come at once.
const patience = time.Minute

var usual = keepalive.Limits{Header: patience, Idle: patience, Write: patience, HeaderBytes: 16 << 10}

// served is a server with net/http behind it.
type served struct {
	*keepalive.Server
	rest    *http.Server
	address string
	logged  *lines
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return listener
}

// start serves a handler on the loop.
func start(tb testing.TB, h http.Handler, limits keepalive.Limits) *served {
	tb.Helper()
	listener, logged := listen(tb), new(lines)
	to := slog.NewTextHandler(logged, nil)
	s := &served{
		keepalive.New(listener, h, limits, slog.New(to)),
		&http.Server{Handler: h, ReadHeaderTimeout: limits.Header, MaxHeaderBytes: limits.HeaderBytes, ErrorLog: slog.NewLogLogger(to, slog.LevelWarn)},
		listener.Addr().String(), logged,
	}
	var all sync.WaitGroup
	for _, serve := range []func() error{s.Serve, func() error { return s.rest.Serve(s.Rest()) }} {
		all.Go(func() {
			if err := serve(); !errors.Is(err, http.ErrServerClosed) {
				tb.Errorf("serving ended with %v", err)
			}
		})
	}
	tb.Cleanup(func() {
		_ = s.Close()
		_ = s.rest.Close()
		all.Wait()
	})
	return s
}

// startAlone serves a handler with net/http alone.
func startAlone(tb testing.TB, h http.Handler) (address string) {
	tb.Helper()
	listener := listen(tb)
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: patience, MaxHeaderBytes: usual.HeaderBytes, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn),
	}
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func dial(tb testing.TB, address string) *net.TCPConn {
	tb.Helper()
	dialed, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = dialed.Close() })
	if err := dialed.SetDeadline(time.Now().Add(patience)); err != nil {
		tb.Fatal(err)
	}
	connection, ok := dialed.(*net.TCPConn)
	if !ok {
		tb.Fatalf("a connection over TCP is a %T", dialed)
	}
	return connection
}

// told is an answer: everything of it but when it was given.
type told struct {
	status int
	header http.Header
	body   string
}

func (a told) String() string { return fmt.Sprintf("%d %v %q", a.status, a.header, a.body) }

// exchange sends bytes over a connection, ends sending, and returns the answers.
// whole is false where the connection broke off.
func exchange(tb testing.TB, address, sent string) (answers []told, whole bool) {
	tb.Helper()
	connection := dial(tb, address)
	defer func() { _ = connection.Close() }()
	var methods []string
	for line := range strings.Lines(sent) {
		if method, _, ok := strings.Cut(line, " "); ok && strings.HasSuffix(line, " HTTP/1.1\r\n") {
			methods = append(methods, method)
		}
	}
	go func() {
		_, _ = io.WriteString(connection, sent) // it may be closed before all is written
		_ = connection.CloseWrite()
	}()
	for reader := bufio.NewReader(connection); ; {
		if _, err := reader.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				return answers, true
			}
			return answers, false
		}
		// That an answer has no body depends on what is asked for.
		request := &http.Request{Method: http.MethodGet}
		if len(methods) > len(answers) {
			request.Method = methods[len(answers)]
		}
		response, err := http.ReadResponse(reader, request)
		if err != nil {
			return answers, false
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return answers, false
		}
		if response.Header.Get("Date") == "" && response.StatusCode < http.StatusBadRequest {
			tb.Errorf("an answer to %q has no date", sent)
		}
		response.Header.Del("Date")
		answers = append(answers, told{response.StatusCode, response.Header, string(body)})
	}
}

// mirror answers with everything that it knows of a request, in all ways that a
// handler can answer.
var mirror = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s %s %s %s %v %d %v %q\n", r.Method, r.RequestURI, r.URL, r.Host, r.Proto, r.Close, r.ContentLength, r.TransferEncoding, body)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&text, "%s: %q\n", name, r.Header[name])
	}
	h := w.Header()
	switch r.URL.Query().Get("as") {
	case "long":
		text.WriteString(strings.Repeat("long ", 20_000))
		h.Set("Content-Length", strconv.Itoa(text.Len()))
		_, _ = io.WriteString(w, text.String())
	case "parts":
		h["Content-Length"] = []string{strconv.Itoa(2 * text.Len())}
		_, _ = io.WriteString(w, text.String())
		_, _ = io.WriteString(w, text.String())
	case "chunks":
		for range 100 {
			_, _ = io.WriteString(w, text.String()+strings.Repeat(" ", 1000))
		}
	case "empty":
	case "204":
		w.WriteHeader(http.StatusNoContent)
	case "304":
		h.Set("Etag", `"a"`)
		h.Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotModified)
	case "close":
		h.Set("Connection", "close")
		w.WriteHeader(http.StatusTeapot)
	case "few":
		h.Set("Content-Length", "10")
		_, _ = io.WriteString(w, "few")
	case "many":
		h.Set("Content-Length", "3")
		if _, err := io.WriteString(w, "too many"); err == nil {
			_, _ = io.WriteString(w, "no error")
		}
		_, _ = io.WriteString(w, "few")
	case "forged":
		h["X"] = []string{"a\r\nY: b", "c\nd"}
		h["Bad Name"] = []string{"x"}
		h.Set("Content-Type", "a/b")
		w.WriteHeader(599)
	default:
		_, _ = io.WriteString(w, text.String())
	}
})

func checkSame(t *testing.T, loop, alone, sent string) {
	t.Helper()
	got, gotWhole := exchange(t, loop, sent)
	want, wantWhole := exchange(t, alone, sent)
	if !gotWhole || !wantWhole { // what a reset leaves of the answers before it is chance
		n := min(len(got), len(want))
		got, want = got[:n], want[:n]
	}
	// Of less than four bytes behind a request net/http says nothing when no more come.
	if n := len(got) - 1; n > 0 && n == len(want) && got[n].status == http.StatusBadRequest {
		got = got[:n]
	}
	if !slices.EqualFunc(got, want, func(a, b told) bool { return a.String() == b.String() }) {
		t.Errorf("after %q\nthe loop says  %v\nnet/http says %v", sent, got, want)
	}
}

const next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"

func ask(target, fields string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"
}

// attacks are bytes that servers are known to have read in two ways.
var attacks = []string{
	"", "\r\n", "\x00", next, next + next + next, next[:20], next + next[:30],
	ask("/?as=long", "") + next, ask("/?as=parts", "") + next, ask("/?as=chunks", "") + next, ask("/?as=empty", "") + next,
	ask("/?as=204", "") + next, ask("/?as=304", "") + next, ask("/?as=close", "") + next, ask("/?as=few", "") + next,
	ask("/?as=many", "") + next, ask("/?as=forged", "") + next,
	"HEAD /?as=long HTTP/1.1\r\nHost: x\r\n\r\n" + next,
	"HEAD /?as=304 HTTP/1.1\r\nHost: x\r\n\r\n" + next,
	"HEAD /?as=empty HTTP/1.1\r\nHost: x\r\n\r\n" + next,
	"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + next,
	"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n" + next,
	"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + next,
	ask("/", "Connection: close\r\n") + next,
	ask("/", "Connection: keep-alive\r\n") + next,
	ask("/", "Connection: keep-alive, close\r\n") + next,
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + next,
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next,
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + next,
	next + "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next,
	ask("/", "Content-Length: 33\r\n") + next,
	ask("/", "Content-Length: 0\r\n") + next,
	ask("/", "Content-Length: 0\r\nContent-Length: 33\r\n") + next,
	ask("/", "Content-Length : 33\r\n") + next,
	ask("/", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n" + next,
	ask("/", "Transfer-Encoding : chunked\r\n") + "0\r\n\r\n" + next,
	ask("/", "Transfer-Encoding: xchunked\r\n") + next,
	ask("/", "X: y\r\n Transfer-Encoding: chunked\r\n") + next,
	ask("/", "X: y\rTransfer-Encoding: chunked\r\n") + next,
	ask("/", "X: y\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" + next,
	ask("/", "X: \x00\r\n") + next,
	ask("/", "X: ä\r\n") + next,
	ask("/", "Host: y\r\n") + next,
	ask("/", "Expect: 100-continue\r\n") + next,
	ask("/", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n") + next,
	ask("http://y/", "") + next,
	ask("/a\x0bb", "") + next,
	ask("/a b", "") + next,
	ask("/%zz", "") + next,
	ask("//x/../y?as=1#z", "") + next,
	"GET / HTTP/1.1\nHost: x\n\n" + next,
	"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + next,
	"GET / HTTP/1.1\r\n\r\n" + next,
	"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 600) + "\r\n" + next,
	"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 15<<10) + "\r\n\r\n" + next,
	"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 17<<10) + "\r\n\r\n" + next,
	"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 64<<10) + "\r\n\r\n" + next,
	strings.Repeat(next, 300),
}

// Whatever comes over a connection, it is answered as net/http alone answers it, to
// the same end. Tests run what is listed; `make fuzz` looks for more.
func FuzzTheSameAnswersAsNetHTTP(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	loop, alone := start(f, mirror, usual).address, startAlone(f, mirror)
	f.Fuzz(func(t *testing.T, sent string) { checkSame(t, loop, alone, sent) })
}

// It does not matter in how many pieces requests come.
func TestRequestsInPieces(t *testing.T) {
	sent := ask("/1", "X: y\r\n") + ask("/2", "") + "HEAD /3 HTTP/1.1\r\nHost: x\r\n\r\n" + ask("/4", "Connection: close\r\n")
	s := start(t, mirror, usual)
	want, _ := exchange(t, s.address, sent)
	if len(want) != 4 {
		t.Fatalf("got %v", want)
	}
	for _, size := range []int{1, 7, 60} {
		connection := dial(t, s.address)
		if err := connection.SetNoDelay(true); err != nil {
			t.Fatal(err)
		}
		for piece := range slices.Chunk([]byte(sent), size) {
			if _, err := connection.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		reader := bufio.NewReader(connection)
		for i, method := range []string{"GET", "GET", "HEAD", "GET"} {
			response, err := http.ReadResponse(reader, &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != want[i].body {
				t.Errorf("in pieces of %d, answer %d is %q (%v), want %q", size, i, body, err, want[i].body)
			}
			_ = response.Body.Close()
		}
	}
}

// A handler that panics costs its connection, and is told of.
func TestPanicsAreSurvived(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X", "y")
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/panic":
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "begun")
			panic("on purpose")
		}
	}), usual)
	for _, path := range []string{"/abort", "/panic"} {
		if answers, _ := exchange(t, s.address, next+next+ask(path, "")+next); len(answers) != 2 {
			t.Errorf("with two requests before, %s is answered with %v", path, answers)
		}
		if told := strings.Contains(s.logged.String(), "on purpose"); told != (path == "/panic") {
			t.Errorf("after %s the log has %q", path, s.logged)
		}
	}
	if answers, _ := exchange(t, s.address, next); len(answers) != 1 {
		t.Error("it does not serve any more")
	}
}

// waiter is a handler that answers when it is told to.
type waiter struct{ came, goOn chan struct{} }

func newWaiter() *waiter { return &waiter{make(chan struct{}, 10), make(chan struct{})} }

func (h *waiter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.came <- struct{}{}
	if r.URL.Path == "/wait" {
		<-h.goOn
	}
	_, _ = io.WriteString(w, r.URL.Path)
}

// Shutting down ends what is idle, and waits for everything that has come: requests
// that are being answered, connections that are being handed over, and the first
// request of those over which nothing came yet.
func TestShuttingDown(t *testing.T) {
	h := newWaiter()
	s := start(t, h, usual)
	idle, busy, late := dial(t, s.address), dial(t, s.address), dial(t, s.address)
	read := func(from *net.TCPConn) string {
		response, err := http.ReadResponse(bufio.NewReader(from), nil)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		return fmt.Sprintf("%s %v", body, response.Close)
	}
	write := func(to *net.TCPConn, request string) {
		if _, err := io.WriteString(to, request); err != nil {
			t.Fatal(err)
		}
	}
	write(idle, next)
	if got := read(idle); got != "/next false" {
		t.Fatalf("got %s", got)
	}
	write(busy, ask("/wait", ""))
	<-h.came
	<-h.came
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that was idle: %v", err)
	}
	write(late, next)
	if got := read(late); got != "/next true" {
		t.Errorf("the first request is answered with %s", got)
	}
	select {
	case err := <-done:
		t.Fatalf("it is done, with %v, while a request is open", err)
	default:
	}
	close(h.goOn)
	if got := read(busy); got != "/wait true" {
		t.Errorf("what was being answered came to %s", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// When time is up, shutting down fails, and closing ends everything.
func TestClosing(t *testing.T) {
	h := newWaiter()
	defer close(h.goOn)
	s := start(t, h, usual)
	busy := dial(t, s.address)
	if _, err := io.WriteString(busy, ask("/wait", "")); err != nil {
		t.Fatal(err)
	}
	<-h.came
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("shutting down came to %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := busy.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that was closed: %v", err)
	}
}

// Connections are handed over while the server shuts down, too.
func TestShuttingDownWaitsForWhatIsHandedOver(t *testing.T) {
	h := newWaiter()
	s := start(t, h, usual)
	fresh := dial(t, s.address)
	known := dial(t, s.address)
	if _, err := io.WriteString(known, next); err != nil {
		t.Fatal(err)
	}
	<-h.came // so the other has been accepted too
	done := make(chan error, 1)
	go func() { done <- errors.Join(s.Shutdown(t.Context()), s.rest.Shutdown(t.Context())) }()
	if _, err := io.Copy(io.Discard, known); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(fresh, "POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(fresh); err != nil || !bytes.Contains(body, []byte("/next")) {
		t.Errorf("it is answered with %q, %v", body, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whatever is put is sent, beside what is in the map.
func TestPuttingFields(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		to, ok := w.(keepalive.ResponseWriter)
		if !ok {
			t.Errorf("it is a %T", w)
			return
		}
		w.Header().Set("A", "1")
		to.Put("B", []string{"2", "3\r\nC: 4"})
		to.Put("Content-Type", []string{"text/css"})
		to.Put("Content-Length", []string{"2"})
		_, _ = io.WriteString(w, "ok")
	}), usual)
	want := told{200, http.Header{
		"A": {"1"}, "B": {"2", "3  C: 4"}, "Content-Type": {"text/css"}, "Content-Length": {"2"},
	}, "ok"}
	if got, _ := exchange(t, s.address, next+next); len(got) != 2 || got[0].String() != want.String() || got[1].String() != want.String() {
		t.Errorf("got %v, want twice %v", got, want)
	}
}

// Fields made ahead are sent, and copied, as each would be alone.
func TestFieldsMadeAhead(t *testing.T) {
	fields := keepalive.NewFields(http.Header{"A": {"1", "2\r\nB: 3"}, "Content-Type": {"text/css"}})
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to, ok := w.(keepalive.ResponseWriter); ok && r.URL.Path == "/next" {
			to.PutAll(fields)
		} else {
			fields.CopyTo(w.Header())
		}
		_, _ = io.WriteString(w, "ok")
	}), usual)
	want := told{200, http.Header{"A": {"1", "2  B: 3"}, "Content-Type": {"text/css"}, "Content-Length": {"2"}}, "ok"}
	got, _ := exchange(t, s.address, next+ask("/copied", ""))
	if len(got) != 2 || got[0].String() != want.String() || got[1].String() != want.String() {
		t.Errorf("got %v, want twice %v", got, want)
	}
}
