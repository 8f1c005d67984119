package release_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// publishMany publishes n releases, one a minute, oldest first.
func publishMany(t *testing.T, s *release.Store, n int) []*release.Release {
	t.Helper()
	var all []*release.Release
	var last *release.Release
	for i := range n {
		last = commit(t, s, last, noon.Add(time.Duration(i)*time.Minute), map[string]string{"home.json": fmt.Sprintf(`{"n":%d}`, i)})
		publish(t, s, last)
		all = append(all, last)
	}
	return all
}

func wantCode(t *testing.T, err error, code ovenbird.Code, part string) {
	t.Helper()
	if ovenbird.CodeOf(err) != code || err != nil && !strings.Contains(err.Error(), part) {
		t.Errorf("got %q %v; want %q with %q", ovenbird.CodeOf(err), err, code, part)
	}
}

func TestEmptyBucketHasNoRelease(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	head, err := s.Head(t.Context())
	if err != nil || head.Current != "" || head.Version() != "" {
		t.Errorf("got %+v, %v", head, err)
	}
	if version, err := s.Version(t.Context()); err != nil || version != "" {
		t.Errorf("got %q, %v", version, err)
	}
	if _, ok := head.CurrentRelease(); ok {
		t.Error("there is a current release")
	}
}

func TestEveryChangeOfTheHeadShowsInItsVersion(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	releases := publishMany(t, s, 2)
	seen := make(map[bucket.Version]bool)
	look := func(head release.Head, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		polled, err := s.Version(t.Context())
		if err != nil || polled != head.Version() || seen[polled] {
			t.Errorf("polled %q, %v; the head is %q, seen before: %t", polled, err, head.Version(), seen[polled])
		}
		seen[polled] = true
	}
	id := releases[0].Ref().ID
	look(s.Pin(t.Context(), id, "premiere"))
	look(s.Unpin(t.Context(), id)) // as before the pin, and yet another state
	look(s.Rollback(t.Context(), id, "wrong rails", noon))
	look(s.Resume(t.Context()))
}

func TestPublishingTwiceIsOnce(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	r := commit(t, s, nil, noon, map[string]string{"home.json": "{}"})
	first := publish(t, s, r)
	second := publish(t, s, r)
	if first.Version() != second.Version() || len(second.Releases) != 1 {
		t.Errorf("the head changed: %+v", second)
	}
}

func TestOnlyAReleaseThatFollowsTheCurrentOneIsPublished(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	base := publishMany(t, s, 1)[0]
	a := commit(t, s, base, noon.Add(time.Hour), map[string]string{"home.json": `"a"`})
	b := commit(t, s, base, noon.Add(time.Hour), map[string]string{"home.json": `"b"`})
	publish(t, s, a)
	_, err := s.Publish(t.Context(), b.Ref())
	wantCode(t, err, ovenbird.Conflict, "it follows release")
	orphan := commit(t, s, nil, noon, map[string]string{"home.json": `"c"`})
	_, err = s.Publish(t.Context(), orphan.Ref())
	wantCode(t, err, ovenbird.Conflict, a.Ref().ID)
	_, err = s.Publish(t.Context(), base.Ref())
	wantCode(t, err, ovenbird.Conflict, base.Ref().ID)
}

func TestOneOfManyBakersWins(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	base := publishMany(t, s, 1)[0]
	var all sync.WaitGroup
	won := make(chan string, 8)
	for i := range cap(won) {
		r := commit(t, s, base, noon.Add(time.Hour), map[string]string{"home.json": strconv.Itoa(i)})
		all.Go(func() {
			switch _, err := s.Publish(t.Context(), r.Ref()); {
			case err == nil:
				won <- r.Ref().ID
			case ovenbird.CodeOf(err) != ovenbird.Conflict:
				t.Error(err)
			}
		})
	}
	all.Wait()
	head, err := s.Head(t.Context())
	if err != nil || len(won) != 1 || head.Current != <-won || len(head.Releases) != 2 {
		t.Errorf("%d won; the head is %+v, %v", len(won), head, err)
	}
}

func TestReleaseThatIsNotCompleteIsNotPublished(t *testing.T) {
	s, b := openStore(t, release.Config{})
	first := publishMany(t, s, 1)[0]
	second := commit(t, s, first, noon.Add(time.Hour), map[string]string{"home.json": "2"})
	if err := b.Delete(t.Context(), release.PackKey(first.Ref().Pack)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Publish(t.Context(), second.Ref())
	wantCode(t, err, ovenbird.NotFound, first.Ref().Pack.String())
}

func TestRollbackServesTheOldReleaseAndHoldsPublishing(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	all := publishMany(t, s, 3)
	old := all[0].Ref().ID
	head, err := s.Rollback(t.Context(), old, "wrong rails", noon.Add(time.Hour))
	if err != nil || head.Current != old || head.Hold == nil || head.Hold.Reason != "wrong rails" || len(head.Releases) != 3 {
		t.Fatalf("got %+v, %v", head, err)
	}
	next := commit(t, s, all[0], noon.Add(time.Hour), map[string]string{"home.json": `"fixed"`})
	_, err = s.Publish(t.Context(), next.Ref())
	wantCode(t, err, ovenbird.Held, "wrong rails")

	if head, err = s.Resume(t.Context()); err != nil || head.Hold != nil || head.Current != old {
		t.Errorf("after Resume: %+v, %v", head, err)
	}
	if head = publish(t, s, next); head.Current != next.Ref().ID {
		t.Errorf("current is %s", head.Current)
	}
}

func TestRollbackPastTheHorizonIsRefused(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	id := publishMany(t, s, 2)[0].Ref().ID
	_, err := s.Rollback(t.Context(), id, "x", noon.Add(24*time.Hour))
	wantCode(t, err, ovenbird.Held, "later release")
	if _, err := s.Rollback(t.Context(), id, "x", noon.Add(24*time.Hour-1)); err != nil {
		t.Error(err)
	}
}

func TestUnknownReleaseIsNotFound(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	publishMany(t, s, 1)
	_, pin := s.Pin(t.Context(), "x", "")
	_, unpin := s.Unpin(t.Context(), "x")
	_, rollback := s.Rollback(t.Context(), "x", "", noon)
	_, load := s.Load(t.Context(), release.Ref{ID: "x"})
	for _, err := range []error{pin, unpin, rollback, load} {
		wantCode(t, err, ovenbird.NotFound, "x")
	}
}

func TestDamagedHeadIsReported(t *testing.T) {
	for body, part := range map[string]string{"{": "damaged", `{"format":2}`: "format 2"} {
		s, b := openStore(t, release.Config{})
		if _, err := b.Swap(t.Context(), release.HeadKey, []byte(body), ""); err != nil {
			t.Fatal(err)
		}
		_, err := s.Head(t.Context())
		wantCode(t, err, ovenbird.Internal, part)
	}
}

func TestCollectKeepsTheNewestThePinnedAndTheCurrent(t *testing.T) {
	s, b := openStore(t, release.Config{Keep: 2})
	all := publishMany(t, s, 6)
	id := func(i int) string { return all[i].Ref().ID }
	if _, err := s.Pin(t.Context(), id(0), "premiere"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rollback(t.Context(), id(2), "test", noon); err != nil {
		t.Fatal(err)
	}
	collected, err := s.Collect(t.Context(), time.Now().Add(time.Hour), time.Minute)
	if err != nil || !slices.Equal(collected.Releases, []string{id(3), id(1)}) {
		t.Errorf("got %+v, %v", collected, err)
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, k := range head.Releases {
		kept = append(kept, k.ID)
		r, err := s.Load(t.Context(), k.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if want := []string{id(5), id(4), id(2), id(0)}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	_, err = s.Load(t.Context(), all[3].Ref())
	if err == nil && !slices.ContainsFunc(head.Releases, func(k release.Kept) bool { return k.Pack == all[3].Ref().Pack }) {
		// Its pack may be in use by a later release; then it may stay.
		if !usedByAny(t, s, head, all[3].Ref().Pack) {
			t.Error("a pack that nobody needs was kept")
		}
	}
	if n := len(keys(t, b)); n > 7 {
		t.Errorf("%d objects are left", n)
	}
}

func TestTheHeadStaysShortWithoutCollecting(t *testing.T) {
	s, _ := openStore(t, release.Config{Keep: 2})
	all := publishMany(t, s, 1)
	if _, err := s.Pin(t.Context(), all[0].Ref().ID, "premiere"); err != nil {
		t.Fatal(err)
	}
	parent := all[0]
	for i := range 30 {
		parent = commit(t, s, parent, noon.Add(time.Duration(i+1)*time.Minute), map[string]string{"home.json": fmt.Sprintf(`{"a":%d}`, i)})
		head := publish(t, s, parent)
		if n := len(head.Releases); n < min(i+2, 3) || n > 7 {
			t.Fatalf("after release %d it lists %d", i+2, n)
		}
		if _, ok := head.Release(all[0].Ref().ID); !ok || head.Current != parent.Ref().ID {
			t.Fatalf("after release %d: the pinned one is not listed, or it is not current", i+2)
		}
	}
}

func usedByAny(t *testing.T, s *release.Store, head release.Head, pack release.Hash) bool {
	t.Helper()
	return slices.ContainsFunc(head.Releases, func(k release.Kept) bool {
		r, err := s.Load(t.Context(), k.Ref)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(r.Manifest().Packs, pack)
	})
}

func TestCollectSparesWhatIsYoung(t *testing.T) {
	s, b := openStore(t, release.Config{})
	publishMany(t, s, 1)
	w, err := s.Begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	baking, err := w.Commit(t.Context(), release.Content{Tree: release.NewTree(nil)}, meta(noon))
	if err != nil {
		t.Fatal(err)
	}
	key := release.PackKey(baking.Ref().Pack)
	written, err := b.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		now   time.Time
		packs int
	}{
		{written.Modified.Add(time.Hour), 0},
		{written.Modified.Add(time.Hour + 1), 1},
	} {
		collected, err := s.Collect(t.Context(), test.now, time.Hour)
		if err != nil || collected.Packs != test.packs {
			t.Errorf("at %s: got %+v, %v", test.now, collected, err)
		}
	}
	if _, err := b.Stat(t.Context(), key); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestCollectDeletesNothingWithoutAHead(t *testing.T) {
	s, b := openStore(t, release.Config{})
	publishMany(t, s, 1)
	if err := b.Delete(t.Context(), release.HeadKey); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	if n := len(keys(t, b)); n != 1 {
		t.Errorf("%d packs are left", n)
	}
}

func TestCollectLeavesForeignObjectsAlone(t *testing.T) {
	s, b := openStore(t, release.Config{})
	publishMany(t, s, 1)
	foreign := []string{"packs/readme.txt", "packs/ab/notahash.pack", "media/1"}
	for _, key := range foreign {
		if err := b.Create(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	for _, key := range foreign {
		if _, err := b.Stat(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
}
