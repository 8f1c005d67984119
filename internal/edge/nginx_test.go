package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/edge"
)

// front is nginx in front of an edge, with one connection between them that it
// uses over and over: where the two disagree about where a request ends, one
// client's bytes become another's request.
type front struct {
	address string

	mu    sync.Mutex
	seen  map[string]bool // ids that nginx gave to what came to the edge
	alien []string        // requests that came to the edge and that nginx did not send
}

// nginx is where Debian has it.
const nginx = "/usr/sbin/nginx"

// frontConfig makes nginx pass on what it would rather not, as it comes, and wait
// for little.
const frontConfig = `
daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log stderr crit;
events { worker_connections 256; }
http {
	access_log off; ignore_invalid_headers off; underscores_in_headers on;
	client_header_timeout 200ms; client_body_timeout 200ms; keepalive_timeout 200ms; send_timeout 2s; lingering_close off; proxy_read_timeout 2s;
	client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
	upstream edge { server %[2]s; keepalive 1; }
	server {
		listen %[3]s;
		location / {
			proxy_pass http://edge; proxy_http_version 1.1; proxy_request_buffering off;
			proxy_set_header Connection ""; proxy_set_header X-Front $request_id;
		}
	}
}
`

// startFront starts an edge and nginx in front of it.
func startFront(tb testing.TB) *front {
	tb.Helper()
	if _, err := os.Stat(nginx); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal(err)
		}
		tb.Skip("scripts/tools installs nginx")
	}
	f := &front{seen: make(map[string]bool), address: freeAddress(tb)}
	s := newSite(tb, edge.Config{})
	s.serve(world)
	server := edge.NewServer("127.0.0.1:0", f.watch(s.edge), nil)
	server.UseLoop()
	if err := server.Start(tb.Context(), func(err error) { tb.Error(err) }); err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, frontConfig, dir, server.Addr(), f.address), 0o600); err != nil {
		tb.Fatal(err)
	}
	command := exec.CommandContext(tb.Context(), nginx, "-p", dir, "-c", file, "-e", "stderr")
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		_ = server.Stop(context.WithoutCancel(tb.Context()))
	})
	for {
		connection, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", f.address)
		if err == nil {
			_ = connection.Close()
			return f
		}
		if tb.Context().Err() != nil {
			tb.Fatal(err)
		}
	}
}

// freeAddress returns an address that nobody listens at.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// watch notes what comes to the edge, and tells in each answer what it is for.
func (f *front) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := strings.Join(r.Header["X-Front"], ",")
		f.mu.Lock()
		if len(id) != 32 || f.seen[id] {
			f.alien = append(f.alien, r.Method+" "+r.RequestURI)
		}
		f.seen[id] = true
		f.mu.Unlock()
		w.Header().Set("X-For", r.RequestURI)
		h.ServeHTTP(w, r)
	})
}

// attack sends bytes to nginx, reads what comes until nginx has had enough, and
// then asks for a document as somebody else.
func (f *front) attack(tb testing.TB, attack string) {
	tb.Helper()
	connection := dial(tb, f.address)
	go func() { _, _ = io.WriteString(connection, attack) }()
	if _, err := io.Copy(io.Discard, connection); errors.Is(err, os.ErrDeadlineExceeded) {
		tb.Error("nginx waits")
	}
	_ = connection.Close()
	for range 2 {
		f.probe(tb, attack)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alien != nil {
		tb.Errorf("after %q the edge took for requests: %q", attack, f.alien)
		f.alien = nil
	}
	clear(f.seen)
}

func (f *front) probe(tb testing.TB, attack string) {
	tb.Helper()
	address := fmt.Sprintf("/FI/tv/titles/t1.json?%d", time.Now().UnixNano())
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+f.address+address, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("X-For") != address || string(body) != finnish {
		tb.Errorf("after %q somebody else who asked for %s got %s for %q: %q (%v)",
			attack, address, response.Status, response.Header.Get("X-For"), body, err)
	}
}

// Whatever a client sends through nginx, the edge takes nothing for a request that
// nginx did not, and nobody gets another's answer. Tests run what is listed; `make
// fuzz` looks for more.
func FuzzNothingIsSmuggledThroughNginx(f *testing.F) {
	const poison = "GET /poison HTTP/1.1\r\nHost: x\r\nX: "
	const post, get = "POST / HTTP/1.1\r\nHost: x\r\n", "GET /FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n"
	size := fmt.Sprintf("Content-Length: %d\r\n", len(poison))
	for _, attack := range []string{
		get + "\r\n" + poison,
		get + size + "\r\n" + poison,
		get + size + "Expect: 100-continue\r\n\r\n" + poison,
		post + size + "\r\n" + poison,
		post + size + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison,
		post + "Content-Length: 0\r\n" + size + "\r\n" + poison,
		post + "Content-Length : 5\r\n\r\n" + poison,
		post + "Content_Length: 500\r\n" + size + "\r\n" + poison,
		post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison,
		post + "Transfer-Encoding: chunked\r\n\r\n0;x=\n" + poison,
		post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n" + poison,
		post + "Transfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n" + poison,
		post + "Transfer-Encoding : chunked\r\n" + size + "\r\n0\r\n\r\n" + poison,
		post + "Transfer-Encoding:\x0bchunked\r\n" + size + "\r\n0\r\n\r\n" + poison,
		post + "Transfer_Encoding: chunked\r\n" + size + "\r\n0\r\n\r\n" + poison,
		post + "X: y\rTransfer-Encoding: chunked\r\n" + size + "\r\n0\r\n\r\n" + poison,
		post + "X: y\nTransfer-Encoding: chunked\n\n0\r\n\r\n" + poison,
		post + "X-Front: 0123456789abcdef0123456789abcdef\r\n\r\n" + poison,
		"GET /FI/tv/titles/t1.json HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison,
		"HEAD /FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n" + size + "\r\n" + poison,
		"GET /FI/tv/titles/t1.json%20HTTP/1.1%0d%0aHost:%20x%0d%0a%0d%0a HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /a\rb\x00c HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://y/FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n\r\n",
		get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + poison,
		get + "Range: bytes=0-0\r\nIf-None-Match: *\r\n" + size + "\r\n" + poison,
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + size + "\r\n" + poison,
	} {
		f.Add(attack)
	}
	behind := startFront(f)
	f.Fuzz(func(t *testing.T, attack string) { behind.attack(t, attack) })
}
