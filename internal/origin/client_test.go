package origin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// say answers with a text.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// serve starts a server that stands in for an origin which does not behave.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func TestAClientReadsWhatTheBucketHas(t *testing.T) {
	w := newWorld(t, Config{})
	c := w.client()
	if _, err := c.Version(t.Context(), release.HeadKey); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("before the first release: %v", err)
	}
	version := w.publish(1)
	until(t, "the origin has the head", func() bool { return w.current.Load().version != "" })
	for range 2 { // the second time it is known already
		body, got, err := c.Read(t.Context(), release.HeadKey)
		if err != nil || string(got) != version || !strings.Contains(string(body), w.last.Manifest().ID) {
			t.Errorf("the head: %q, %v, want %q", got, err, version)
		}
	}
	key := release.PackKey(w.last.Ref().Pack)
	want, wantVersion, err := w.bucket.Read(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if body, got, err := c.Read(t.Context(), key); err != nil || got != wantVersion || !bytes.Equal(body, want) {
		t.Errorf("a pack: %q, %v", got, err)
	}
	if part, err := c.ReadRange(t.Context(), key, 3, 5); err != nil || !bytes.Equal(part, want[3:8]) {
		t.Errorf("a part: %q, %v", part, err)
	}
	if part, err := c.ReadRange(t.Context(), key, 3, 0); err != nil || len(part) != 0 {
		t.Errorf("no part: %q, %v", part, err)
	}
	for _, beyond := range [][2]int64{{int64(len(want)) - 1, 2}, {int64(len(want)), 1}, {-1, 1}, {0, -1}} {
		if part, err := c.ReadRange(t.Context(), key, beyond[0], beyond[1]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes at %d: %q, %v", beyond[1], beyond[0], part, err)
		}
	}
	if info, err := c.Stat(t.Context(), key); err != nil || info.Size != int64(len(want)) {
		t.Errorf("its size: %d, %v", info.Size, err)
	}
	if _, err := c.Stat(t.Context(), release.PackKey(release.HashOf([]byte("x")))); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("a pack that is not there: %v", err)
	}
}

func TestAnOriginThatMisbehavesIsAnErrorAndAnotherIsAsked(t *testing.T) {
	w := newWorld(t, Config{})
	version := w.publish(1)
	until(t, "the origin has the head", func() bool { return w.current.Load().version != "" })
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the client followed a redirect, with %q", r.Header.Get("Authorization"))
	})
	gone := serve(t, nil)
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	for name, url := range map[string]string{
		"it is not there": strings.Replace(gone, "127.0.0.1", "127.0.0.99", 1),
		"it refuses": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
		}),
		"it does not have it": serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }),
		"it answers what was not asked": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotModified)
		}),
		"it talks nonsense": serve(t, func(w http.ResponseWriter, _ *http.Request) { say(w, "<html>welcome") }),
		"it sends elsewhere": serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}),
		"it says nothing": serve(t, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-ended:
			}
		}),
		"it stops in the middle": serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			say(w, "{")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-ended:
			}
		}),
		"it breaks off": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			say(w, "{")
		}),
		"it has too much": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for range maxHead / (1 << 10) {
				say(w, strings.Repeat(" ", 1<<10))
			}
			say(w, "{}")
		}),
	} {
		alone := newClient(t, url)
		if body, _, err := alone.Read(t.Context(), release.HeadKey); err == nil {
			t.Errorf("%s: it was taken for a head: %.100s", name, body)
		}
		both := newClient(t, url, w.server.URL)
		for range 2 {
			if _, got, err := both.Read(t.Context(), release.HeadKey); err != nil || string(got) != version {
				t.Errorf("%s, and another is asked: %q, %v", name, got, err)
			}
		}
		if both.preferred.Load() != 1 {
			t.Errorf("%s, and it stays the first to be asked", name)
		}
	}
}

// An origin that missed the last release, or a proxy's copy, does not take an edge back.
func TestAHeadThatIsOlderThanOneThatWasSeenIsNotTaken(t *testing.T) {
	w := newWorld(t, Config{})
	w.publish(1)
	until(t, "the origin has the head", func() bool { return w.current.Load().head.Sequence == 1 })
	old := w.current.Load().body
	behind := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(old) })
	version := w.publish(2)
	until(t, "the origin has the next head", func() bool { return w.current.Load().head.Sequence == 2 })
	c := newClient(t, behind, w.server.URL)
	if _, _, err := c.Read(t.Context(), release.HeadKey); err != nil {
		t.Fatalf("the older one, where no newer is known: %v", err)
	}
	c.prefer(1)
	if _, got, err := c.Read(t.Context(), release.HeadKey); err != nil || string(got) != version {
		t.Fatalf("the newer one: %q, %v", got, err)
	}
	c.prefer(0)
	if _, got, err := c.Read(t.Context(), release.HeadKey); err != nil || string(got) != version {
		t.Errorf("from the other, because one is behind: %q, %v", got, err)
	}
	w.server.Close()
	c.prefer(0)
	if _, got, err := c.Read(t.Context(), release.HeadKey); err == nil || !strings.Contains(err.Error(), "it is behind") {
		t.Errorf("where all are behind or gone: %q, %v", got, err)
	}
}

// That a pack is not in one place says nothing where another could not be asked.
func TestWhatMayBeSomewhereElseIsNotCalledMissing(t *testing.T) {
	empty := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	if _, _, err := newClient(t, empty, broken).Read(t.Context(), release.HeadKey); err == nil || errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, _, err := newClient(t, empty, empty).Read(t.Context(), release.HeadKey); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestTheTokenMayBeReplaced(t *testing.T) {
	w := newWorld(t, Config{})
	w.publish(1)
	var replaced atomic.Bool
	c, err := NewClient(ClientConfig{URLs: []string{w.server.URL + "/"}, Token: func() (string, error) {
		if replaced.Load() {
			return goodToken, nil
		}
		return "wrong", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, _, err := c.Read(t.Context(), release.HeadKey); err == nil || !strings.Contains(err.Error(), "nobody knows it") {
		t.Errorf("with a wrong one: %v", err)
	}
	replaced.Store(true)
	until(t, "with the right one", func() bool {
		_, _, err := c.Read(t.Context(), release.HeadKey)
		return err == nil
	})
}

func TestAddressesThatAreWrongAreRefused(t *testing.T) {
	token := func() (string, error) { return goodToken, nil }
	for _, urls := range [][]string{
		nil, {""}, {"origin.example.org"}, {"ftp://origin"}, {"http://"}, {"http://a:b@origin"}, {"http://origin?token=x"}, {"http://o", "x"},
	} {
		if _, err := NewClient(ClientConfig{URLs: urls, Token: token}); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%q: %v", urls, err)
		}
	}
}

// listen starts a listener that counts what it is told.
func listen(t *testing.T, c *Client) (told *atomic.Int64, stop func()) {
	t.Helper()
	told = &atomic.Int64{}
	l := NewListener(c, func() { told.Add(1) }, nil)
	if err := l.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = l.Stop(context.WithoutCancel(t.Context()))
		}
	}
	t.Cleanup(stop)
	return told, stop
}

func TestAListenerIsToldByWhicheverOriginIsThere(t *testing.T) {
	w := newWorld(t, Config{})
	gone := serve(t, nil)
	c := newClient(t, strings.Replace(gone, "127.0.0.1", "127.0.0.99", 1), w.server.URL)
	told, stop := listen(t, c)
	until(t, "it has subscribed", func() bool { return w.subscribers.Load() == 1 })
	for n := range int64(3) {
		w.publish(int(n))
		until(t, "news", func() bool { return told.Load() == n+1 })
	}
	if c.preferred.Load() != 1 {
		t.Error("the origin that had news is not asked first")
	}
	stop()
	until(t, "it has left", func() bool { return w.subscribers.Load() == 0 })
}

func TestAListenerGoesOnWhereItWasWhenTheOriginComesBack(t *testing.T) {
	w := newWorld(t, Config{})
	w.publish(1)
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	first := &http.Server{Handler: w.Origin, ReadHeaderTimeout: time.Second}
	go func() { _ = first.Serve(listener) }()
	told, _ := listen(t, newClient(t, "http://"+address))
	until(t, "news", func() bool { return told.Load() == 1 })
	_ = first.Close()

	var resumed atomic.Value
	listener, err = lc.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	second := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		resumed.Store(r.Header.Get("Last-Event-ID"))
		w.ServeHTTP(answer, r)
	})}
	t.Cleanup(func() { _ = second.Close() })
	go func() { _ = second.Serve(listener) }()
	until(t, "it comes back", func() bool { return resumed.Load() != nil })
	if resumed.Load() != string(w.current.Load().version) {
		t.Errorf("it says that it knows %q", resumed.Load())
	}
	w.publish(2)
	until(t, "news", func() bool { return told.Load() == 2 })
}

func TestNonsenseInAStreamIsNoNews(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if asked.Add(1) > 1 {
			say(w, strings.Repeat("x", 10*maxLine)) // a line without end
			return
		}
		say(w, "\n\n:\ndata\nid\nevent: head\n\n"+ // no id
			"event: head\nid: 1\ndata: nonsense\n\n"+
			"event: other\nid: 2\ndata: {}\n\n"+
			"event: head\nid: 3\ndata: {\"sequence\":7}\n\n"+ // news
			"event: head\nid: 3\ndata: {\"sequence\":7}\n\n"+ // again
			"event: head\nid: 4\ndata: {\"sequence\":-1}\n\nid: \xff\x00")
	})
	told, stop := listen(t, newClient(t, url))
	until(t, "it has asked again, and once more", func() bool { return asked.Load() >= 3 })
	stop()
	if told.Load() != 1 {
		t.Errorf("it was told %d times, want once", told.Load())
	}
}
