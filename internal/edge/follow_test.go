package edge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

func numbered(n int) content {
	return content{rows: rows{
		"tv a.json":        {"FI SE US": fmt.Sprintf(`{"n":%d}`, n)},
		"tv b.json":        {"FI SE US": fmt.Sprintf(`{"n":%d}`, n)},
		"tv list.json":     {"FI SE US": list(fmt.Sprintf(`[%d,{{c}},{{d}}]`, n))},
		"tv " + card("c"):  {"FI SE US": fmt.Sprintf(`{"n":%d}`, n)},
		"tv " + card("d"):  {"FI": `{"fi":1}`, "SE US": `{"us":1}`},
		"tv constant.json": {"FI SE US": `{}`},
	}}
}

func TestEveryResponseBelongsToOneRelease(t *testing.T) {
	s := newSite(t, edge.Config{})
	const releases = 30
	var names sync.Map // release id to number
	publish := func(n int) {
		c := numbered(n)
		c.asOf = noon.Add(time.Duration(n) * time.Second)
		names.Store(s.publish(c).Ref().ID, n)
	}
	publish(0)
	s.follow()
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := -1
			for !done.Load() {
				for path, want := range map[string]string{
					"a.json": `{"n":%d}`, "list.json": `[%[1]d,{"n":%[1]d},{"fi":1}]`, "b.json": `{"n":%d}`,
				} {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/FI/tv/"+path, http.NoBody)
					w := httptest.NewRecorder()
					s.edge.ServeHTTP(w, r)
					number, _ := names.Load(w.Header().Get("Ovenbird-Release"))
					n, ok := number.(int)
					if !ok || w.Body.String() != fmt.Sprintf(want, n) {
						t.Errorf("release %v answered %q", number, w.Body)
						return
					}
					if n < last {
						t.Errorf("release %d came after %d", n, last)
					} else {
						last = n
					}
				}
			}
		})
	}
	for n := 1; n < releases; n++ {
		publish(n)
		s.follow()
	}
	done.Store(true)
	readers.Wait()
}

func TestWhatDidNotChangeIsShared(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(numbered(1))
	before := s.get("/FI/tv/constant.json")
	s.serve(numbered(2))
	after := s.get("/FI/tv/constant.json", "If-None-Match: "+before.header.Get("Etag"))
	after.want(t, 304, "")
	if after.header.Get("Ovenbird-Release") == before.header.Get("Ovenbird-Release") {
		t.Error("the edge still serves the release before")
	}
}

func TestEditionsThatAddressesCannotTellApartAreRefused(t *testing.T) {
	finland := []ovenbird.Country{"FI"}
	for _, editions := range [][]release.Edition{
		{{Name: "tv", Application: "tv", Countries: finland}, {Name: "tv", Application: "tv", Countries: finland}},
		{{Name: "", Application: "", Countries: finland}},
		{{Name: "tv", Application: "television", Countries: finland}},
		{{Name: "tv", Application: "tv", Language: "fi", Countries: finland}},
		{{Name: "tv", Application: "tv", Countries: []ovenbird.Country{"ZZ"}}},
		{{Name: "tv", Application: "tv", Countries: []ovenbird.Country{"fi"}}},
		// The rows of web/sv are there, but not the edition.
		{world.editions[0], world.editions[1]},
	} {
		s := serveWorld(t, edge.Config{})
		s.publish(content{rows: world.rows, editions: editions})
		if err := s.edge.Follow(t.Context()); ovenbird.CodeOf(err) != ovenbird.Internal {
			t.Errorf("%+v: got %v, want an Internal error", editions, err)
		}
		s.get("/FI/web/sv/home.json").want(t, 200, "")
	}
}

func TestAnEditionThatGoesIsNotServed(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	s.get("/FI/web/sv/home.json").want(t, 200, "")
	next := content{rows: rows{}, editions: world.editions[:2]}
	for name, r := range world.rows {
		if !strings.HasPrefix(name, "web/sv ") {
			next.rows[name] = r
		}
	}
	s.serve(next)
	s.get("/FI/web/sv/home.json").want(t, 404, "")
	s.get("/FI/web/home.json").want(t, 200, `{"l":"fi"}`)
	s.serve(world)
	s.get("/FI/web/sv/home.json").want(t, 200, `{"l":"sv"}`)
}

// faulty is a store that fails when told to.
type faulty struct {
	*release.Store
	fail atomic.Bool
}

var errBucket = errors.New("the bucket does not answer")

func (f *faulty) Version(ctx context.Context) (bucket.Version, error) {
	if f.fail.Load() {
		return "", errBucket
	}
	return f.Store.Version(ctx)
}

func TestTheEdgeFollowsThroughFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, edge.Config{})
		store := &faulty{Store: s.store}
		var err error
		s.edge, err = edge.New(edge.Config{}, edge.Deps{Releases: store, Now: s.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		store.fail.Store(true)
		if err := s.edge.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
			t.Fatal(err)
		}
		s.get("/FI/tv/a.json").want(t, 503, "")

		s.publish(numbered(1))
		store.fail.Store(false)
		wait(30 * time.Second)
		s.get("/FI/tv/a.json").want(t, 200, `{"n":1}`)

		s.publish(numbered(2))
		wait(edge.DefaultPoll)
		s.get("/FI/tv/a.json").want(t, 200, `{"n":2}`)

		store.fail.Store(true)
		s.publish(numbered(3))
		wait(time.Minute)
		s.get("/FI/tv/a.json").want(t, 200, `{"n":2}`)
		if s.edge.Status().Failures < 3 {
			t.Errorf("%d failures were counted", s.edge.Status().Failures)
		}
		store.fail.Store(false)
		s.edge.Notify()
		synctest.Wait()
		s.get("/FI/tv/a.json").want(t, 200, `{"n":3}`)

		if err := s.edge.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		s.get("/FI/tv/a.json").want(t, 200, `{"n":3}`)
	})
}

// wait lets time pass in a bubble, and everything happen that it brings.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAReleaseThatDoesNotVerifyIsNotTakenOver(t *testing.T) {
	for name, bad := range map[string]content{
		"a list with a card that is not there": {rows: rows{
			"tv a.json": {"FI": list(`[{{a}}]`)},
		}},
		"a list with a card that some country lacks": {rows: rows{
			"tv a.json": {"FI SE": list(`[{{a}}]`)}, "tv " + card("a"): {"FI": `{}`},
		}},
		"a card that goes while a list still has it": {
			rows:    rows{"tv a.json": {"FI": list(`[{{a}}]`)}, "tv " + card("a"): {"FI": `{}`}},
			patches: []patch{{one, rows{"tv " + card("a"): {}}}},
		},
		"a card with slots": {rows: rows{
			"tv a.json": {"FI": list(`[{{a}}]`)}, "tv " + card("a"): {"FI": list(`[{{b}}]`)}, "tv " + card("b"): {"FI": `{}`},
		}},
		"an edition that the manifest lacks": {rows: rows{"radio a.json": {"FI": `{}`}}},
		"a document of the whole site that differs": {rows: rows{
			" a.json": {"FI": `{"a":1}`, "SE": `{"a":2}`},
		}},
		"an object that is neither document nor template": {rows: rows{"tv a.json": {"FI": "plain text"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, edge.Config{})
			s.serve(numbered(1))
			s.publish(bad)
			for range 2 { // it is no better the second time
				if err := s.edge.Follow(t.Context()); ovenbird.CodeOf(err) != ovenbird.Internal {
					t.Fatalf("got %v, want an Internal error", err)
				}
			}
			s.get("/FI/tv/a.json").want(t, 200, `{"n":1}`)
			s.get("/FI/tv/list.json").want(t, 200, `[1,{"n":1},{"fi":1}]`)
			s.serve(numbered(2))
			s.get("/FI/tv/list.json").want(t, 200, `[2,{"n":2},{"fi":1}]`)
		})
	}
}

func TestADamagedBucketChangesNothing(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(numbered(1))
	key := release.PackKey(s.publish(numbered(2)).Ref().Pack)
	body, version, err := s.bucket.Read(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), body...)
	for i := range 64 {
		damaged[len(damaged)/3+i] ^= 0xff
	}
	version, err = s.bucket.Swap(t.Context(), key, damaged, version)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.edge.Follow(t.Context()); err == nil {
		t.Fatal("a damaged pack was taken over")
	}
	s.get("/FI/tv/a.json").want(t, 200, `{"n":1}`)
	if _, err := s.bucket.Swap(t.Context(), key, body, version); err != nil {
		t.Fatal(err)
	}
	s.follow()
	s.get("/FI/tv/a.json").want(t, 200, `{"n":2}`)
}

func TestAReleaseThatHasRunOutDoesNotReplaceOneThatHasNot(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.serve(numbered(1))
	s.clock.set(noon.Add(10 * time.Hour))
	old := numbered(2)
	old.asOf = noon.Add(-20 * time.Hour)
	s.publish(old)
	if err := s.edge.Follow(t.Context()); ovenbird.CodeOf(err) != ovenbird.Held {
		t.Fatalf("got %v, want a Held error", err)
	}
	s.get("/FI/tv/a.json").want(t, 200, `{"n":1}`)
}

// A title's edit makes out of date what holds the title, and nothing else, however
// much there is.
func TestOnlyWhatAnEditTouchesIsOutOfDate(t *testing.T) {
	s := newSite(t, edge.Config{})
	var log bytes.Buffer
	var err error
	s.edge, err = edge.New(edge.Config{}, edge.Deps{
		Releases: s.store, Now: s.clock.Now, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := changing
	serve := func(want int) {
		t.Helper()
		for _, path := range []string{"home.json", "titles/a.json", "collections.json"} {
			for _, country := range []string{"FI", "SE", "US"} {
				s.get("/" + country + "/tv/" + path)
			}
		}
		log.Reset()
		s.serve(c)
		var record struct {
			Outdated int `json:"outdated"`
		}
		if err := json.Unmarshal(log.Bytes(), &record); err != nil || record.Outdated != want {
			t.Errorf("%d rows are out of date, want %d: %s", record.Outdated, want, log.Bytes())
		}
	}
	serve(0)
	c.asOf = noon.Add(time.Minute)
	serve(0)
	c.rows = maps.Clone(c.rows)
	c.rows["tv "+card("b")] = row{"FI SE US": `{"b":2}`}
	serve(1)
	s.get("/FI/tv/home.json").want(t, 200, `{"rail":[{"a":1},{"b":2}]}`)
	s.clock.set(two)
	s.get("/FI/tv/home.json").want(t, 200, `{"rail":[{"b":2}]}`)
	c.rows["tv collections.json"] = row{"FI": `[1]`}
	serve(1)
	c.patches = c.patches[:1]
	serve(2)
	s.get("/FI/tv/home.json").want(t, 200, `{"rail":[{"a":1},{"b":2}]}`)

	c.patches = nil
	c.rows["tv home.json"] = row{"FI": list(`{"rail":[{{a}}]}`)}
	serve(2)
	s.get("/FI/tv/home.json").want(t, 200, `{"rail":[{"a":1}]}`)
}

// Viewers who ask for a coding at the same time get the same bytes.
func TestCodingsMadeLateAreMadeAlike(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	var tags sync.Map
	var viewers sync.WaitGroup
	for range 8 {
		viewers.Go(func() {
			for _, coding := range []string{"br", "gzip"} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/FI/tv/long.json", http.NoBody)
				r.Header.Set("Accept-Encoding", coding)
				w := httptest.NewRecorder()
				s.edge.ServeHTTP(w, r)
				if first, _ := tags.LoadOrStore(coding, w.Header().Get("Etag")); first != w.Header().Get("Etag") {
					t.Errorf("%s has tags %s and %s", coding, first, w.Header().Get("Etag"))
				}
			}
		})
	}
	viewers.Wait()
}
