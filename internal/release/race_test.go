package release_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ovenbird/internal/bucket/faulttest"
	"ovenbird/internal/bucket/seedtest"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// These tests run processes over one bucket in every order that a seed can bring
// about: each call of the bucket waits until a scheduler lets it go, one at a time,
// while all others stand still. The clocks are those of a synctest bubble, and
// each process may have a wrong one.

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// scheduler lets calls go one after the other.
type scheduler struct {
	random *rand.Rand
	mu     sync.Mutex
	calls  []waiting
	trace  []string // what happened, for who looks for the reason of a failure
}

type waiting struct {
	name string // orders calls that wait at once: the same seed, the same order
	free chan struct{}
}

// weather is that of one process: fine, but it takes its time.
func (s *scheduler) weather(process string) faulttest.Weather {
	return func(c faulttest.Call) faulttest.Fault {
		w := waiting{fmt.Sprint(process, " ", c.Op, " ", c.Key), make(chan struct{})}
		s.mu.Lock()
		s.calls = append(s.calls, w)
		s.mu.Unlock()
		<-w.free
		return faulttest.None
	}
}

// run lets calls go until no process has any left. Each takes up to pause.
func (s *scheduler) run(pause time.Duration) {
	for {
		synctest.Wait()
		s.mu.Lock()
		if len(s.calls) == 0 {
			s.mu.Unlock()
			return
		}
		slices.SortStableFunc(s.calls, func(a, b waiting) int { return cmp.Compare(a.name, b.name) })
		at := s.random.IntN(len(s.calls))
		next := s.calls[at]
		s.calls = slices.Delete(s.calls, at, at+1)
		s.trace = append(s.trace, next.name)
		s.mu.Unlock()
		pass(time.Duration(s.random.Int64N(int64(pause))))
		close(next.free)
	}
}

// race is a bucket with processes around it.
type race struct {
	t *testing.T
	*scheduler
	objects *faulttest.Store
	bodies  sync.Map // of each release by id: what it says
	won     sync.Map // releases that somebody was told are published
}

const (
	racePause = time.Second
	raceGrace = 10 * time.Minute // no bake takes as long: it has some 100 calls
)

func (r *race) store(process string) *release.Store {
	s, err := release.Open(r.objects.Open(r.weather(process)), release.Config{Keep: 2, PackSize: 12_000, MaxPacks: 4})
	if err != nil {
		r.t.Error(err)
	}
	return s
}

// bake makes and publishes releases, each from what is current, and begins anew
// where another was faster.
func (r *race) bake(process string, rounds int, random *rand.Rand) {
	s := r.store(process)
	const most = 100 // attempts: others win now and then, and not forever
	round := 0
	for range most {
		if round == rounds {
			return
		}
		err := r.bakeOnce(r.t.Context(), s, fmt.Sprint(process, round), random.IntN(5))
		switch ovenbird.CodeOf(err) {
		case "":
			round++
		case ovenbird.Held:
			if _, err := s.Resume(r.t.Context()); err != nil {
				r.t.Error(err)
			}
		case ovenbird.Conflict:
		case ovenbird.NotFound:
			// The parent went away: that takes another's release and collecting.
			head, err := s.Head(r.t.Context())
			if err != nil || head.Sequence < 3 {
				r.t.Errorf("%s: %v", process, err)
			}
		default:
			r.t.Errorf("%s: %v", process, err)
			return
		}
	}
	r.t.Errorf("%s came to round %d of %d", process, round, rounds)
}

func (r *race) bakeOnce(ctx context.Context, s *release.Store, name string, content int) error {
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	var parent *release.Release
	if kept, ok := head.CurrentRelease(); ok {
		if parent, err = s.Load(ctx, kept.Ref); err != nil {
			return err
		}
	}
	w, err := s.Begin(ctx, parent)
	if err != nil {
		return err
	}
	return r.finish(ctx, s, w, name, content)
}

// finish makes and publishes a release that was begun.
func (r *race) finish(ctx context.Context, s *release.Store, w *release.Writer, name string, content int) error {
	if content%3 == 0 {
		w.Sweep()
	}
	bodies := bodiesAt(7 * content)
	bodies["by"] = fmt.Sprintf(`{"by":%q}`, name)
	made, err := makeContent(ctx, w, time.Now().Add(time.Hour), bodies, bodies)
	if err != nil {
		return err
	}
	committed, err := w.Commit(ctx, made, meta(time.Now()))
	if err != nil {
		return err
	}
	id := committed.Ref().ID
	r.bodies.Store(id, bodies)
	if _, err = s.Publish(ctx, committed.Ref()); err == nil {
		r.won.Store(id, true)
	}
	return err
}

// collect collects garbage by a clock that may be wrong.
func (r *race) collect(process string, rounds int, wrong time.Duration) {
	s := r.store(process)
	for range rounds {
		if _, err := s.Collect(r.t.Context(), time.Now().Add(wrong), raceGrace+wrong); err != nil {
			// A release that left the head while it was being read.
			if ovenbird.CodeOf(err) != ovenbird.NotFound {
				r.t.Errorf("collecting: %v", err)
			}
		}
		pass(raceGrace / 4)
	}
}

// operate pins, unpins and rolls back.
func (r *race) operate(process string, rounds int, random *rand.Rand) {
	s := r.store(process)
	for range rounds {
		head, err := s.Head(r.t.Context())
		if err != nil || len(head.Releases) == 0 {
			pass(racePause)
			continue
		}
		id := head.Releases[random.IntN(len(head.Releases))].ID
		switch random.IntN(3) {
		case 0:
			_, err = s.Pin(r.t.Context(), id, "race")
		case 1:
			_, err = s.Unpin(r.t.Context(), id)
		case 2:
			_, err = s.Rollback(r.t.Context(), id, "race", time.Now())
		}
		if err != nil && ovenbird.CodeOf(err) != ovenbird.NotFound { // dropped meanwhile
			r.t.Errorf("operating: %v", err)
		}
		pass(raceGrace / 8)
	}
}

// serve follows slowly. A pack may be gone only if the release that it belongs to
// was dropped from the head.
func (r *race) serve(process string, rounds int) {
	edge := follower{reader: r.store(process).Reader}
	for range rounds {
		err := edge.follow(r.t.Context())
		if err != nil && ovenbird.CodeOf(err) != ovenbird.NotFound {
			r.t.Errorf("an edge: %v", err)
		}
		if edge.served != nil {
			want, _ := r.bodies.Load(edge.served.Ref().ID)
			if said, _ := want.(map[string]string); !maps.Equal(edge.says, said) {
				r.t.Errorf("an edge serves %v of release %s, which says %v", edge.says, edge.served.Ref().ID, said)
			}
		}
		pass(raceGrace / 3)
	}
	// When the others are done it comes to the release that is served.
	pass(3 * time.Hour)
	if err := edge.follow(r.t.Context()); err != nil {
		r.t.Errorf("an edge does not come to the last release: %v", err)
	}
}

// check looks at what is left: all kept releases are whole, and as they were made.
func (r *race) check() {
	s, err := release.Open(r.objects.Open(nil), release.Config{})
	if err != nil {
		r.t.Fatal(err)
	}
	head, err := s.Head(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, kept := range head.Releases {
		made, err := s.Load(r.t.Context(), kept.Ref)
		if err == nil {
			err = made.Verify(r.t.Context())
		}
		if err != nil {
			r.t.Errorf("a release in the head is not whole: %v", err)
			continue
		}
		says, err := readAll(r.t.Context(), made)
		want, _ := r.bodies.Load(kept.ID)
		if said, _ := want.(map[string]string); err != nil || !maps.Equal(says, said) {
			r.t.Errorf("release %s says %v, %v; it was made to say %v", kept.ID, says, err, said)
		}
		if _, told := r.won.Load(kept.ID); !told {
			r.t.Errorf("release %s is in the head, and nobody was told so", kept.ID)
		}
	}
}

// Two or three bakers, garbage collection, an operator and slow edges share a
// bucket in the order that the seed decides. Nothing that a kept release needs is
// ever deleted, no release is published beside another, and edges that find a pack
// gone come to a newer head.
func TestProcessesInAnyOrderNeverBreakARelease(t *testing.T) {
	calls := 0
	seedtest.Each(t, 12, func(t *testing.T, seed uint64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			random := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
			r := &race{t: t, scheduler: &scheduler{random: random(0)}, objects: faulttest.NewStore()}
			order := random(1)
			var all sync.WaitGroup
			for n := range 2 + order.IntN(2) {
				all.Go(func() { r.bake(fmt.Sprint("baker ", n), 3, random(uint64(10+n))) })
			}
			all.Go(func() { r.collect("collector", 8, 0) })
			all.Go(func() { r.operate("operator", 6, random(20)) })
			all.Go(func() { r.serve("edge 1", 6) })
			all.Go(func() { r.serve("edge 2", 2) })
			var over atomic.Bool
			go func() { all.Wait(); over.Store(true) }()
			for !over.Load() {
				r.run(racePause)
				pass(racePause)
			}
			r.check()
			calls += len(r.trace)
			if t.Failed() {
				for _, call := range r.trace {
					t.Log(call)
				}
			}
		})
	})
	t.Logf("%d calls in orders of their own", calls)
}

// The clock of who collects is wrong by more than the grace, so that the packs of a
// release that is being made are taken for garbage. Nearly always that is noticed
// when it is to be published; and where it is not, the next one that shares
// nothing with it is whole.
func TestAClockThatIsWrongByMoreThanTheGraceIsMended(t *testing.T) {
	failed, broken := 0, 0
	seedtest.Each(t, 12, func(t *testing.T, seed uint64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := &race{t: t, scheduler: &scheduler{random: rand.New(rand.NewPCG(seed, 7))}, objects: faulttest.NewStore()}
			calm, err := release.Open(r.objects.Open(nil), release.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.bakeOnce(t.Context(), calm, "first", 1); err != nil {
				t.Fatal(err)
			}
			var bake error
			go func() { bake = r.bakeOnce(t.Context(), r.store("baker"), "second", 3) }()
			go func() {
				if _, err := r.store("collector").Collect(t.Context(), time.Now().Add(time.Hour), raceGrace); err != nil {
					t.Error(err)
				}
			}()
			r.run(racePause)
			switch code := ovenbird.CodeOf(bake); code {
			case "":
				head, err := calm.Head(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				second, err := calm.Load(t.Context(), head.Releases[0].Ref)
				if err != nil || second.Verify(t.Context()) != nil {
					broken++
				}
				anew := calm.BeginAnew(head.Current)
				if err := r.finish(t.Context(), calm, anew, "third", 1); err != nil {
					t.Error(err)
				}
			case ovenbird.NotFound:
				failed++
				if err := r.bakeOnce(t.Context(), calm, "third", 1); err != nil {
					t.Error(err)
				}
				r.check()
			default:
				t.Error(bake)
			}
			if _, err := calm.Collect(t.Context(), time.Now(), raceGrace); err != nil && broken == 0 {
				t.Error(err)
			}
		})
	})
	t.Logf("%d bakes lost packs and said so, %d did not notice", failed, broken)
}
