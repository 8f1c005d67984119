package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"ovenbird/internal/edge"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("it does not come to it that " + what)
		}
	}
}

// limited starts a server with limits that hold for the tests' machine too.
func limited(t *testing.T, h http.Handler, limits edge.Limits, files edge.TLS, log *slog.Logger) *edge.Server {
	t.Helper()
	server := edge.NewServer("127.0.0.1:0", h, log)
	server.UseLoop()
	if err := server.UseLimits(limits); err != nil {
		t.Fatal(err)
	}
	server.HoldEverybody()
	if files != (edge.TLS{}) {
		if err := server.UseTLS(files); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	return server
}

const complete = "GET /FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n\r\n"

// exchange sends a request over a connection and reports whether it is answered.
func exchange(connection net.Conn) bool {
	if _, err := io.WriteString(connection, complete); err != nil {
		return false
	}
	_, err := io.ReadFull(connection, make([]byte, len("HTTP/1.1 200 OK")))
	return err == nil
}

// served reports whether a new connection is served.
func served(t *testing.T, server *edge.Server) bool {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		return false
	}
	defer func() { _ = connection.Close() }()
	return exchange(connection)
}

// When a client has all its connections, those go on, another is refused at once,
// and when one ends there is room for another.
func TestConnectionsAreLimited(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	for name, limits := range map[string]edge.Limits{
		"in total": {Connections: 3, PerClient: 100}, "per client": {Connections: 100, PerClient: 3},
	} {
		t.Run(name, func(t *testing.T) {
			server := limited(t, s.edge, limits, edge.TLS{}, nil)
			var open []net.Conn
			for range 3 {
				open = append(open, dial(t, server.Addr().String()))
				if !exchange(open[len(open)-1]) {
					t.Fatal("a connection within the limit is refused")
				}
			}
			if served(t, server) {
				t.Error("a connection beyond the limit is served")
			}
			if !exchange(open[0]) {
				t.Error("a connection that was open is not served any more")
			}
			_ = open[0].Close()
			eventually(t, "there is room where one left", func() bool { return served(t, server) })
		})
	}
}

// HTTP/3 has no connections but those that the same limits allow.
func TestConnectionsOverQUICAreLimited(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	files, pool := writeCertificate(t, t.TempDir(), "edge.example")
	files.HTTP3 = true
	server := limited(t, s.edge, edge.Limits{Connections: 2}, files, nil)
	ask := func() (*http3.Transport, error) {
		transport := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
		t.Cleanup(func() { _ = transport.Close() })
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL()+"/FI/tv/titles/t1.json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err == nil {
			_ = response.Body.Close()
		}
		return transport, err
	}
	first, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err == nil {
		t.Error("a third connection is served")
	}
	_ = first.Close()
	eventually(t, "there is room where one left", func() bool {
		_, err := ask()
		return err == nil
	})
}

func TestLimitsAreChecked(t *testing.T) {
	for _, wrong := range []edge.Limits{{Connections: -1}, {PerClient: -1}, {TrustedProxies: []string{"proxy"}}} {
		if err := edge.NewServer("127.0.0.1:0", http.NotFoundHandler(), nil).UseLimits(wrong); err == nil {
			t.Errorf("%+v are taken", wrong)
		}
	}
}

// Clients that break off wherever they like, and handlers that panic, leave
// nothing behind: no goroutine, no connection, and few lines in the log.
func TestBrokenConnectionsLeaveNothing(t *testing.T) {
	var logged bytes.Buffer
	server := limited(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("on purpose")
		}
		_, _ = w.Write(endless[:1<<20])
	}), edge.Limits{PerClient: 1000}, edge.TLS{}, slog.New(slog.NewTextHandler(&logged, nil)))
	before := runtime.NumGoroutine()
	for i := range 200 {
		connection := dial(t, server.Addr().String())
		_, _ = io.WriteString(connection, []string{
			"", "GET / HT", complete, complete + complete, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n", "\x00\r\n\r\n",
		}[i%6])
		if i%6 > 1 && i%4 < 2 {
			_, _ = connection.Read(make([]byte, 100))
		}
		_ = connection.SetLinger(0)
		_ = connection.Close()
	}
	eventually(t, "all connections and goroutines are gone", func() bool {
		return server.Connections() == 0 && runtime.NumGoroutine() <= before
	})
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if lines := strings.Count(logged.String(), "\n"); lines > 20 {
		t.Errorf("it logged %d lines", lines)
	}
}
