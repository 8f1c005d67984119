package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/admin"
	"ovenbird/internal/database/databasetest"
)

// follower is somebody who follows the feed over a real connection.
type follower struct {
	t      testing.TB
	status int
	header http.Header
	lines  *bufio.Scanner
}

func (w *world) serve() *httptest.Server {
	server := httptest.NewServer(w.api)
	w.t.Cleanup(server.Close)
	return server
}

func (w *world) follow(ctx context.Context, server *httptest.Server, path string, headers ...string) *follower {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+admin.Prefix+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.tokens[admin.Viewer])
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = response.Body.Close() })
	return &follower{w.t, response.StatusCode, response.Header, bufio.NewScanner(response.Body)}
}

// ids reads n events and returns their ids.
func (f *follower) ids(n int) string {
	f.t.Helper()
	var ids []string
	for len(ids) < n && f.lines.Scan() {
		if id, ok := strings.CutPrefix(f.lines.Text(), "id: "); ok {
			ids = append(ids, id)
		}
	}
	return strings.Join(ids, " ")
}

func TestTheFeedIsFollowed(t *testing.T) {
	w := newWorld(t)
	server := w.serve()
	for i := range 3 {
		w.create(fmt.Sprintf("/titles/t%d", i), `{"kind":"movie"}`)
	}
	all := w.follow(t.Context(), server, "/changes/stream?after=0")
	if got := all.header.Get("Content-Type"); all.status != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%d %s", all.status, got)
	}
	if got := all.ids(3); got != "1 2 3" {
		t.Errorf("from the beginning: %s", got)
	}
	resumed := w.follow(t.Context(), server, "/changes/stream?after=0", "Last-Event-ID", "2")
	if got := resumed.ids(1); got != "3" {
		t.Errorf("resumed after 2: %s", got)
	}
	fresh := w.follow(t.Context(), server, "/changes/stream")
	w.create("/titles/t3", `{"kind":"movie"}`)
	for name, f := range map[string]*follower{"all": all, "resumed": resumed, "fresh": fresh} {
		if got := f.ids(1); got != "4" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAStreamCarriesTheEntriesOfTheList(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t", `{"kind":"movie","texts":{"name":{"en":"line one\nline two"}}}`)
	f := w.follow(t.Context(), w.serve(), "/changes/stream?after=0")
	var data string
	for data == "" && f.lines.Scan() {
		data, _ = strings.CutPrefix(f.lines.Text(), "data: ")
		if !strings.HasPrefix(f.lines.Text(), "data: ") {
			data = ""
		}
	}
	if list := w.get("/changes").body; !strings.Contains(list, data) || !strings.Contains(data, `line one\nline two`) {
		t.Errorf("the stream has %s\nthe list %s", data, list)
	}
}

func TestAStreamIsKeptAlive(t *testing.T) {
	w := worldIn(t, databasetest.Empty(t), admin.Config{Heartbeat: time.Millisecond})
	f := w.follow(t.Context(), w.serve(), "/changes/stream")
	beats := 0
	for beats < 3 && f.lines.Scan() {
		if f.lines.Text() == ": alive" {
			beats++
		}
	}
	if beats < 3 {
		t.Error("it went silent")
	}
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	w := worldIn(t, databasetest.Empty(t), admin.Config{Heartbeat: time.Millisecond})
	f := w.follow(t.Context(), w.serve(), "/changes/stream")
	if f.status != http.StatusOK {
		t.Fatalf("%d", f.status)
	}
	if _, err := w.api.Tokens.Revoke(t.Context(), "viewer token"); err != nil {
		t.Fatal(err)
	}
	for f.lines.Scan() { // up to the end
	}
}

func TestTheHeadOfAStreamDoesNotLast(t *testing.T) {
	w := worldIn(t, databasetest.Empty(t), admin.Config{MaxStreams: 1})
	for range 3 {
		w.want(200, w.ask(admin.Viewer, "HEAD", "/changes/stream", ""))
	}
}

func TestStreamsEndWhenTheServerStops(t *testing.T) {
	w := newWorld(t)
	server := w.serve()
	var followers []*follower
	for range 3 {
		f := w.follow(t.Context(), server, "/changes/stream")
		followers = append(followers, f)
	}
	if err := w.api.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range followers {
		for f.lines.Scan() { // up to the end
		}
	}
	if late := w.follow(t.Context(), server, "/changes/stream"); late.status != http.StatusTooManyRequests {
		t.Errorf("after the stop: %d", late.status)
	}
}

func TestOnlySoManyFollow(t *testing.T) {
	w := worldIn(t, databasetest.Empty(t), admin.Config{MaxStreams: 2})
	server := w.serve()
	first, cancel := context.WithCancel(t.Context())
	w.follow(first, server, "/changes/stream")
	w.follow(t.Context(), server, "/changes/stream")
	if f := w.follow(t.Context(), server, "/changes/stream"); f.status != http.StatusTooManyRequests || f.header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d", f.status)
	}
	cancel() // when one has gone there is room again
	for {
		if w.follow(t.Context(), server, "/changes/stream").status == http.StatusOK {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("no room")
		}
	}
}

func TestAStreamFromNowhere(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"?after=-1", "?after=x", "?after=9999999999999999999999", "?limit=3"} {
		w.want(422, w.ask(admin.Viewer, "GET", "/changes/stream"+path, ""))
	}
	w.want(422, w.ask(admin.Viewer, "GET", "/changes/stream", "", "Last-Event-ID", "x"))
}
