package release_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

func TestRootDoesNotDependOnWhoAddsWhen(t *testing.T) {
	s, _ := openStore(t, release.Config{PackSize: 4000})
	ctx := t.Context()
	var roots []release.Hash
	for round := range 3 {
		w, err := s.Begin(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]release.Row, 300)
		order := rand.New(rand.NewPCG(1, uint64(round))).Perm(len(rows))
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := worker; i < len(order); i += 4 {
					n := order[i]
					h, err := w.Add(ctx, fmt.Appendf(nil, `{"shared by three":%d}`, n/3))
					if err != nil {
						t.Error(err)
					}
					rows[n] = release.NewRow(release.Key{Path: strconv.Itoa(n)}, []release.Class{{Countries: countries("FI"), Object: h}})
				}
			})
		}
		all.Wait()
		r, err := w.Commit(ctx, release.Content{Tree: release.NewTree(rows)}, meta(noon))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(ctx); err != nil {
			t.Error(err)
		}
		roots = append(roots, r.Manifest().Root)
	}
	if len(slices.Compact(roots)) != 1 {
		t.Errorf("roots differ: %v", roots)
	}
}

func TestSmallReleaseWritesOnePackAndABigOneSeveral(t *testing.T) {
	s, b := openStore(t, release.Config{PackSize: 10_000})
	bodies := map[string]string{"home.json": "{}"}
	r := commit(t, s, nil, noon, bodies)
	if n := len(keys(t, b)); n != 1 || len(r.Manifest().Packs) != 0 {
		t.Errorf("a small release wrote %d packs", n)
	}
	for i := range 20 {
		bodies[strconv.Itoa(i)] = noise(i, 10_000)
	}
	r = commit(t, s, r, noon, bodies)
	if got := len(r.Manifest().Packs); got < 5 {
		t.Errorf("a big one refers to %d packs", got)
	}
	if err := r.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// noise returns a document that does not shrink.
func noise(seed, size int) string {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, size)
	_, _ = r.Read(b) // never fails
	return "{" + string(b)
}

func keys(t *testing.T, b *bucket.Bucket) []string {
	t.Helper()
	var list []string
	for info, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, info.Key)
	}
	return list
}

func TestWhatTheParentHasIsNotStoredAgain(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	bodies := make(map[string]string)
	for i := range 200 {
		bodies[strconv.Itoa(i)] = noise(i, 1000)
	}
	first := commit(t, s, nil, noon, bodies)
	bodies["7"] = "{}"
	second := commit(t, s, first, noon.Add(time.Minute), bodies)
	grown := second.Manifest().Counts.Bytes - first.Manifest().Counts.Bytes
	if grown > 10_000 {
		t.Errorf("one changed document wrote %d bytes", grown)
	}
}

func TestCommitRefusesWhatWasNeverAdded(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	w, err := s.Begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	row := release.NewRow(release.Key{Edition: "tv", Path: "home.json"},
		[]release.Class{{Countries: countries("FI"), Object: release.HashOf([]byte("never"))}})
	for name, content := range map[string]release.Content{
		"tree":  {Tree: release.NewTree([]release.Row{row})},
		"patch": {Tree: release.NewTree(nil), Patches: []release.Patch{release.NewPatch(noon, []release.Row{row})}},
	} {
		_, err := w.Commit(t.Context(), content, meta(noon))
		if err == nil || !strings.Contains(err.Error(), "tv/home.json") {
			t.Errorf("in the %s: got %v", name, err)
		}
	}
}

func TestCommitRefusesPatchesOutOfOrder(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	w, err := s.Begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := release.NewPatch(noon, nil)
	_, err = w.Commit(t.Context(), release.Content{Tree: release.NewTree(nil), Patches: []release.Patch{p, p}}, meta(noon))
	if err == nil || !strings.Contains(err.Error(), "does not come after") {
		t.Errorf("got %v", err)
	}
}

// TestNodeThatComesBackBringsWhatItRefersTo makes a node that stays in a pack
// as a leftover while the partition that it names is left behind by a sweep, and then
// comes back.
func TestNodeThatComesBackBringsWhatItRefersTo(t *testing.T) {
	s, _ := openStore(t, release.Config{PackSize: 100_000})
	big := noise(1, 50_000)
	release1 := bakeIn(t, s, nil, 1, "FI", `{"a":1}`, "") // the partition {FI} lies in its pack
	last := bakeIn(t, s, release1, 2, "FI", `{"a":1}`, big)
	want := last.Manifest().Root
	for i := 3; i < 12; i++ {
		last = bakeIn(t, s, last, i, "SE", fmt.Sprintf(`{"a":%d}`, i), big)
	}
	if slices.Contains(last.Manifest().Packs, release1.Ref().Pack) {
		t.Fatal("the first pack was not swept away: the test tests nothing")
	}
	last = bakeIn(t, s, last, 12, "FI", `{"a":1}`, big)
	if last.Manifest().Root != want {
		t.Fatal("the node did not come back: the test tests nothing")
	}
	if err := last.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// bakeIn commits two documents for one country; an empty one is left out.
func bakeIn(t *testing.T, s *release.Store, parent *release.Release, minute int, country ovenbird.Country, bodies ...string) *release.Release {
	t.Helper()
	w, err := s.Begin(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	w.Sweep()
	var rows []release.Row
	for i, body := range bodies {
		if body == "" {
			continue
		}
		h, err := w.Add(t.Context(), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, release.NewRow(release.Key{Path: strconv.Itoa(i)}, []release.Class{{Countries: countries(country), Object: h}}))
	}
	r, err := w.Commit(t.Context(), release.Content{Tree: release.NewTree(rows)}, meta(noon.Add(time.Duration(minute)*time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestManyReleasesReferToFewPacks(t *testing.T) {
	s, _ := openStore(t, release.Config{MaxPacks: 8})
	var last *release.Release
	bodies := make(map[string]string)
	for i := range 40 {
		bodies[strconv.Itoa(i%25)] = fmt.Sprintf(`{"n":%d}`, i)
		last = commit(t, s, last, noon.Add(time.Duration(i)*time.Minute), bodies)
		if n := len(last.Manifest().Packs) + 1; n > 8 {
			t.Fatalf("release %d refers to %d packs", i, n)
		}
		if err := last.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// packBytes returns the size of every pack in a bucket.
func packBytes(t *testing.T, b *bucket.Bucket) map[string]int64 {
	t.Helper()
	sizes := make(map[string]int64)
	for info, err := range b.List(t.Context(), "packs/") {
		if err != nil {
			t.Fatal(err)
		}
		sizes[info.Key] = info.Size
	}
	return sizes
}

// TestAnEditCopiesNoMoreThanItsShare has releases of which each is larger than all
// packs that may be merged at once.
func TestAnEditCopiesNoMoreThanItsShare(t *testing.T) {
	const packSize, edit = 40_000, 2_000
	s, b := openStore(t, release.Config{MaxPacks: 8, PackSize: packSize})
	bodies := make(map[string]string)
	for i := range 100 {
		bodies[strconv.Itoa(i)] = noise(i, 5_000)
	}
	last := commit(t, s, nil, noon, bodies)
	for i := range 60 {
		before := packBytes(t, b)
		bodies[strconv.Itoa(i)] = noise(1000+i, edit)
		last = commit(t, s, last, noon.Add(time.Duration(i+1)*time.Minute), bodies)
		var written int64
		for key, size := range packBytes(t, b) {
			if _, old := before[key]; !old {
				written += size
			}
		}
		if written > packSize {
			t.Fatalf("edit %d wrote %d bytes", i, written)
		}
	}
	small := 0
	for _, pack := range last.Manifest().Packs {
		if packBytes(t, b)[release.PackKey(pack)] < packSize/5 {
			small++
		}
	}
	if small > 8 {
		t.Errorf("there are %d small packs", small)
	}
	if err := last.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestASweepLeavesGarbageBehind edits one document until nearly all bytes are
// garbage: without a sweep they stay, with one they go.
func TestASweepLeavesGarbageBehind(t *testing.T) {
	s, _ := openStore(t, release.Config{MaxPacks: 4, PackSize: 40_000})
	edit := func(last *release.Release, i int, sweep bool) *release.Release {
		t.Helper()
		w, err := s.Begin(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		if sweep {
			w.Sweep()
		}
		content, err := makeContent(t.Context(), w, noon.Add(time.Hour), map[string]string{"a": noise(i, 5_000)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.Commit(t.Context(), content, meta(noon.Add(time.Duration(i)*time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var last *release.Release
	for i := range 40 {
		last = edit(last, i, false)
	}
	if got := last.Manifest().Counts.Bytes; got < 40*5_000 {
		t.Fatalf("the packs have %d bytes: there is no garbage to sweep", got)
	}
	last = edit(last, 40, true)
	if got := last.Manifest().Counts.Bytes; got > 20_000 {
		t.Errorf("after a sweep the packs have %d bytes", got)
	}
	if err := last.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUnchanged(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	r := commit(t, s, nil, noon, map[string]string{"home.json": "{}"})
	content, err := r.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Begin(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	later := meta(noon)
	later.HorizonEnd = later.HorizonEnd.Add(time.Hour)
	otherSite := meta(noon)
	otherSite.Site = "other"
	for _, test := range []struct {
		name    string
		w       *release.Writer
		content release.Content
		meta    release.Meta
		want    bool
	}{
		{"same", w, content, meta(noon), true},
		{"no parent", first, content, meta(noon), false},
		{"later horizon", w, content, later, false},
		{"other site", w, content, otherSite, false},
		{"other rows", w, release.Content{Tree: release.NewTree(nil)}, meta(noon), false},
	} {
		if got := test.w.Unchanged(test.content, test.meta); got != test.want {
			t.Errorf("%s: got %t", test.name, got)
		}
	}
}

func TestFollowingReadsOnlyTheDifference(t *testing.T) {
	dir := t.TempDir()
	b, err := bucket.OpenDisk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := release.Open(b, release.Config{})
	if err != nil {
		t.Fatal(err)
	}
	bodies := make(map[string]string)
	for i := range 2000 {
		bodies[strconv.Itoa(i)] = fmt.Sprintf(`{"n":%d}`, i)
	}
	first := commit(t, s, nil, noon, bodies)
	edge, err := s.Load(t.Context(), first.Ref())
	if err != nil {
		t.Fatal(err)
	}
	before, err := edge.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bodies["1000"] = `{"n":"new"}`
	second := commit(t, s, first, noon.Add(time.Minute), bodies)
	publish(t, s, first)
	publish(t, s, second)

	// With the first pack gone, following works if it is not read again.
	if err := b.Delete(t.Context(), release.PackKey(first.Ref().Pack)); err != nil {
		t.Fatal(err)
	}
	next, err := s.Load(t.Context(), second.Ref())
	if err != nil {
		t.Fatal(err)
	}
	next.Share(edge)
	after, err := next.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes := slices.Collect(before.Tree.Diff(after.Tree))
	if len(changes) != 1 || changes[0].Key.Path != "1000" {
		t.Fatalf("got %v", changes)
	}
	if got, err := bodyOf(t.Context(), next, "1000", "SE"); err != nil || got != `{"n":"new"}` {
		t.Errorf("got %s, %v", got, err)
	}
	if after.Root() != second.Manifest().Root {
		t.Error("the followed content has another root")
	}
}

func TestStoredReleasesDiffLikeTheirTrees(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	bodies := make(map[string]string)
	for i := range 500 {
		bodies[strconv.Itoa(i)] = fmt.Sprintf(`{"n":%d}`, i)
	}
	a := commit(t, s, nil, noon, bodies)
	bodies["7"] = "{}"
	delete(bodies, "8")
	bodies["new"] = "{}"
	b := commit(t, s, a, noon.Add(time.Minute), bodies)
	load := func(r *release.Release) *release.Release {
		fresh, err := s.Load(t.Context(), r.Ref())
		if err != nil {
			t.Fatal(err)
		}
		return fresh
	}
	paths := func(from, to *release.Release) []string {
		var paths []string
		for c, err := range release.Diff(t.Context(), from, to) {
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, c.Key.Path)
		}
		slices.Sort(paths)
		return paths
	}
	want := []string{"7", "8", "new"}
	for name, got := range map[string][]string{
		"both in the bucket": paths(load(a), load(b)),
		"one in memory":      paths(a, load(b)),
		"both in memory":     paths(a, b),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestVerifyFindsASlotWithoutACard(t *testing.T) {
	s, _ := openStore(t, release.Config{})
	ctx := t.Context()
	w, err := s.Begin(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	slot := release.CardPath("shape", "t1")
	list, err := w.Add(ctx, release.Template{Literals: []string{"[", "]"}, Slots: []string{slot}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	card, err := w.Add(ctx, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	home := release.NewRow(release.Key{Edition: "tv", Path: "home.json"}, []release.Class{{Countries: countries("FI", "SE"), Object: list}})
	cardRow := func(codes ...ovenbird.Country) release.Row {
		return release.NewRow(release.Key{Edition: "tv", Path: slot}, []release.Class{{Countries: countries(codes...), Object: card}})
	}
	r, err := w.Commit(ctx, release.Content{
		Tree:    release.NewTree([]release.Row{home, cardRow("FI", "SE")}),
		Patches: []release.Patch{release.NewPatch(noon.Add(time.Hour), []release.Row{cardRow("FI")})},
	}, meta(noon))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Manifest().Counts.Documents; got != 2 {
		t.Errorf("cards are no documents, but %d are counted", got)
	}
	err = r.Verify(ctx)
	if err == nil || !strings.Contains(err.Error(), "no card in SE") || !strings.Contains(err.Error(), "13:00") {
		t.Errorf("got %v", err)
	}
}

func TestDamagedPackIsReported(t *testing.T) {
	s, b := openStore(t, release.Config{})
	ctx := t.Context()
	r := commit(t, s, nil, noon, map[string]string{"home.json": noise(1, 1000)})
	key := release.PackKey(r.Ref().Pack)
	body, version, err := b.Read(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(body)
	damaged[100] ^= 1
	if _, err := b.Swap(ctx, key, damaged, version); err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(ctx); ovenbird.CodeOf(err) != ovenbird.Internal || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

func TestWritingFailsWhenTheBucketDoes(t *testing.T) {
	s, _ := openStore(t, release.Config{PackSize: 10})
	w, err := s.Begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Add(ended, []byte(noise(1, 100_000))); !errors.Is(err, context.Canceled) {
		t.Errorf("Add: got %v", err)
	}
	if _, err := w.Commit(t.Context(), release.Content{Tree: release.NewTree(nil)}, meta(noon)); !errors.Is(err, context.Canceled) {
		t.Errorf("a commit after a lost pack: got %v", err)
	}
}
