package webhook

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t) }

// clock is the time, as the test wants it, and what there is to tell.
type clock struct {
	mu       sync.Mutex
	now      time.Time
	sequence int64
	head     release.Head
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) Sequence(context.Context) (int64, error)    { return c.sequence, nil }
func (c *clock) Head(context.Context) (release.Head, error) { return c.head, nil }

// world is one process.
type world struct {
	*Service
	t     *testing.T
	clock *clock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return open(t, databasetest.Empty(t), &clock{now: time.Now().UTC()}, Config{Private: true})
}

func open(t *testing.T, at database.Config, c *clock, cfg Config) *world {
	t.Helper()
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store, err := New(t.Context(), cfg, db, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewService(ServiceConfig{Timeout: 200 * time.Millisecond}, Deps{Store: store, Catalog: c, Releases: c})
	if err != nil {
		t.Fatal(err)
	}
	return &world{s, t, c}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) subscribe(url string, events ...Type) (*Subscription, string) {
	w.t.Helper()
	made, secret, err := w.store.Create(w.t.Context(), "pat", Draw{URL: &url, Events: events})
	w.must(err)
	return made, secret
}

// tell puts an event into the outboxes.
func (w *world) tell(t Type, data any) {
	w.t.Helper()
	w.must(w.store.db.Tx(w.t.Context(), func(tx *sql.Tx) error { return w.store.Add(w.t.Context(), tx, t, data) }))
}

// round delivers what there is to deliver now.
func (w *world) round() {
	w.t.Helper()
	w.must(w.deliver(w.t.Context()))
	w.calls.Wait()
}

func (w *world) get(id string) *Subscription {
	w.t.Helper()
	found, err := w.store.Get(w.t.Context(), id)
	w.must(err)
	return found
}

func (w *world) deliveries(id string) []Delivery {
	w.t.Helper()
	list, err := w.store.Deliveries(w.t.Context(), id, 0, 100)
	w.must(err)
	return list
}

// receiver is a subscriber.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(w http.ResponseWriter, r *http.Request) // nil: 204
}

type received struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Secret  string            `json:"secret"`
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	message := received{Headers: make(map[string]string), Body: string(body)}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		message.Headers[name] = request.Header.Get(name)
	}
	r.mu.Lock()
	r.got = append(r.got, message)
	answer := r.answer
	r.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, request)
}

func (r *receiver) answerWith(answer func(w http.ResponseWriter, r *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// data lists the data of what has come.
func (r *receiver) data(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, m := range r.got {
		var body struct {
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
			t.Fatal(err)
		}
		list = append(list, string(body.Data))
	}
	return strings.Join(list, " ")
}

func TestMessagesAreSignedAsTheStandardSays(t *testing.T) {
	if _, err := os.Stat("client/node_modules"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("the npm packages are not installed: run make test, or npm ci in internal/webhook/client")
	}
	w, to := newWorld(t), newReceiver(t, nil)
	_, secret := w.subscribe(to.URL, CatalogChanged)
	w.tell(CatalogChanged, map[string]string{"text": "päivää </script> 😀"})
	w.tell(CatalogChanged, 2)
	w.round()
	var input bytes.Buffer
	_, other := w.subscribe(to.URL, DraftPublished)
	for i, message := range to.got {
		message.Secret = secret
		if i == 1 {
			message.Secret = other
		}
		w.must(json.NewEncoder(&input).Encode(message))
	}
	changed := to.got[0]
	changed.Secret, changed.Body = secret, strings.Replace(changed.Body, "catalog", "dialog", 1)
	w.must(json.NewEncoder(&input).Encode(changed))
	cmd := exec.CommandContext(t.Context(), "node", "client/verify.js")
	cmd.Stdin = &input
	out, err := cmd.CombinedOutput()
	if lines := strings.Split(string(out), "\n"); err != nil || len(lines) != 4 || lines[0] != "good" ||
		!strings.Contains(lines[1], "No matching signature") || !strings.Contains(lines[2], "No matching signature") {
		t.Errorf("got %v: %s", err, out)
	}
}

func TestWhatFailsIsTriedAgainInOrderForADayAndThenDisabled(t *testing.T) {
	w, to := newWorld(t), newReceiver(t, status(500))
	made, _ := w.subscribe(to.URL, CatalogChanged)
	other := newReceiver(t, nil)
	w.subscribe(other.URL, CatalogChanged)
	w.tell(CatalogChanged, 1)
	w.tell(CatalogChanged, 2)
	begin := w.clock.Now()
	w.round()
	if got := w.get(made.ID); got.Attempts != 1 || got.NextAt.Before(begin.Add(5*time.Second)) || got.NextAt.After(begin.Add(6*time.Second)) {
		t.Errorf("after one attempt: %+v", got)
	}
	w.round() // too soon
	if got := to.data(t); got != "1" || other.data(t) != "1 2" {
		t.Errorf("got %q, the other %q", got, other.data(t))
	}
	to.answerWith(nil)
	w.clock.advance(6 * time.Second)
	w.round()
	if got := to.data(t); got != "1 1 2" || w.get(made.ID).Attempts != 0 || to.got[0].Headers["webhook-id"] != to.got[1].Headers["webhook-id"] {
		t.Errorf("got %q, %+v", got, w.get(made.ID))
	}
	to.answerWith(status(503))
	w.tell(CatalogChanged, 3)
	begin = w.clock.Now()
	for w.get(made.ID).Active {
		w.clock.advance(max(0, w.get(made.ID).NextAt.Sub(w.clock.Now())))
		w.round()
	}
	if took := w.clock.Now().Sub(begin); took < 23*time.Hour || took > 29*time.Hour {
		t.Errorf("given up after %s", took)
	}
	last := w.deliveries(made.ID)[0]
	if got := w.get(made.ID); !strings.Contains(got.Why, "8 attempts") || last.Attempts != 8 || last.Status != 503 || last.Delivered {
		t.Errorf("got %+v, %+v", got, last)
	}
	// Made active again, it gets what it has not got.
	to.answerWith(nil)
	_, err := w.store.Update(t.Context(), made.ID, Draw{Active: new(true)})
	w.must(err)
	w.round()
	if !strings.HasSuffix(to.data(t), " 3") || !w.deliveries(made.ID)[0].Delivered || w.get(made.ID).Why != "" {
		t.Errorf("got %q, %+v", to.data(t), w.get(made.ID))
	}
}

func TestWhoIsGoneIsDisabledAtOnce(t *testing.T) {
	w, to := newWorld(t), newReceiver(t, status(410))
	made, _ := w.subscribe(to.URL, CatalogChanged)
	w.tell(CatalogChanged, 1)
	w.round()
	if got := w.get(made.ID); got.Active || !strings.Contains(got.Why, "410") {
		t.Errorf("got %+v", got)
	}
	w.tell(CatalogChanged, 2)
	w.clock.advance(time.Hour)
	w.round()
	if got := to.data(t); got != "1" {
		t.Errorf("got %q", got)
	}
	if err := w.store.Test(t.Context(), made.ID); ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Errorf("a test of it: %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newReceiver(t, nil)
	w, to := newWorld(t), newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	made, _ := w.subscribe(to.URL, CatalogChanged)
	w.tell(CatalogChanged, 1)
	w.round()
	if got := w.deliveries(made.ID)[0]; got.Delivered || got.Status != 307 || !strings.Contains(got.Error, "not followed") || len(elsewhere.got) != 0 {
		t.Errorf("got %+v, and elsewhere %v", got, elsewhere.got)
	}
}

func TestWhoHangsOrSaysTooMuchHoldsNobodyUp(t *testing.T) {
	ended := make(chan struct{})
	hangs := newReceiver(t, func(http.ResponseWriter, *http.Request) { <-ended })
	defer close(ended)
	talks := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 1 << 20 {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	})
	w, good := newWorld(t), newReceiver(t, nil)
	hung, _ := w.subscribe(hangs.URL, CatalogChanged)
	talked, _ := w.subscribe(talks.URL, CatalogChanged)
	w.subscribe(good.URL, CatalogChanged)
	w.tell(CatalogChanged, 1)
	w.round()
	if got := w.deliveries(hung.ID)[0]; got.Delivered || got.Status != 0 || got.Error == "" {
		t.Errorf("who hangs: %+v", got)
	}
	if got := w.deliveries(talked.ID)[0]; !got.Delivered || good.data(t) != "1" {
		t.Errorf("who talks: %+v; who is good got %q", got, good.data(t))
	}
}

func TestNobodyCallsIntoTheOwnNetwork(t *testing.T) {
	inside := newReceiver(t, nil)
	w := open(t, databasetest.Empty(t), &clock{now: time.Now()}, Config{})
	for _, url := range []string{
		"https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[::ffff:127.0.0.1]/",
		"http://example.com/", "ftp://example.com/", "https://user:pass@example.com/", "https:example.com", "example.com", "https://", "",
		"https://example.com/#x", "https://example.com/" + strings.Repeat("x", 2048), "https://exa\x00mple.com/",
	} {
		if _, _, err := w.store.Create(t.Context(), "pat", Draw{URL: &url, Events: []Type{CatalogChanged}}); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%q was subscribed: %v", url, err)
		}
	}
	// A name says nothing about where it leads.
	made, _ := w.subscribe(strings.NewReplacer("http://", "https://", "127.0.0.1", "localhost").Replace(inside.URL), CatalogChanged)
	w.tell(CatalogChanged, 1)
	w.round()
	if got := w.deliveries(made.ID)[0]; got.Delivered || !strings.Contains(got.Error, "not public") || len(inside.got) != 0 {
		t.Errorf("got %+v, and inside %v", got, inside.got)
	}
}

func TestWhichAddressesArePublic(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "93.184.215.14": true, "2606:4700:4700::1111": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "::": false, "10.1.2.3": false, "172.16.0.1": false,
		"192.168.1.1": false, "169.254.169.254": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "224.0.0.1": false,
		"255.255.255.255": false, "100.64.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "64:ff9b::a00:1": false,
		"2002:7f00:1::": false, "0.1.2.3": false, "240.0.0.1": false, "ff02::1": false, "fec0::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %t", text, got)
		}
	}
	for _, text := range []string{"", "x", "127.0.0.1", "[::1]:443"} {
		if checkAddress(text) == nil {
			t.Errorf("%q is called", text)
		}
	}
}

func TestOfSeveralProcessesOneDelivers(t *testing.T) {
	at, c := databasetest.Empty(t), &clock{now: time.Now()}
	one, two, to := open(t, at, c, Config{Private: true}), open(t, at, c, Config{Private: true}), newReceiver(t, nil)
	one.subscribe(to.URL, CatalogChanged)
	var want []string
	for i := range 20 {
		one.tell(CatalogChanged, i)
		want = append(want, fmt.Sprint(i))
	}
	var all sync.WaitGroup
	for _, w := range []*world{one, two} {
		all.Go(w.round)
	}
	all.Wait()
	if got := to.data(t); got != strings.Join(want, " ") {
		t.Errorf("got %s", got)
	}
}

func TestAnotherTakesOverWhereAProcessDies(t *testing.T) {
	at, c := databasetest.Empty(t), &clock{now: time.Now()}
	dead, heir, to := open(t, at, c, Config{Private: true}), open(t, at, c, Config{Private: true}), newReceiver(t, nil)
	dead.subscribe(to.URL, CatalogChanged)
	dead.tell(CatalogChanged, 1)
	lane, err := dead.store.claim(t.Context(), dead.holder, dead.lease)
	dead.must(err)
	heir.round()
	if got := to.data(t); got != "" {
		t.Fatalf("two deliver: %q", got)
	}
	c.advance(dead.lease)
	heir.round()
	if got := to.data(t); got != "1" {
		t.Errorf("got %q", got)
	}
	// Should it wake up, it has nothing to say any more.
	if _, _, err := lane.next(t.Context()); !errors.Is(err, errNotOurs) {
		t.Errorf("the dead deliver: %v", err)
	}
}

func TestWhatIsToldAndWhatItTellsOfAreOne(t *testing.T) {
	w, to := newWorld(t), newReceiver(t, nil)
	made, _ := w.subscribe(to.URL, DraftPublished)
	broken := errors.New("broken")
	err := w.store.db.Tx(t.Context(), func(tx *sql.Tx) error {
		return errors.Join(w.store.Add(t.Context(), tx, DraftPublished, 1), broken)
	})
	if !errors.Is(err, broken) || len(w.deliveries(made.ID)) != 0 {
		t.Errorf("got %v, %v", err, w.deliveries(made.ID))
	}
	w.tell(ReleasePublished, 1)
	if got := w.deliveries(made.ID); len(got) != 0 {
		t.Errorf("it did not ask for %v", got)
	}
}

func TestChangesAreToldAsARangeAtMostOnceASecond(t *testing.T) {
	at, c := databasetest.Empty(t), &clock{now: time.Now(), sequence: 7}
	w, other := open(t, at, c, Config{Private: true}), open(t, at, c, Config{Private: true})
	made, _ := w.subscribe("http://example.com/", CatalogChanged)
	for _, step := range []struct {
		sequence int64
		after    time.Duration
		want     int
	}{
		{7, 0, 0},                       // what was there before anybody asked
		{9, time.Second, 1},             // 8 and 9
		{10, 500 * time.Millisecond, 1}, // too soon
		{30, 500 * time.Millisecond, 2},
		{30, time.Hour, 2},
		{5, time.Hour, 2}, // a backup
		{6, time.Hour, 3},
		{8, -time.Hour, 4}, // a clock that was set back
	} {
		c.sequence = step.sequence
		c.advance(step.after)
		w.must(w.tellChanges(t.Context()))
		w.must(other.tellChanges(t.Context()))
		if got := w.deliveries(made.ID); len(got) != step.want {
			t.Errorf("at %d: %d told, want %d", step.sequence, len(got), step.want)
		}
	}
	var got []string
	for _, d := range w.deliveries(made.ID) {
		_, data, _ := strings.Cut(d.body, `"data":`)
		got = append(got, data)
	}
	want := `{"first_sequence":7,"last_sequence":8,"changes":2}} {"first_sequence":6,"last_sequence":6,"changes":1}} ` +
		`{"first_sequence":10,"last_sequence":30,"changes":21}} {"first_sequence":8,"last_sequence":9,"changes":2}}`
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

// head is a head with releases, newest first, and the current one.
func head(current string, ids ...string) release.Head {
	h := release.Head{Current: current}
	for _, id := range ids {
		h.Releases = append(h.Releases, release.Kept{Ref: release.Ref{ID: id}})
	}
	return h
}

func TestNoReleaseIsLostWhoeverDiesBeforeItIsTold(t *testing.T) {
	at, c := databasetest.Empty(t), &clock{now: time.Now()}
	w := open(t, at, c, Config{Private: true})
	made, _ := w.subscribe("http://example.com/", ReleasePublished)
	for _, step := range []struct {
		head release.Head
		want string // told last, newest first
	}{
		{head(""), ""},
		{head("a", "a"), ""}, // what was there before anybody asked
		{head("b", "b", "a"), "b"},
		{head("b", "b", "a"), "b"},
		{head("d", "d", "c", "b", "a"), "d c b"}, // two while nobody was there
		{head("b", "d", "c", "b", "a"), "b d c b"},
		{head("z", "z", "y"), "z b d c b"}, // what was told last is not kept any more
	} {
		c.head = step.head
		// Each time it is another process: nothing is known but what is written down.
		next := open(t, at, c, Config{Private: true})
		next.must(next.tellRelease(t.Context()))
		var got []string
		for _, d := range w.deliveries(made.ID) {
			_, rest, _ := strings.Cut(d.body, `"release":"`)
			got = append(got, rest[:1])
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("%s: told %v, want %s", step.head.Current, got, step.want)
		}
	}
}

func TestATestEventGoesToOneWhateverItAskedFor(t *testing.T) {
	w, to := newWorld(t), newReceiver(t, nil)
	made, _ := w.subscribe(to.URL, ReleasePublished)
	w.must(w.store.Test(t.Context(), made.ID))
	w.round()
	if got := w.deliveries(made.ID); len(got) != 1 || got[0].Type != Test || !got[0].Delivered || got[0].Status != 204 {
		t.Errorf("got %+v", got)
	}
	w.clock.advance(8 * 24 * time.Hour)
	w.must(w.prune(t.Context()))
	if got := w.deliveries(made.ID); len(got) != 0 {
		t.Errorf("kept for ever: %+v", got)
	}
	w.must(w.store.Delete(t.Context(), made.ID))
	if _, err := w.store.Get(t.Context(), made.ID); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("got %v", err)
	}
}

// The whole of it, with its own clock.
func TestTheServiceDeliversByItselfAndStops(t *testing.T) {
	arrived := make(chan struct{}, 8)
	w := open(t, databasetest.Empty(t), &clock{now: time.Now(), sequence: 1}, Config{Private: true})
	to := newReceiver(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} })
	made, _ := w.subscribe(to.URL, ReleasePublished)
	w.must(w.Start(t.Context(), nil))
	for range 2 {
		w.must(w.store.Test(t.Context(), made.ID))
		<-arrived
	}
	w.must(w.Stop(t.Context()))
	// The second came, so that the first was noted.
	if got := w.deliveries(made.ID); len(got) != 2 || !got[1].Delivered {
		t.Errorf("got %+v", got)
	}
}
