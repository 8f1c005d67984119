package release_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/bucket/faulttest"
	"ovenbird/internal/bucket/seedtest"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// These tests let a store of releases meet everything that a bucket can do wrong,
// at every call that it makes: docs/reliability.md lists what is injected.

// history is what bakes, people and garbage collection do to a bucket, one step
// after the other. Each step may be done again, as services do after a failure.
type history struct {
	bucket *faulttest.Store
	store  *release.Store
	edge   follower
	made   map[int]release.Ref // by minute, what was committed
}

// settings make much happen with little: several packs for each release, and garbage in them.
var settings = release.Config{Keep: 3, PackSize: 1500, MaxPacks: 4}

// open gives the history a new process, in some weather.
func (h *history) open(t *testing.T, weather faulttest.Weather) {
	t.Helper()
	store, err := release.Open(h.bucket.Open(weather), settings)
	if err != nil {
		t.Fatal(err)
	}
	h.store, h.edge.reader = store, store.Reader
}

// steps are the whole of a history.
func (h *history) steps() []func(context.Context) error {
	var steps []func(context.Context) error
	bake := func(minute int) {
		steps = append(steps, func(ctx context.Context) error { return h.release(ctx, minute, h.bake) }, h.edge.follow)
	}
	for minute := range 5 {
		bake(minute)
	}
	steps = append(steps, h.nth(2, func(ctx context.Context, id string) error {
		_, err := h.store.Pin(ctx, id, "premiere")
		return err
	}), h.nth(1, func(ctx context.Context, id string) error {
		_, err := h.store.Rollback(ctx, id, "wrong rails", noon)
		return err
	}), h.edge.follow, func(ctx context.Context) error {
		_, err := h.store.Resume(ctx)
		return err
	})
	bake(5)
	steps = append(steps, h.collect)
	bake(6)
	return append(steps, func(ctx context.Context) error { return h.release(ctx, 7, h.bakeInShards) }, h.edge.follow, h.collect)
}

// bodiesAt is what the release of a minute says.
func bodiesAt(minute int) map[string]string {
	bodies := make(map[string]string)
	for i := range 40 {
		bodies[strconv.Itoa(i)] = fmt.Sprintf(`{"document":%d,"revision":%d}`, i, (i+minute)/7)
	}
	bodies["large"] = noise(minute/3, 2000)
	return bodies
}

func (h *history) parent(ctx context.Context) (*release.Release, error) {
	head, err := h.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	kept, ok := head.CurrentRelease()
	if !ok {
		return nil, nil //nolint:nilnil // the first release has no parent
	}
	return h.store.Load(ctx, kept.Ref)
}

// release bakes and publishes. What was committed is published again until that is
// done or known to be impossible, as a bake does that was interrupted.
func (h *history) release(ctx context.Context, minute int, bake func(context.Context, int) error) error {
	if _, made := h.made[minute]; !made {
		if err := bake(ctx, minute); err != nil {
			return err
		}
	}
	_, err := h.store.Publish(ctx, h.made[minute])
	if ovenbird.CodeOf(err) == ovenbird.Conflict {
		delete(h.made, minute)
	}
	return err
}

func (h *history) bake(ctx context.Context, minute int) error {
	parent, err := h.parent(ctx)
	if err != nil {
		return err
	}
	w, err := h.store.Begin(ctx, parent)
	if err != nil {
		return err
	}
	return h.commit(ctx, w, minute)
}

func (h *history) commit(ctx context.Context, w *release.Writer, minute int) error {
	if minute%2 == 0 {
		w.Sweep()
	}
	asOf := noon.Add(time.Duration(minute) * time.Minute)
	content, err := makeContent(ctx, w, asOf.Add(time.Hour), bodiesAt(minute), bodiesAt(minute+1))
	if err != nil {
		return err
	}
	r, err := w.Commit(ctx, content, meta(asOf))
	if err == nil {
		h.made[minute] = r.Ref()
	}
	return err
}

// bakeInShards has two writers make the objects, as two processes would, and a
// third the release.
func (h *history) bakeInShards(ctx context.Context, minute int) error {
	parent, err := h.parent(ctx)
	if err != nil {
		return err
	}
	stash, err := h.store.Stash(ctx, [][]byte{[]byte("the catalog"), []byte(noise(3, 3000))})
	if err != nil {
		return err
	}
	whole, err := h.store.Begin(ctx, parent)
	if err != nil {
		return err
	}
	for shard := range 2 {
		read := 0
		if err := h.store.Unstash(ctx, stash, func(body []byte) error { read += len(body); return nil }); err != nil {
			return err
		}
		if read != len("the catalog")+3001 {
			return ovenbird.Errorf(ovenbird.Invalid, "a stash came back as %d bytes", read)
		}
		w, err := h.store.Begin(ctx, parent)
		if err != nil {
			return err
		}
		for path, body := range bodiesAt(minute) {
			if len(path)%2 == shard {
				if _, err := w.Add(ctx, []byte(body)); err != nil {
					return err
				}
			}
		}
		packs, err := w.Seal(ctx)
		if err != nil {
			return err
		}
		if err := whole.Adopt(ctx, packs); err != nil {
			return err
		}
	}
	return h.commit(ctx, whole, minute)
}

// nth does something to the n-th newest release.
func (h *history) nth(n int, do func(ctx context.Context, id string) error) func(context.Context) error {
	id := "" // the same when it is done again
	return func(ctx context.Context) error {
		head, err := h.store.Head(ctx)
		if err != nil {
			return err
		}
		if id == "" && n < len(head.Releases) {
			id = head.Releases[n].ID
		}
		return do(ctx, id)
	}
}

// collect is without grace: nothing is under way.
func (h *history) collect(ctx context.Context) error {
	_, err := h.store.Collect(ctx, time.Now().Add(time.Hour), 0)
	return err
}

// follower is what an edge does with a store: it goes from release to release,
// and keeps the one that it has when the next can not be had.
type follower struct {
	reader *release.Reader
	served *release.Release
	says   map[string]string
}

func (f *follower) follow(ctx context.Context) error {
	head, err := f.reader.Head(ctx)
	if err != nil {
		return err
	}
	kept, ok := head.CurrentRelease()
	if !ok || f.served != nil && f.served.Ref() == kept.Ref {
		return nil
	}
	next, err := f.reader.Load(ctx, kept.Ref)
	if err != nil {
		return err
	}
	if f.served != nil {
		next.Share(f.served)
	}
	says, err := readAll(ctx, next)
	if err == nil {
		f.served, f.says = next, says
	}
	return err
}

// readAll reads every document of a release as of its instant.
func readAll(ctx context.Context, r *release.Release) (map[string]string, error) {
	content, err := r.Content(ctx)
	if err != nil {
		return nil, err
	}
	says := make(map[string]string)
	paths := make(map[release.Hash][]string)
	for row := range content.Tree.All() {
		paths[row.Classes[0].Object] = append(paths[row.Classes[0].Object], row.Path)
	}
	err = r.Objects(ctx, slices.Collect(maps.Keys(paths)), func(hash release.Hash, body []byte) error {
		for _, path := range paths[hash] {
			says[path] = string(body)
		}
		return nil
	})
	return says, err
}

// live goes through a history. A step that fails is done again, a few times by
// the same process and then by a new one.
func (h *history) live(t *testing.T, weather faulttest.Weather) (failures int) {
	t.Helper()
	h.open(t, weather)
	for i, step := range h.steps() {
		const most = 40
		for attempt := 0; ; attempt++ {
			err := step(t.Context())
			if err == nil {
				break
			}
			failures++
			h.consistent(t)
			if attempt == most {
				t.Fatalf("step %d fails and fails: %v", i, err)
			}
			if attempt%3 == 2 {
				h.open(t, weather)
			}
		}
	}
	h.consistent(t)
	return failures
}

// consistent looks without faults: the head leads to releases that are whole, and
// the edge serves one that was published, as it was.
func (h *history) consistent(t *testing.T) {
	t.Helper()
	store, err := release.Open(h.bucket.Open(nil), settings)
	if err != nil {
		t.Fatal(err)
	}
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range head.Releases {
		r, err := store.Load(t.Context(), kept.Ref)
		if err == nil {
			err = r.Verify(t.Context())
		}
		if err != nil {
			t.Fatalf("a release in the head is not whole: %v", err)
		}
	}
	if h.edge.served != nil {
		minute := int(h.edge.served.Manifest().AsOf.Sub(noon) / time.Minute)
		if !maps.Equal(h.edge.says, bodiesAt(minute)) {
			t.Fatalf("the edge serves release %d as it was not", minute)
		}
	}
}

// outcome is what a history comes to, whatever happened on the way.
type outcome struct {
	current  release.Hash
	releases []release.Hash
	pinned   []bool
	held     bool
}

func (h *history) outcome(t *testing.T) (o outcome) {
	t.Helper()
	h.open(t, nil)
	if err := h.edge.follow(t.Context()); err != nil { // edges never cease to
		t.Fatal(err)
	}
	head, err := h.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	current, _ := head.CurrentRelease()
	o.current, o.held = current.Root, head.Hold != nil
	for _, kept := range head.Releases {
		o.releases, o.pinned = append(o.releases, kept.Root), append(o.pinned, kept.Pinned)
	}
	if h.edge.served.Manifest().Root != current.Root {
		t.Error("the edge did not come to the last release")
	}
	return o
}

func (o outcome) equal(other outcome) bool {
	return o.current == other.current && o.held == other.held &&
		slices.Equal(o.releases, other.releases) && slices.Equal(o.pinned, other.pinned)
}

func newHistory() *history {
	return &history{bucket: faulttest.NewStore(), made: make(map[int]release.Ref)}
}

// spell is weather that is bad from one call to another, counted from 0.
type spell struct {
	mu       sync.Mutex
	calls    int
	from, to int
	faults   func() faulttest.Fault
}

func (s *spell) weather(faulttest.Call) faulttest.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls
	s.calls++
	if n < s.from || n >= s.to {
		return faulttest.None
	}
	return s.faults()
}

// One call goes wrong, each in turn, in one of all ways: what was being done is
// done again, and comes to the same. The seed says which way.
func TestAFaultAtEveryCallComesToNothing(t *testing.T) {
	calm, counter := newHistory(), &spell{}
	calm.live(t, counter.weather)
	want, calls := calm.outcome(t), counter.calls
	failed, runs := 0, 0
	const stride = 12 // so that a few seeds look at some calls each, and a dozen at all
	seedtest.Each(t, 1, func(t *testing.T, seed uint64) {
		t.Helper()
		random := rand.New(rand.NewPCG(seed, 1))
		for at := int(seed) % stride; at < calls; at += stride {
			fault := faulttest.Faults[random.IntN(len(faulttest.Faults))]
			h := newHistory()
			s := &spell{from: at, to: at + 1, faults: func() faulttest.Fault { return fault }}
			runs++
			if h.live(t, s.weather) > 0 {
				failed++
			}
			if got := h.outcome(t); !got.equal(want) {
				t.Fatalf("call %d, %s: it came to %+v, without faults to %+v", at, fault, got, want)
			}
		}
	})
	t.Logf("%d calls; %d runs, in %d of which something failed", calls, runs, failed)
}

// For some time calls go wrong by chance, in any of all ways; then the weather is
// fine again, and everything comes to the same.
func TestAStormComesToAnEnd(t *testing.T) {
	calm, counter := newHistory(), &spell{}
	calm.live(t, counter.weather)
	want := calm.outcome(t)
	failures := 0
	seedtest.Each(t, 20, func(t *testing.T, seed uint64) {
		t.Helper()
		random := rand.New(rand.NewPCG(seed, 2))
		chance := []int{3, 10, 30}[random.IntN(3)]
		s := &spell{from: random.IntN(counter.calls), faults: func() faulttest.Fault {
			if random.IntN(100) >= chance {
				return faulttest.None
			}
			return faulttest.Faults[random.IntN(len(faulttest.Faults))]
		}}
		s.to = s.from + random.IntN(60)
		h := newHistory()
		failures += h.live(t, s.weather)
		if got := h.outcome(t); !got.equal(want) {
			t.Fatalf("it came to %+v, without faults to %+v", got, want)
		}
	})
	t.Logf("%d failures", failures)
}

// A bit of the head is wrong on the disk, so that it reads as something else than
// the store says is there. Nobody waits forever, and nobody writes that down.
func TestADamagedHeadIsNotReplaced(t *testing.T) {
	bucket := faulttest.NewStore()
	s, err := release.Open(bucket.Open(nil), release.Config{})
	if err != nil {
		t.Fatal(err)
	}
	releases := publishMany(t, s, 2)
	next := commit(t, s, releases[1], noon.Add(time.Hour), map[string]string{"home.json": `"next"`})
	said := 0
	for at := range len(headOf(t, s)) {
		damaged := bucket.Clone()
		damaged.Rot(release.HeadKey, func(body []byte) []byte { body[at] ^= 1; return body })
		s, err := release.Open(damaged.Open(nil), release.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Publish(t.Context(), next.Ref()); err == nil {
			t.Fatalf("byte %d: published over a head that is damaged", at)
		}
		if code := ovenbird.CodeOf(err); code == ovenbird.Unavailable {
			said++
		}
	}
	if said == 0 {
		t.Error("no damage left the head readable: the test tests nothing")
	}
}

func headOf(t *testing.T, s *release.Store) string {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v", head)[:400]
}

// A head whose current release is none that it lists says that it is damaged,
// rather than that there is nothing to serve.
func TestAHeadThatNamesAnUnknownReleaseIsDamaged(t *testing.T) {
	s, b := openStore(t, release.Config{})
	if _, err := b.Swap(t.Context(), release.HeadKey, []byte(`{"format":1,"sequence":1,"current":"x","releases":[]}`), ""); err != nil {
		t.Fatal(err)
	}
	_, err := s.Head(t.Context())
	wantCode(t, err, ovenbird.Internal, "damaged")
	if errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
