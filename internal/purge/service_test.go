package purge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// versions says which version of each document a release has; 0 is none.
type versions map[string]int

// shelf is releases that were made ahead.
type shelf struct {
	store *release.Store
	last  *release.Release
	gone  sync.Map // by id: those that garbage collection has removed
	says  map[string]versions
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	store, err := release.Open(bucket.OpenMemory(), release.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{store: store, says: make(map[string]versions)}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// add makes a release in which home.json is a list of the cards of all titles.
func (s *shelf) add(t testing.TB, v versions) *release.Release {
	t.Helper()
	w, err := s.store.Begin(t.Context(), s.last)
	if err != nil {
		t.Fatal(err)
	}
	var rows []release.Row
	put := func(path, body string) {
		h, err := w.Add(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		class := release.Class{Countries: ovenbird.NewCountrySet("FI"), Object: h}
		rows = append(rows, release.NewRow(release.Key{Edition: "tv", Path: path}, []release.Class{class}))
	}
	list := release.Template{Literals: []string{"["}}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if v[name] == 0 {
			continue
		}
		card := release.CardPath("card", ovenbird.TitleID(name))
		put(name+".json", fmt.Sprint(v[name]))
		put(card, fmt.Sprint(v[name]))
		list.Slots, list.Literals = append(list.Slots, card), append(list.Literals, " ")
	}
	put("home.json", string(list.Encode()))
	at := noon.Add(time.Duration(len(s.says)) * time.Minute)
	s.last, err = w.Commit(t.Context(), release.Content{Tree: release.NewTree(rows)}, release.Meta{
		AsOf: at, HorizonEnd: noon.Add(48 * time.Hour), CreatedAt: at,
		Editions: []release.Edition{{Name: "tv", Application: "tv", Countries: []ovenbird.Country{"FI"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.says[s.last.Ref().ID] = v
	return s.last
}

func (s *shelf) Load(ctx context.Context, ref release.Ref) (*release.Release, error) {
	if _, gone := s.gone.Load(ref.ID); gone {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "it was deleted")
	}
	return s.store.Load(ctx, ref)
}

// documents returns what an edge says that serves a release, by purge key.
func (s *shelf) documents(r *release.Release) map[string]string {
	all := make(map[string]string)
	home := ""
	for _, name := range []string{"a", "b", "c"} {
		version := s.says[r.Ref().ID][name]
		if version > 0 {
			all["tv/"+name+".json"] = fmt.Sprint(version)
			home += fmt.Sprint(name, version)
		}
	}
	all["tv/home.json"] = home
	return all
}

// cache is a cache that stands before an edge, with what it holds by purge key.
type cache struct {
	mu     sync.Mutex
	holds  map[string]string
	broken bool
	told   [][]string
}

func (c *cache) most() int { return 2 }

func (c *cache) tell(_ context.Context, gone release.Outdated) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return errors.New("broken")
	}
	keys := gone.PurgeKeys()
	c.told = append(c.told, keys)
	maps.DeleteFunc(c.holds, func(key, _ string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return k == key || strings.HasSuffix(k, "/") && strings.HasPrefix(key, k) })
	})
	return nil
}

func (c *cache) fetch(documents map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, body := range documents {
		if _, ok := c.holds[key]; !ok {
			c.holds[key] = body
		}
	}
}

// memory is a journal.
type memory struct{ body []byte }

func (m *memory) read() (r record, err error) {
	if m.body != nil {
		err = json.Unmarshal(m.body, &r)
	}
	return r, err
}

func (m *memory) write(r record) (err error) {
	m.body, err = json.Marshal(r)
	return err
}

// start starts a process that tells the cache, with the journal of the one before.
func start(t *testing.T, j journal, from releases, c *cache) *Service {
	t.Helper()
	s, err := newService([]string{"varnish:http://cache"}, j, Deps{Releases: from})
	if err != nil {
		t.Fatal(err)
	}
	s.lanes[0].target = c
	if err := s.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// knows writes the journal of a process that owed nothing.
func knows(t *testing.T, journal string) {
	t.Helper()
	if err := os.WriteFile(journal, []byte(`{"owed":{"varnish:http://cache":{}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, s *Service) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestACacheIsToldTwiceAndNotBeforeTheEdgeHasSwitched(t *testing.T) {
	made := newShelf(t)
	first, second := made.add(t, versions{"a": 1, "b": 1}), made.add(t, versions{"a": 2, "b": 1})
	synctest.Test(t, func(t *testing.T) {
		c, journal := &cache{holds: map[string]string{}}, filepath.Join(t.TempDir(), "journal")
		knows(t, journal)
		s := start(t, file{journal}, made, c)
		defer stop(t, s)
		s.Prepare(first)
		s.Serving(first.Ref().ID)
		s.Prepare(second)
		pass(time.Minute)
		if len(c.told) > 0 {
			t.Fatalf("the edge still serves the first release, and the cache was told %q", c.told)
		}
		s.Serving(second.Ref().ID)
		synctest.Wait()
		want := [][]string{{"tv/a.json", "tv/home.json"}}
		if !equal(c.told, want) {
			t.Fatalf("told %q, want %q", c.told, want)
		}
		if owed := s.Status()[0].Owed; owed != 2 {
			t.Errorf("%d are owed, want 2: the second time has not come", owed)
		}
		pass(settling)
		synctest.Wait()
		pass(time.Hour)
		if want = append(want, want[0]); !equal(c.told, want) {
			t.Errorf("told %q, want %q", c.told, want)
		}
		if left, err := s.journal.read(); err != nil || len(left.Served) != 1 || !left.Owed["varnish:http://cache"].Empty() {
			t.Errorf("the journal is left with %+v, %v", left, err)
		}
	})
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func equal(a, b [][]string) bool { return slices.EqualFunc(a, b, slices.Equal) }

func TestACacheThatIsDownIsToldWhenItIsBack(t *testing.T) {
	made := newShelf(t)
	first, second := made.add(t, versions{"a": 1}), made.add(t, versions{"a": 2})
	synctest.Test(t, func(t *testing.T) {
		c, journal := &cache{holds: map[string]string{}, broken: true}, filepath.Join(t.TempDir(), "journal")
		knows(t, journal)
		s := start(t, file{journal}, made, c)
		for _, r := range []*release.Release{first, second} {
			s.Prepare(r)
			s.Serving(r.Ref().ID)
		}
		pass(time.Hour)
		if st := s.Status()[0]; st.Error != "broken" || st.Owed != 2 || st.Failures < 60 || st.Failures > 70 {
			t.Errorf("after an hour: %+v", st)
		}
		// Another process goes on.
		stop(t, s)
		c.broken = false
		s = start(t, file{journal}, made, c)
		defer stop(t, s)
		synctest.Wait()
		if want := [][]string{{"tv/a.json", "tv/home.json"}}; !equal(c.told, want) {
			t.Errorf("told %q, want %q", c.told, want)
		}
		if st := s.Status()[0]; st.Error != "" || st.Failures != 0 || st.Told == nil {
			t.Errorf("got %+v", st)
		}
	})
}

func TestATargetOfWhichNothingIsKnownForgetsEverything(t *testing.T) {
	made := newShelf(t)
	only := made.add(t, versions{"a": 1})
	for name, body := range map[string]string{"no journal": "", "a damaged one": "{", "one of others": `{"owed":{"varnish:http://other":{}}}`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, journal := &cache{holds: map[string]string{}}, filepath.Join(t.TempDir(), "journal")
				if body != "" {
					if err := os.WriteFile(journal, []byte(body), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				s := start(t, file{journal}, made, c)
				defer stop(t, s)
				s.Prepare(only)
				s.Serving(only.Ref().ID)
				synctest.Wait()
				if want := [][]string{{"/", "tv/"}}; !equal(c.told, want) {
					t.Errorf("told %q, want %q", c.told, want)
				}
			})
		})
	}
}

// What happens to an edge with a cache before it.
const (
	publishes   = "a release is served"
	killed      = "the process is killed"
	killedEarly = "the process is killed between noting a release and serving it"
	killedLate  = "the process is killed right after it began to serve a release"
	lost        = "the process is killed, and its journal is lost"
	fetched     = "viewers ask for everything"
	delayed     = "answers to viewers are on their way for a while"
	broken      = "the cache can not be told"
	mended      = "the cache can be told again"
	passed      = "time passes"
	collected   = "releases are deleted"
)

// Whatever happens in whatever order: when all is over, the cache holds nothing
// but what the edge says.
func TestNoCacheKeepsWhatIsOutdated(t *testing.T) {
	events := []string{publishes, publishes, publishes, killed, killedEarly, killedLate, lost, fetched, fetched, delayed, delayed, broken, mended, passed, collected}
	rapid.Check(t, func(r *rapid.T) {
		made := newShelf(t)
		var all []*release.Release
		for range rapid.IntRange(2, 4).Draw(r, "releases") {
			v := versions{}
			for _, name := range []string{"a", "b", "c"} {
				v[name] = rapid.IntRange(0, 2).Draw(r, name)
			}
			all = append(all, made.add(t, v))
		}
		history := rapid.SliceOfN(rapid.SampledFrom(events), 1, 14).Draw(r, "history")
		which := rapid.SliceOfN(rapid.IntRange(0, len(all)-1), len(history), len(history)).Draw(r, "which")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = live(t, made, all, history, which) })
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}

// live goes through a history and says what is wrong at its end.
func live(t *testing.T, made *shelf, all []*release.Release, history []string, which []int) (wrong string) {
	t.Helper()
	c, journal := &cache{holds: map[string]string{}}, &memory{}
	s, current := start(t, journal, made, c), all[0]
	serve := func(r *release.Release) {
		s.Prepare(r)
		current = r
		s.Serving(r.Ref().ID)
	}
	restart := func(lost bool) {
		stop(t, s) // which writes nothing, as if it were killed
		if lost {
			journal = &memory{}
		}
		s = start(t, journal, made, c)
	}
	serve(current)
	for i, event := range history {
		// Another process reads releases again.
		next, err := made.store.Load(t.Context(), all[which[i]].Ref())
		if err != nil {
			t.Fatal(err)
		}
		switch event {
		case publishes:
			serve(next)
		case killed, lost, killedEarly, killedLate:
			if event == killedEarly {
				s.Prepare(next)
			}
			if event == killedLate {
				s.Prepare(next)
				c.fetch(made.documents(next))
				current = all[(which[i]+1)%len(all)] // what is published meanwhile
			}
			restart(event == lost)
			serve(current)
		case fetched:
			c.fetch(made.documents(current))
		case delayed:
			late := made.documents(current)
			time.AfterFunc(settling/2, func() { c.fetch(late) })
		case broken, mended:
			c.mu.Lock()
			c.broken = event == broken
			c.mu.Unlock()
		case passed:
			pass(settling)
		case collected:
			for _, r := range all {
				if r.Ref() != current.Ref() {
					made.gone.Store(r.Ref().ID, true)
				}
			}
		}
		if which[i]%2 == 0 {
			synctest.Wait()
		}
	}
	c.mu.Lock()
	c.broken = false
	c.mu.Unlock()
	pass(10 * time.Minute)
	synctest.Wait()
	defer stop(t, s)
	right := made.documents(current)
	for key, body := range c.holds {
		if right[key] != body {
			wrong += fmt.Sprintf("%s is %q, not %q; ", key, body, right[key])
		}
	}
	return wrong
}
