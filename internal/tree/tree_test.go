package tree_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/tree"
)

// everything is a moment in which all titles are everywhere, in all lists.
func everything() moment {
	m := moment{versions: make(map[string]map[string]map[ovenbird.Country]int), members: make(map[string]map[string][]string)}
	for _, e := range editions {
		m.versions[e.Name], m.members[e.Name] = make(map[string]map[ovenbird.Country]int), make(map[string][]string)
		for _, title := range titles {
			m.versions[e.Name][title] = make(map[ovenbird.Country]int)
			for _, country := range e.Countries {
				m.versions[e.Name][title][country] = 1
			}
		}
		for _, list := range lists {
			m.members[e.Name][list] = titles
		}
	}
	return m
}

// without is everything but a title in a country of tv.
func without(title string, country ovenbird.Country) moment {
	m := everything()
	m.versions["tv"][title][country] = 0
	return m
}

func TestAnEditWritesWhatItChanged(t *testing.T) {
	w := newWorld(t)
	w.publish(everything())
	w.update()
	edited := everything()
	edited.versions["tv"]["a"]["SE"] = 2
	w.publish(edited)
	report := w.update()
	// The title and the three lists with its card, a copy of each, in one country.
	if report.Written != 2*(1+3) || report.Deleted != 0 || report.Whole {
		t.Errorf("got %+v", report)
	}
	var keys []string
	for _, p := range report.Purges() {
		keys = append(keys, p.Key+" "+strings.Join(p.Addresses, " "))
	}
	slices.Sort(keys)
	want := []string{
		"tv/collections/c1/1.json /SE/tv/collections/c1/1.json", "tv/home.json /SE/tv/home.json",
		"tv/search/x.json /SE/tv/search/x.json", "tv/titles/a.json /SE/tv/titles/a.json",
	}
	if !slices.Equal(keys, want) {
		t.Errorf("purges %q, want %q", keys, want)
	}
}

func TestATitleThatGoesIsPurged(t *testing.T) {
	w := newWorld(t)
	w.publish(everything())
	w.update()
	w.publish(without("a", "SE"))
	report := w.update()
	if report.Deleted != 2 || !slices.ContainsFunc(report.Purges(), func(p tree.Purge) bool {
		return p.Key == "tv/titles/a.json" && slices.Equal(p.Addresses, []string{"/SE/tv/titles/a.json"})
	}) {
		t.Errorf("got %+v, purges %+v", report, report.Purges())
	}
}

func TestCachesMayNotKeepAFileThatChangesSoon(t *testing.T) {
	w := newWorld(t)
	w.publish(everything(), without("a", "SE"))
	for _, test := range []struct {
		now              time.Time
		finnish, swedish string
		next             time.Time
		written          int64
	}{
		{now: noon, finnish: "public, max-age=60, must-revalidate", swedish: "public, max-age=60, must-revalidate", next: hour(1).Add(-90 * time.Second)},
		{now: hour(1).Add(-90 * time.Second), finnish: "public, max-age=60, must-revalidate", swedish: "no-cache", next: hour(1), written: 2 * 4},
		{now: hour(1), finnish: "public, max-age=60, must-revalidate", next: hour(24), written: 2 * 3},
	} {
		w.now = test.now
		report := w.update()
		if !report.Next.Equal(test.next) || test.written > 0 && report.Written != test.written {
			t.Errorf("at %s: %+v, want the next at %s", test.now, report, test.next)
		}
		for country, want := range map[string]string{"FI": test.finnish, "SE": test.swedish} {
			for _, suffix := range []string{"", ".gz"} {
				if got := w.shelf.files[country+"/tv/titles/a.json"+suffix].headers.CacheControl; got != want {
					t.Errorf("at %s in %s: got %q, want %q", test.now, country, got, want)
				}
			}
		}
	}
}

func TestAfterTheHorizon(t *testing.T) {
	w := newWorld(t)
	w.publish(everything(), without("a", "SE"))
	w.update()
	w.now = hour(30)
	if report := w.update(); !report.Expired || !report.Next.IsZero() {
		t.Errorf("got %+v", report)
	}
	w.wantFiles(without("a", "SE").files(w.scope))
	w.config.Withdraw = true
	w.update()
	w.wantFiles(map[string]string{})
	w.now = noon
	w.publish(without("b", "FI"))
	w.update()
	w.wantFiles(without("b", "FI").files(w.scope))
}

// A title that may have ended goes, at that instant, with all lists that show it.
func TestAfterTheHorizonWhatMayHaveEndedGoes(t *testing.T) {
	w := newWorld(t)
	ending := everything()
	ending.ends = map[string]time.Time{"a": hour(30)}
	w.publish(ending)
	w.update()
	w.now = hour(25)
	if report := w.update(); !report.Next.Equal(hour(30).Add(-90 * time.Second)) {
		t.Errorf("the next is at %s", report.Next)
	}
	w.wantFiles(everything().files(w.scope))
	w.now = hour(30).Add(-time.Second)
	if report := w.update(); !report.Next.Equal(hour(30)) {
		t.Errorf("right before, the next is at %s", report.Next)
	}
	if got := w.shelf.files["FI/tv/titles/a.json"].headers.CacheControl; got != "no-cache" {
		t.Errorf("right before, caches are told %q", got)
	}
	w.now = hour(30)
	if report := w.update(); !report.Next.IsZero() || !report.Expired {
		t.Errorf("got %+v", report)
	}
	want := everything().files(w.scope)
	maps.DeleteFunc(want, func(_, body string) bool { return strings.Contains(body, `"id":"a"`) })
	w.wantFiles(want)
	w.config.Check = true
	w.update()
	w.wantFiles(want)
}

func TestABucketWithOtherFilesIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.publish(everything())
	for _, name := range []string{"FI/old/home.json", "FI/tv/gone.json.gz", "index.html", "FI/notes.txt", "pictures/a.json"} {
		w.shelf.files[name] = shelved{body: "x"}
	}
	if _, err := w.publisher().Publish(t.Context()); ovenbird.CodeOf(err) != ovenbird.Held {
		t.Fatalf("got %v", err)
	}
	w.config.Adopt = true
	w.update()
	for name, kept := range map[string]bool{
		"FI/old/home.json": false, "FI/tv/gone.json.gz": false, "index.html": true, "FI/notes.txt": true, "pictures/a.json": true,
	} {
		if _, there := w.shelf.files[name]; there != kept {
			t.Errorf("%s: there is %t, want %t", name, there, kept)
		}
		delete(w.shelf.files, name)
	}
	w.wantFiles(everything().files(w.scope))
}

// What a hand has changed is put right by looking at every file.
func TestCheckPutsRight(t *testing.T) {
	for _, sums := range []bool{false, true} {
		w := newWorld(t)
		w.shelf.sums = sums
		w.publish(everything())
		w.update()
		w.shelf.files["FI/tv/home.json"] = shelved{body: "x"}
		delete(w.shelf.files, "SE/web/titles/a.json.gz")
		w.shelf.files["US/tv/titles/gone.json"] = shelved{body: "x"}
		w.config.Check = true
		if report := w.update(); report.Written != 2 || report.Deleted != 1 {
			t.Errorf("got %+v", report)
		}
		w.shelf.dangling = nil // the hand's doing
		w.wantFiles(everything().files(w.scope))
	}
}

// The bucket of releases may have forgotten the one that the tree holds.
func TestAReleaseThatIsNotKeptAnyMore(t *testing.T) {
	w := newWorld(t)
	w.shelf.sums = true
	w.publish(everything())
	w.update()
	for _, title := range titles {
		w.publish(without(title, "FI"))
	}
	if _, err := w.store.Collect(t.Context(), noon.Add(1000*time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	if report := w.update(); !report.Whole || report.Kept == 0 {
		t.Errorf("got %+v", report)
	}
	w.wantFiles(without("d", "FI").files(w.scope))
}

// cable is a way to a shelf that can be cut: then nothing comes through any more.
type cable struct {
	*shelf
	left atomic.Int64 // files that can be written before it is cut
}

func (c *cable) Put(ctx context.Context, key string, body []byte, headers bucket.Headers) error {
	if c.left.Add(-1) < 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	return c.shelf.Put(ctx, key, body, headers)
}

func (c *cable) Swap(ctx context.Context, key string, body []byte, expect bucket.Version) (bucket.Version, error) {
	if c.left.Load() < 0 {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return c.shelf.Swap(ctx, key, body, expect)
}

func TestTwoPublishersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.publish(everything())
		publisher := func(files int64) *tree.Publisher {
			way := &cable{shelf: w.shelf}
			way.left.Store(files)
			p, err := tree.New(tree.Config{Scope: w.scope, Workers: 1}, tree.Deps{Releases: w.store, Store: way})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		cut := make(chan error, 1)
		go func() { _, err := publisher(5).Publish(t.Context()); cut <- err }()
		synctest.Wait()
		w.publish(without("a", "FI"))
		waited := time.Now()
		for {
			_, err := publisher(1000).Publish(t.Context())
			if err == nil {
				break
			}
			if ovenbird.CodeOf(err) != ovenbird.Conflict {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		select {
		case err := <-cut:
			if err == nil {
				t.Error("the one that was cut off came to a good end")
			}
		default:
			t.Error("the second one began before the first had given up")
		}
		if took := time.Since(waited); took < time.Minute || took > 2*time.Minute {
			t.Errorf("it took %s until the second one began", took)
		}
		w.wantFiles(without("a", "FI").files(w.scope))
	})
}

// Every address at which an edge answers is a file, and no other is.
func TestATreeHasWhatAnEdgeAnswers(t *testing.T) {
	w := newWorld(t)
	m := rapid.Custom(drawMoment).Example(7)
	w.publish(m)
	w.update()
	serving, err := edge.New(edge.Config{}, edge.Deps{Releases: w.store, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if err := serving.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	addresses := []string{"variations.json"}
	for _, country := range countries {
		for _, edition := range []string{"tv", "web", "web/fi", "web/en", "web/sv"} {
			for _, path := range append(slices.Clone(lists), "titles/a.json", "titles/b.json", "titles/c.json", "titles/d.json", "fi/home.json") {
				addresses = append(addresses, string(country)+"/"+edition+"/"+path)
			}
		}
	}
	for _, name := range addresses {
		answer := httptest.NewRecorder()
		serving.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+name, http.NoBody))
		f, there := w.shelf.files[name]
		if there != (answer.Code == http.StatusOK) || there && f.body != answer.Body.String() {
			t.Errorf("%s: the edge says %d %q, the tree %q", name, answer.Code, answer.Body, f.body)
		}
		if there && f.headers.Metadata["surrogate-key"] != answer.Header().Get("Surrogate-Key") {
			t.Errorf("%s: the edge says it is %q, the tree %q", name, answer.Header().Get("Surrogate-Key"), f.headers.Metadata)
		}
	}
}

// A reader finds every file that is not as it has to be.
func TestAReaderFindsWhatIsWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.publish(everything())
		w.update()
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(w.shelf.files)), func(name string) bool {
			return name == tree.StateKey || name == "variations.json" || name == "variations.json.gz"
		})
		name := rapid.SampledFrom(names).Draw(t, "name")
		f := w.shelf.files[name]
		switch rapid.IntRange(0, 2).Draw(t, "damage") {
		case 0:
			at := rapid.IntRange(0, len(f.body)-1).Draw(t, "at")
			if strings.HasSuffix(name, ".gz") && at < 10 {
				t.Skip("not all of the header of gzip matters")
			}
			f.body = f.body[:at] + string(f.body[at]^1) + f.body[at+1:]
			w.shelf.files[name] = f
		case 1:
			delete(w.shelf.files, name)
		default:
			w.shelf.files[strings.Replace(name, ".json", "x.json", 1)] = f
		}
		if !w.damaged(t) {
			t.Fatalf("the damage at %s was not found", name)
		}
	})
}

// damaged reports whether a reader finds anything in any variation.
func (w *world) damaged(t *rapid.T) bool {
	ctx := context.Background()
	reader, err := tree.NewReader(ctx, w.shelf, editions)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range editions {
		for _, country := range e.Countries {
			found, wrong, err := reader.Documents(ctx, country, e.Name)
			if err != nil {
				t.Fatal(err)
			}
			text := make(map[string]string)
			for path, body := range found {
				text[path] = string(body)
			}
			if len(wrong) > 0 || !maps.Equal(text, everything().documents(e.Name, country)) {
				return true
			}
		}
	}
	return false
}

// The loop follows releases, and transitions by the clock.
func TestTheLoopFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		time.Sleep(time.Until(noon)) // the bubble's clock begins long before
		var published atomic.Int64
		p, err := tree.New(tree.Config{Scope: w.scope, Workers: 2}, tree.Deps{
			Releases: w.store, Store: w.shelf, Published: func(*tree.Report) { published.Add(1) },
		})
		if err != nil {
			t.Fatal(err)
		}
		w.publish(everything(), without("a", "SE"))
		if err := p.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(hour(1)) - time.Nanosecond)
		synctest.Wait()
		w.wantFiles(everything().files(w.scope))
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		w.wantFiles(without("a", "SE").files(w.scope))
		w.publish(without("b", "SE"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.wantFiles(without("b", "SE").files(w.scope))
		if published.Load() != 4 { // at first, headers before the transition, the transition, the release
			t.Errorf("%d runs changed something", published.Load())
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAFolderHoldsPlainFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("writes files")
	}
	w := newWorld(t)
	w.publish(everything())
	dir := t.TempDir()
	b, err := bucket.OpenPlain(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // nothing is lost
	publishInto(t, w, b)
	body, err := os.ReadFile(filepath.Join(dir, "FI", "web", "home.json"))
	if err != nil || string(body) != everything().documents("web/fi", "FI")["home.json"] {
		t.Errorf("got %q, %v", body, err)
	}
}

func publishInto(t *testing.T, w *world, b *bucket.Bucket) {
	t.Helper()
	p, err := tree.New(tree.Config{Scope: tree.Scope{Codings: tree.Codings(), MaxAge: 60}}, tree.Deps{
		Releases: w.store, Store: b, Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestS3SendsTheHeaders(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	gateway := buckettest.StartGateway(t)
	name := gateway.NewBucket(t)
	b, err := bucket.Open(t.Context(), bucket.Config{URL: gateway.URL(name)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // nothing is lost
	w := newWorld(t)
	w.publish(everything())
	publishInto(t, w, b)
	for suffix, encoding := range map[string]string{"": "", ".br": "br", ".gz": "gzip", ".zst": "zstd"} {
		key := "SE/web/fi/home.json" + suffix
		head, err := gateway.Client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%s %s %s %s", value(head.ContentType), value(head.ContentEncoding), value(head.CacheControl), head.Metadata["surrogate-key"])
		if want := "application/json " + encoding + " public, max-age=60, must-revalidate web/fi/ web/fi/home.json"; got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	reader, err := tree.NewReader(t.Context(), b, editions)
	if err != nil {
		t.Fatal(err)
	}
	found, wrong, err := reader.Documents(t.Context(), "SE", "web/en")
	if err != nil || len(wrong) > 0 || len(found) != len(titles)+len(lists) {
		t.Errorf("found %d documents, wrong %v, %v", len(found), wrong, err)
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
