package edge_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/faulttest"
	"ovenbird/internal/bucket/seedtest"
	"ovenbird/internal/edge"
	"ovenbird/internal/release"
)

// remote is a site whose edges are elsewhere: each reaches the store through its
// own weather, and has a folder for what it read.
type remote struct {
	*site
	objects *faulttest.Store
	numbers map[string]int // of releases, by id
}

func newRemote(t *testing.T) *remote {
	t.Helper()
	s := &remote{site: newSite(t, edge.Config{}), objects: faulttest.NewStore(), numbers: make(map[string]int)}
	store, err := release.Open(s.objects.Open(nil), release.Config{MaxPacks: 4})
	if err != nil {
		t.Fatal(err)
	}
	s.store = store
	return s
}

// next publishes the next release.
func (s *remote) next() {
	n := len(s.numbers) + 1
	c := numbered(n)
	c.asOf = noon.Add(time.Duration(n) * time.Second)
	s.numbers[s.publish(c).Ref().ID] = n
}

// start starts the process of an edge.
func (s *remote) start(t *testing.T, dir string, weather faulttest.Weather) *edge.Edge {
	t.Helper()
	cache, err := bucket.NewCache(s.objects.Open(weather), bucket.CacheConfig{Dir: dir, Sum: func(key string) ([32]byte, bool) {
		hash, ok := release.PackOfKey(key)
		return hash, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	through, err := release.NewReader(cache)
	if err != nil {
		t.Fatal(err)
	}
	local, err := release.NewReader(cache.Local())
	if err != nil {
		t.Fatal(err)
	}
	e, err := edge.New(edge.Config{Poll: time.Hour}, edge.Deps{
		Releases: through, Cached: local, Now: s.clock.Now,
		Retain: func(packs []release.Hash) {
			keys := make([]string, len(packs))
			for i, pack := range packs {
				keys[i] = release.PackKey(pack)
			}
			_ = cache.Retain(keys) // the folder may be damaged
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// restart is start for a process that serves what is in its folder at once, and
// reaches the store only after that, if at all.
func (s *remote) restart(t *testing.T, dir string, weather faulttest.Weather) *edge.Edge {
	t.Helper()
	e := s.start(t, dir, weather)
	if err := e.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// serves returns the number of the release that an edge serves, 0 for none, and
// makes sure that all of what it serves is of that release.
func (s *remote) serves(t *testing.T, e *edge.Edge) int {
	t.Helper()
	a := ask(t, e, http.MethodGet, "/FI/tv/a.json")
	if a.status == http.StatusServiceUnavailable {
		return 0
	}
	n := s.numbers[a.header.Get("Ovenbird-Release")]
	a.want(t, http.StatusOK, fmt.Sprintf(`{"n":%d}`, n))
	ask(t, e, http.MethodGet, "/SE/tv/b.json").want(t, http.StatusOK, fmt.Sprintf(`{"n":%d}`, n))
	ask(t, e, http.MethodGet, "/FI/tv/list.json").want(t, http.StatusOK, fmt.Sprintf(`[%d,{"n":%[1]d},{"fi":1}]`, n))
	ask(t, e, http.MethodGet, "/US/tv/constant.json").want(t, http.StatusOK, `{}`)
	return n
}

func cutOff(faulttest.Call) faulttest.Fault { return faulttest.Refuse }

// An edge follows through everything that its network and the store can do wrong,
// and is started again now and then. What it serves is one release, whole, and
// never an earlier one; when the weather is fine again it comes to the last.
func TestAnEdgeServesWholeReleasesInOrderWhateverTheWeather(t *testing.T) {
	failures, restarts := 0, 0
	seedtest.Each(t, 6, func(t *testing.T, seed uint64) {
		t.Helper()
		random := rand.New(rand.NewPCG(seed, 5))
		s, dir := newRemote(t), seedtest.Dir(t)
		s.next()
		weather := seedtest.Locked(func(faulttest.Call) faulttest.Fault {
			if random.IntN(4) > 0 {
				return faulttest.None
			}
			return faulttest.Faults[random.IntN(len(faulttest.Faults))]
		})
		e, last := s.start(t, dir, weather), 0
		for range 25 {
			switch random.IntN(6) {
			case 0:
				restarts++
				e = s.restart(t, dir, cutOff)
				if got := s.serves(t, e); got != last {
					t.Fatalf("it served release %d; started again without the store it serves %d", last, got)
				}
				e = s.restart(t, dir, weather)
			case 1, 2:
				s.next()
			default:
				if e.Follow(t.Context()) != nil {
					failures++
				}
			}
			got := s.serves(t, e)
			if got < last {
				t.Fatalf("release %d is served after %d", got, last)
			}
			last = got
		}
		e = s.restart(t, dir, nil)
		if err := e.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.serves(t, e); got != len(s.numbers) {
			t.Fatalf("in fine weather it serves release %d of %d", got, len(s.numbers))
		}
	})
	t.Logf("%d failures, %d restarts", failures, restarts)
}

// Any file of an edge's folder is damaged at any byte, cut there, or gone. Without
// the store the edge serves all of what it had or nothing; with it, it mends the
// folder by itself.
func TestADamagedFolderIsMended(t *testing.T) {
	s, dir := newRemote(t), seedtest.Dir(t)
	s.next()
	s.next()
	if got := s.serves(t, s.restart(t, dir, nil)); got != 2 {
		t.Fatalf("it serves release %d", got)
	}
	whole := filesIn(t, dir)
	if len(whole) != 3 {
		t.Fatalf("the folder has %d files", len(whole))
	}
	served, looked := 0, 0
	seedtest.Each(t, 3, func(t *testing.T, seed uint64) {
		t.Helper()
		random := rand.New(rand.NewPCG(seed, 6))
		for name, body := range whole {
			at := random.IntN(len(body))
			flipped := bytes.Clone(body)
			flipped[at] ^= 1 << random.IntN(8)
			for _, damaged := range [][]byte{flipped, body[:at], nil} {
				folder := seedtest.Dir(t)
				for other, body := range whole {
					if other == name {
						body = damaged
					}
					put(t, filepath.Join(folder, other), body)
				}
				looked++
				if s.serves(t, s.restart(t, folder, cutOff)) > 0 {
					served++
				}
				e := s.restart(t, folder, nil)
				if err := e.Follow(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := s.serves(t, e); got != 2 {
					t.Fatalf("%s damaged at %d: it serves release %d", name, at, got)
				}
				if got := s.serves(t, s.restart(t, folder, cutOff)); got != 2 {
					t.Fatalf("%s damaged at %d: the folder was not mended", name, at)
				}
			}
		}
	})
	t.Logf("%d damages; in %d of them the folder still served", looked, served)
}

func filesIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// put writes a file; nil is none.
func put(t *testing.T, path string, body []byte) {
	t.Helper()
	if body == nil {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The folder holds what others put there: it does not disturb.
func TestForeignFilesInTheFolderDoNotDisturb(t *testing.T) {
	s, dir := newRemote(t), seedtest.Dir(t)
	s.next()
	e := s.restart(t, dir, nil)
	pack := release.PackKey(s.last.Ref().Pack)
	for name, body := range map[string]string{
		"lost+found/x": "", "packs/readme.txt": "hello", "packs/00/" + filepath.Base(pack): "wrong", pack + ".part": "half",
		"packs/ff/" + filepath.Base(release.PackKey(release.HashOf([]byte("other")))): "not needed",
	} {
		put(t, filepath.Join(dir, name), []byte(body))
	}
	s.next()
	if err := e.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, weather := range []faulttest.Weather{cutOff, nil} {
		if got := s.serves(t, s.restart(t, dir, weather)); got != 2 {
			t.Errorf("it serves release %d", got)
		}
	}
}

// The store answers with a head of before, or one that leads to a pack that is not
// there or wrong: the edge goes on serving, and follows once that is over.
func TestAnEdgeStaysWithWhatItHasWhileTheStoreLies(t *testing.T) {
	s := newRemote(t)
	s.next()
	s.next()
	before := s.objects.Clone()
	s.next()
	for name, lie := range map[string]func(*faulttest.Store){
		"a pack is gone":  func(b *faulttest.Store) { b.Remove(release.PackKey(s.last.Ref().Pack)) },
		"a pack is wrong": func(b *faulttest.Store) { b.Rot(release.PackKey(s.last.Ref().Pack), bytes.ToUpper) },
		"the head is cut": func(b *faulttest.Store) {
			b.Rot(release.HeadKey, func(body []byte) []byte { return body[:len(body)/2] })
		},
		"no head": func(b *faulttest.Store) { b.Remove(release.HeadKey) },
	} {
		t.Run(name, func(t *testing.T) {
			honest := s.objects
			defer func() { s.objects = honest }()
			for had, from := range map[int]*faulttest.Store{2: before.Clone(), 3: honest.Clone()} {
				s.objects = from
				e := s.start(t, seedtest.Dir(t), nil)
				if err := e.Follow(t.Context()); err != nil {
					t.Fatal(err)
				}
				from.Become(honest)
				lie(from)
				for range 3 {
					_ = e.Follow(t.Context()) // it may fail
					if got := s.serves(t, e); got != had {
						t.Errorf("it serves release %d instead of %d", got, had)
					}
				}
				from.Become(honest)
				if err := e.Follow(t.Context()); err != nil || s.serves(t, e) != 3 {
					t.Errorf("it does not come to the last release: %v", err)
				}
			}
		})
	}
}

// A bucket that is made anew counts the changes of its head from one again. Edges
// follow it, though they do not follow one that goes back in time.
func TestAnEdgeFollowsABucketThatWasMadeAnewAndNoneOfBefore(t *testing.T) {
	s := newRemote(t)
	s.next()
	s.next()
	before := s.objects.Clone()
	s.next()
	e := s.start(t, seedtest.Dir(t), nil)
	if err := e.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := s.objects.Clone()
	s.objects.Become(before)
	if err := e.Follow(t.Context()); err == nil {
		t.Error("it followed a head of before")
	}
	if got := s.serves(t, e); got != 3 {
		t.Errorf("it serves release %d", got)
	}
	s.objects.Become(after)
	if err := e.Follow(t.Context()); err != nil {
		t.Error(err)
	}
	for _, key := range s.objects.Keys("") {
		s.objects.Remove(key)
	}
	s.last = nil
	s.next()
	if err := e.Follow(t.Context()); err != nil {
		t.Error(err)
	}
	if got := s.serves(t, e); got != 4 {
		t.Errorf("it serves release %d", got)
	}
}
