package edge_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"ovenbird/internal/edge"
	"ovenbird/internal/lifecycle"
)

func start(t *testing.T, h http.Handler) (server *edge.Server, url string) {
	t.Helper()
	server = edge.NewServer("127.0.0.1:0", h, slog.New(slog.DiscardHandler))
	server.UseLoop()
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	return server, "http://" + server.Addr().String()
}

func fetch(t *testing.T, url string) (header http.Header, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	all, err := io.ReadAll(response.Body)
	return response.Header, string(all), err
}

func TestServerServesUntilItIsStopped(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	server, url := start(t, s.edge)
	if server.URL() != url {
		t.Errorf("it says that it is at %s, and is at %s", server.URL(), url)
	}
	header, body, err := fetch(t, url+"/FI/tv/titles/t1.json")
	if err != nil || body != finnish || header.Get("Date") == "" {
		t.Errorf("got %v %q %v", header, body, err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, _, err := fetch(t, url+"/FI/tv/titles/t1.json"); err == nil {
		t.Error("it still answers")
	}
}

func TestStoppingWaitsForAnswersUntilTheDeadline(t *testing.T) {
	came, goOn := make(chan struct{}, 1), make(chan struct{})
	server, url := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		came <- struct{}{}
		<-goOn
		_, _ = io.WriteString(w, "done")
	}))
	got := make(chan string)
	go func() {
		_, body, _ := fetch(t, url)
		got <- body
	}()
	<-came
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(ended); err == nil {
		t.Error("stopping with a request open and no time left succeeded")
	}
	close(goOn)
	if body := <-got; body != "" {
		t.Errorf("a connection that was closed answered %q", body)
	}
}

func TestListeningWhereSomebodyDoesFails(t *testing.T) {
	first, url := start(t, http.NotFoundHandler())
	second := edge.NewServer(strings.TrimPrefix(url, "http://"), http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err := second.Start(t.Context(), func(err error) { t.Error(err) }); err == nil {
		t.Error("two servers listen at one address")
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// The whole, as a program puts it together: an edge and its server in a group.
func TestEdgeAndServerLiveAndDieTogether(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.publish(world)
	server := edge.NewServer("127.0.0.1:0", s.edge, nil)
	server.UseLoop()
	var group lifecycle.Group
	group.Add("edge", s.edge)
	group.Add("server", server)
	ctx, cancel := context.WithCancel(t.Context())
	err := group.Run(ctx, func() {
		defer cancel()
		if _, body, err := fetch(t, "http://"+server.Addr().String()+"/FI/tv/titles/t1.json"); err != nil || body != finnish {
			t.Errorf("got %q %v", body, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
