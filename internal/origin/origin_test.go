package origin

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/edge"
	"ovenbird/internal/release"
)

func TestAnEdgeServesWhatItReadsThroughTheEndpoint(t *testing.T) {
	w := newWorld(t, Config{})
	reader, err := release.NewReader(w.client())
	if err != nil {
		t.Fatal(err)
	}
	e, err := edge.New(edge.Config{}, edge.Deps{Releases: reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Follow(t.Context()); err != nil {
		t.Fatalf("before the first release: %v", err)
	}
	for n := range 3 {
		version := w.publish(n)
		until(t, "the origin has the head", func() bool { return string(w.current.Load().version) == version })
		if err := e.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/FI/tv/n.json", http.NoBody)
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, r)
		if want := fmt.Sprintf(`{"n":%d}`, n); answer.Body.String() != want {
			t.Errorf("got %d %s, want %s", answer.Code, answer.Body, want)
		}
	}
}

func TestTheEndpointServesTheHeadAndPacksOfReleasesAndNothingElse(t *testing.T) {
	w := newWorld(t, Config{})
	w.publish(1)
	until(t, "the origin has the head", func() bool { return w.current.Load().version != "" })
	stash, err := w.store.Stash(t.Context(), [][]byte{[]byte(`{"what":"bakers hand to each other"}`)})
	if err != nil {
		t.Fatal(err)
	}
	pack := Prefix + release.PackKey(w.last.Ref().Pack)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", Prefix + "head.json", 200},
		{"HEAD", Prefix + "head.json", 200},
		{"GET", pack, 200},
		{"HEAD", pack, 200},
		{"GET", Prefix + release.PackKey(stash), 404},
		{"GET", Prefix + release.PackKey(release.HashOf([]byte("x"))), 404},
		{"GET", Prefix, 404},
		{"GET", Prefix + "packs/", 404},
		{"GET", Prefix + "packs/../head.json", 404},
		{"GET", Prefix + "../../head.json", 404},
		{"GET", Prefix + "%2e%2e/head.json", 404},
		{"GET", "/head.json", 404},
		{"GET", strings.ToUpper(pack), 404},
		{"PUT", Prefix + "head.json", 405},
		{"DELETE", pack, 405},
		{"GET", Prefix + "reports", 405},
		{"POST", Prefix + "events", 405},
		{"POST", Prefix + "reports", 400}, // nothing is no report
	} {
		response := w.do(c.method, c.path)
		if response.StatusCode != c.want {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, response.Status, c.want)
		}
		if kind := response.Header.Get("Content-Type"); c.want >= 400 && kind != "application/problem+json" {
			t.Errorf("%s %s: a problem of type %q", c.method, c.path, kind)
		}
	}
}

// A slow edge reads packs of a release that went while it did.
func TestPacksOfAReleaseThatWentAreServedForAWhile(t *testing.T) {
	w := newWorld(t, Config{})
	w.publish(1)
	until(t, "the origin has the head", func() bool { return w.current.Load().version != "" })
	gone := w.last.Ref()
	if ok, err := w.shelf.has(t.Context(), gone.Pack); !ok || err != nil {
		t.Fatal(ok, err)
	}
	w.shelf.turn(nil)
	if ok, err := w.shelf.has(t.Context(), gone.Pack); !ok || err != nil {
		t.Error("the pack is not served any more", err)
	}
	w.shelf.outgoing[gone.Pack] = time.Now().Add(-grace - time.Second)
	w.shelf.turn(nil)
	if ok, err := w.shelf.has(t.Context(), gone.Pack); ok || err != nil {
		t.Error("the pack is served for ever", err)
	}
}

func TestConditionsAndRanges(t *testing.T) {
	w := newWorld(t, Config{})
	version := w.publish(1)
	until(t, "the origin has the head", func() bool { return w.current.Load().version != "" })
	ref := w.last.Ref()
	key := release.PackKey(ref.Pack)
	whole, _, err := w.bucket.Read(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	head, _, err := w.bucket.Read(t.Context(), release.HeadKey)
	if err != nil {
		t.Fatal(err)
	}
	tag := `"` + ref.Pack.String() + `"`
	for _, c := range []struct {
		key, name, value string
		status           int
		body             []byte
	}{
		{release.HeadKey, "If-None-Match", `"` + version + `"`, 304, nil},
		{release.HeadKey, "If-None-Match", `W/"` + version + `"`, 304, nil},
		{release.HeadKey, "If-None-Match", `"other"`, 200, head},
		{release.HeadKey, "Accept", "*/*", 200, head},
		{key, "Accept", "*/*", 200, whole},
		{key, "If-None-Match", tag, 304, nil},
		{key, "If-Match", `"other"`, 412, nil},
		{key, "Range", "bytes=3-9", 206, whole[3:10]},
		{key, "Range", "bytes=-7", 206, whole[len(whole)-7:]},
		{key, "Range", fmt.Sprintf("bytes=5-%d", 10*len(whole)), 206, whole[5:]},
		{key, "Range", fmt.Sprintf("bytes=%d-", len(whole)), 416, nil},
		{key, "Range", "lines=1-2", 416, nil},
	} {
		response := w.do(http.MethodGet, Prefix+c.key, [2]string{c.name, c.value})
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != c.status || c.body != nil && !bytes.Equal(body, c.body) {
			t.Errorf("%s with %s: %s: %s, %d bytes, %v; want %d, %d bytes", c.key, c.name, c.value, response.Status, len(body), err,
				c.status, len(c.body))
		}
	}
	for condition, want := range map[string]int{tag: 206, `"other"`: 200} {
		response := w.do(http.MethodGet, Prefix+key, [2]string{"Range", "bytes=0-1"}, [2]string{"If-Range", condition})
		if response.StatusCode != want {
			t.Errorf("a range if it is %s: %s, want %d", condition, response.Status, want)
		}
	}
}

func TestWithoutAGoodTokenThereIsNothing(t *testing.T) {
	w := newWorld(t, Config{})
	w.publish(1)
	for _, path := range []string{"head.json", "events", "reports", "nonsense", release.PackKey(w.last.Ref().Pack)} {
		for _, value := range []string{"", "Bearer", "Bearer wrong", "Basic " + goodToken, goodToken} {
			response := w.do(http.MethodGet, Prefix+path, [2]string{"Authorization", value})
			if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %q: %s", path, value, response.Status)
			}
		}
	}
	w.door.close(errGone)
	if response := w.do(http.MethodGet, Prefix+"head.json"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("where nobody can tell: %s", response.Status)
	}
}

// events reads a stream: comments, and the ids of events.
func events(body io.Reader) <-chan string {
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(body); scanner.Scan(); {
			if id, ok := strings.CutPrefix(scanner.Text(), "id: "); ok || strings.HasPrefix(id, ":") {
				lines <- id
			}
		}
	}()
	return lines
}

// next returns the next id of a stream, past comments; "" where it ends.
func next(lines <-chan string) string {
	for line := range lines {
		if !strings.HasPrefix(line, ":") {
			return line
		}
	}
	return ""
}

func TestEventsTellOfTheHeadAndGoOnWhereOneWas(t *testing.T) {
	w := newWorld(t, Config{Heartbeat: 5 * time.Millisecond})
	stream := w.do(http.MethodGet, Prefix+"events")
	if kind := stream.Header.Get("Content-Type"); stream.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatal(stream.Status, kind)
	}
	lines := events(stream.Body)
	for n := range 5 {
		version := w.publish(n)
		if got := next(lines); got != version {
			t.Errorf("event %d has the id %q, want %q", n, got, version)
		}
	}
	// Who knows the head hears of the next one first; who does not, of this one.
	head, err := w.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resumed := events(w.do(http.MethodGet, Prefix+"events", [2]string{"Last-Event-ID", string(head.Version())}).Body)
	behind := events(w.do(http.MethodGet, Prefix+"events", [2]string{"Last-Event-ID", "of long ago"}).Body)
	if got := next(behind); got != string(head.Version()) {
		t.Errorf("who was behind is told of %q", got)
	}
	for range 3 { // welcome, and signs of life
		if line := <-resumed; !strings.HasPrefix(line, ":") {
			t.Errorf("who knows the head is told of it again: %q", line)
		}
	}
	version := w.publish(6)
	for name, lines := range map[string]<-chan string{"the first": lines, "resumed": resumed, "behind": behind} {
		if got := next(lines); got != version {
			t.Errorf("%s: the next event has the id %q, want %q", name, got, version)
		}
	}
}

func TestSubscribersAreBounded(t *testing.T) {
	w := newWorld(t, Config{MaxSubscribers: 2})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range 2 {
		w.send(ctx, http.MethodGet, Prefix+"events", "")
	}
	refused := w.do(http.MethodGet, Prefix+"events")
	if refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %s", refused.Status)
	}
	leave()
	until(t, "there is room again", func() bool { return w.subscribers.Load() == 0 })
	if again := w.do(http.MethodGet, Prefix+"events"); again.StatusCode != http.StatusOK {
		t.Errorf("when there is room again: %s", again.Status)
	}
}

// stuck is the answer to a subscriber that takes nothing.
type stuck struct {
	httptest.ResponseRecorder
	reached sync.Once
	writing chan struct{}
	release chan struct{}
}

// Write waits.
func (s *stuck) Write(b []byte) (int, error) {
	s.reached.Do(func() { close(s.writing) })
	<-s.release
	return len(b), nil
}

func TestASubscriberThatTakesNothingHoldsNobodyUp(t *testing.T) {
	w := newWorld(t, Config{})
	s := &stuck{writing: make(chan struct{}), release: make(chan struct{})}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Prefix+"events", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+goodToken)
	var served sync.WaitGroup
	served.Go(func() { w.ServeHTTP(s, r) })
	<-s.writing
	lines := events(w.do(http.MethodGet, Prefix+"events").Body)
	for n := range 20 {
		version := w.publish(n)
		if got := next(lines); got != version {
			t.Fatalf("event %d has the id %q, want %q", n, got, version)
		}
	}
	if err := w.again().Stop(t.Context()); err != nil {
		t.Error(err)
	}
	close(s.release)
	served.Wait() // it ends with the origin
}

// again stops the origin, and has one in its place for the end of the test.
func (w *world) again() *Origin {
	old := w.Origin
	w.Origin = w.origin(Config{})
	if err := w.Start(w.t.Context(), nil); err != nil {
		w.t.Fatal(err)
	}
	return old
}

func TestStreamsEndWithTheOriginAndWithTheToken(t *testing.T) {
	w := newWorld(t, Config{Heartbeat: 5 * time.Millisecond})
	w.publish(1)
	lines := events(w.do(http.MethodGet, Prefix+"events").Body)
	next(lines)
	w.door.close(errGone)
	for range 3 {
		if line, ok := <-lines; !ok {
			t.Fatalf("the stream has ended because a token could not be looked up: %q", line)
		}
	}
	w.door.close(fmt.Errorf("%w: it was revoked", ErrRefused))
	if got := next(lines); got != "" {
		t.Errorf("whose token was revoked is told of %q", got)
	}

	w.door.close(nil)
	lines = events(w.do(http.MethodGet, Prefix+"events").Body)
	next(lines)
	if err := w.again().Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got := next(lines); got != "" {
		t.Errorf("after the end there is %q", got)
	}
}

func TestReportsAreTakenIn(t *testing.T) {
	w := newWorld(t, Config{})
	post := func(body string) answer {
		t.Helper()
		return w.send(t.Context(), http.MethodPost, Prefix+"reports", body)
	}
	// A newer edge says more than this origin knows.
	if got := post(`{"edge":"a","release":"r1","fetch_ns":5,"mood":"good"}`); got.StatusCode != http.StatusNoContent {
		t.Errorf("a report: %s", got.Status)
	}
	if got := w.desk.taken(); len(got) != 1 || got[0].Edge != "a" || got[0].Fetch != 5 {
		t.Errorf("what arrived: %+v", got)
	}
	for name, body := range map[string]string{
		"no JSON": "edge", "a list": "[]", "too much": `{"edge":"` + strings.Repeat("x", maxReport) + `"}`,
	} {
		if got := post(body); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", name, got.Status)
		}
	}
	w.desk.fail = errGone
	if got := post(`{"edge":"a"}`); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("when it can not be kept: %s", got.Status)
	}
}
