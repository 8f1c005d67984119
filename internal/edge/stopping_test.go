package edge_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"

	"ovenbird/internal/edge"
)

// An edge that withdraws serves documents and ends connections.
func TestAnEdgeWithdraws(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	s.get("/readyz").want(t, http.StatusOK, "")
	if end := s.get("/FI/tv/titles/t1.json").header.Get("Connection"); end != "" {
		t.Errorf("before, an answer says Connection: %s", end)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	withdrawal := edge.Withdrawal{Edge: s.edge, Delay: time.Hour}
	if err := withdrawal.Stop(ended); err != nil {
		t.Error(err)
	}
	s.get("/readyz").want(t, http.StatusServiceUnavailable, "")
	s.get("/healthz").want(t, http.StatusOK, "")
	got := s.get("/FI/tv/titles/t1.json")
	got.want(t, http.StatusOK, finnish)
	if end := got.header.Get("Connection"); end != "close" {
		t.Errorf("the answer says Connection: %s", end)
	}
	files, _ := writeCertificate(t, t.TempDir(), "edge.example")
	f := newFramer(t, startTLS(t, s.edge, files))
	f.request(1)
	if end, ok := f.until(http2.FrameGoAway).(*http2.GoAwayFrame); !ok || end.ErrCode != http2.ErrCodeNo {
		t.Errorf("over HTTP/2 it says %v", end)
	}
}

// What has begun over HTTP/3 is answered to its end.
func TestStoppingWaitsForAnswersOverHTTP3(t *testing.T) {
	came, goOn := make(chan struct{}, 1), make(chan struct{})
	server := edge.NewServer("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begun, ")
		select {
		case came <- struct{}{}:
		default: // not the first
		}
		<-goOn
		_, _ = io.WriteString(w, "done")
	}), nil)
	files, pool := writeCertificate(t, t.TempDir(), "edge.example")
	files.HTTP3 = true
	if err := server.UseTLS(files); err != nil {
		t.Fatal(err)
	}
	server.WaitForLeaving(patience)
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	transport := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
	defer func() { _ = transport.Close() }()
	got := make(chan string, 1)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), http.NoBody)
		response, err := transport.RoundTrip(r)
		if err != nil {
			got <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			body = append(body, err.Error()...)
		}
		got <- string(body)
	}()
	<-came
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(t.Context()) }()
	eventually(t, "it takes no new connections", func() bool {
		another := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
		defer func() { _ = another.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL(), http.NoBody)
		response, err := another.RoundTrip(r)
		if err == nil {
			_ = response.Body.Close()
		}
		return err != nil
	})
	close(goOn)
	if body := <-got; body != "begun, done" {
		t.Errorf("got %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
