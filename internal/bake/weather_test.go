package bake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	auditor "ovenbird/internal/audit"
	"ovenbird/internal/bake"
	"ovenbird/internal/bucket/faulttest"
	"ovenbird/internal/bucket/seedtest"
	"ovenbird/internal/engine"
	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// newsroom is a catalog in which each edit renames movies, and adds one to a rail or
// takes it away.
type newsroom struct{ edits int }

func (n *newsroom) Sequence(context.Context) (int64, error) { return int64(n.edits), nil }

func (n *newsroom) Snapshot(context.Context) (*ovenbird.Snapshot, error) {
	var all titles
	var rights licenses
	on := rail("k")
	for i := range 7 + max(n.edits%8, 8-n.edits%8) {
		id := ovenbird.TitleID(fmt.Sprintf("m%d", i))
		all = append(all, film(id, named("en", fmt.Sprintf("Movie %d, edit %d", i, n.edits*(i%2)))))
		l := right(id, "*")
		l.Window.End = noon.Add(time.Duration(i+1) * time.Hour)
		rights = append(rights, l)
		on.Items = append(on.Items, id)
	}
	return ovenbird.NewSnapshot(int64(n.edits), all, rights, collections{on}), nil
}

func (n *newsroom) Refresh(ctx context.Context, prev *ovenbird.Snapshot) (*ovenbird.Snapshot, ovenbird.Touched, error) {
	next, err := n.Snapshot(ctx)
	touched := ovenbird.Touched{Collections: []ovenbird.CollectionID{"k"}}
	for _, s := range []*ovenbird.Snapshot{prev, next} {
		for id := range s.Titles {
			touched.Titles = append(touched.Titles, id)
		}
	}
	slices.Sort(touched.Titles)
	touched.Titles = slices.Compact(touched.Titles)
	return next, touched, err
}

// bakery is a service over a bucket that a test breaks.
type bakery struct {
	*bake.Service
	bucket   *faulttest.Store
	weather  func(faulttest.Call) faulttest.Fault // nil is fine
	back     atomic.Int64                         // by how much the clock is behind noon
	catalog  *newsroom
	releases *release.Store // as the service has them
	calm     *release.Store // the same without faults
	site     model.Site
	program  *bake.Program
}

func newBakery(t *testing.T) *bakery {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs an engine")
	}
	b := &bakery{bucket: faulttest.NewStore(), catalog: &newsroom{}, site: trapSite()}
	b.program = load(t, t.TempDir(), b.site)
	runs, err := engine.New(t.Context(), engine.Config{Path: filepath.Join(t.TempDir(), "engine.db"), Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runs.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	config := release.Config{Keep: 3, PackSize: 4000, MaxPacks: 5}
	if b.releases, err = release.Open(b.bucket.Open(func(c faulttest.Call) faulttest.Fault {
		if b.weather == nil {
			return faulttest.None
		}
		return b.weather(c)
	}), config); err != nil {
		t.Fatal(err)
	}
	if b.calm, err = release.Open(b.bucket.Open(nil), config); err != nil {
		t.Fatal(err)
	}
	b.Service, err = bake.New(bake.Config{Program: b.program, Editions: b.editions(), Now: func() time.Time { return noon.Add(-time.Duration(b.back.Load())) }},
		bake.Deps{Catalog: b.catalog, Releases: b.releases, Engine: runs})
	if err != nil {
		t.Fatal(err)
	}
	if err := runs.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bakery) editions() []release.Edition {
	var all []release.Edition
	for _, a := range b.program.Applications {
		for _, e := range a.Editions {
			all = append(all, release.Edition{
				Name: e.Name(), Application: a.Name, Language: string(e.Language), Countries: e.Countries.List(),
			})
		}
	}
	return all
}

// check holds the release that is served against the catalog: a bake of everything
// without a bucket, and the model that shares no code with bakes.
func (b *bakery) check(t *testing.T) {
	t.Helper()
	head, err := b.calm.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := head.CurrentRelease()
	served, err := b.calm.Load(t.Context(), kept.Ref)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := b.catalog.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, err := bake.Full(t.Context(), b.program, snapshot, noon, newPantry())
	if err != nil {
		t.Fatal(err)
	}
	if state.Content.Root() != served.Manifest().Root {
		t.Errorf("after edit %d root %s is served; without faults it is %s", b.catalog.edits, served.Manifest().Root, state.Content.Root())
	}
	report, err := auditor.Run(t.Context(), auditor.Config{Variations: 2, Instants: 1, Seed: uint64(b.catalog.edits)},
		auditor.Deps{Model: newModel(t, b.site, snapshot), Site: &b.site, Release: served})
	if err != nil || !report.Good() {
		t.Errorf("after edit %d: %+v, %v", b.catalog.edits, report, err)
	}
}

// settle bakes until that works, and returns how often it failed.
func (b *bakery) settle(t *testing.T, request bake.Request) (failures int) {
	t.Helper()
	for {
		outcome, err := b.Bake(t.Context(), request)
		if err == nil && outcome.Status == bake.Stopped {
			t.Fatalf("held: %s", outcome.Why)
		}
		if err == nil && int(outcome.Sequence) == b.catalog.edits {
			return failures
		}
		failures++
		if failures > 20 {
			t.Fatalf("it does not work any more: %+v, %v", outcome, err)
		}
	}
}

// Edit after edit is baked while the bucket fails in any of all ways, for a few
// calls or for many. When it is fine again, the release is what it would have been.
func TestBakesComeToTheSameThroughFaultsOfTheBucket(t *testing.T) {
	b := newBakery(t)
	b.settle(t, bake.Request{})
	failures, injected := 0, 0
	seedtest.Each(t, 3, func(t *testing.T, seed uint64) {
		t.Helper()
		random := rand.New(rand.NewPCG(seed, 4))
		for range 3 {
			b.catalog.edits++
			calls, from, length := 0, random.IntN(20), 1+random.IntN(8)
			fault := faulttest.Faults[random.IntN(len(faulttest.Faults))]
			b.weather = seedtest.Locked(func(faulttest.Call) faulttest.Fault {
				calls++
				if calls <= from || calls > from+length {
					return faulttest.None
				}
				injected++
				return fault
			})
			failures += b.settle(t, bake.Request{Full: random.IntN(3) == 0})
			if _, err := b.releases.Collect(t.Context(), time.Now().Add(2*time.Hour), time.Hour); err != nil {
				failures++
			}
			b.weather = nil
			b.settle(t, bake.Request{})
			b.check(t)
		}
	})
	t.Logf("%d edits, %d faults, %d failures", b.catalog.edits, injected, failures)
}

// A pack of the release that is served is lost, each in turn. The bake of the next
// edit mends that by itself, whether or not the process remembers the release.
func TestAReleaseThatTheClockHasFallenBehindIsNotPublished(t *testing.T) {
	b := newBakery(t)
	b.settle(t, bake.Request{})
	before, err := b.calm.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.catalog.edits++
	b.weather = func(faulttest.Call) faulttest.Fault {
		b.back.Store(int64(time.Hour))
		return faulttest.None
	}
	if outcome, err := b.Bake(t.Context(), bake.Request{}); err == nil || !strings.Contains(err.Error(), "set back") {
		t.Errorf("got %+v, %v", outcome, err)
	}
	if after, err := b.calm.Head(t.Context()); err != nil || after.Current != before.Current {
		t.Errorf("release %s is served, want %s; %v", after.Current, before.Current, err)
	}
	outcome, err := b.Bake(t.Context(), bake.Request{})
	if err != nil || outcome.Status != bake.Published || !outcome.AsOf.Equal(noon.Add(-time.Hour)) {
		t.Errorf("got %+v, %v", outcome, err)
	}
}

func TestABakeMendsWhatIsLost(t *testing.T) {
	b := newBakery(t)
	b.settle(t, bake.Request{})
	for lost := range 3 {
		for _, full := range []bool{false, true} {
			b.catalog.edits++
			b.settle(t, bake.Request{})
			packs := b.packs(t)
			b.bucket.Remove(release.PackKey(packs[lost%len(packs)]))
			b.catalog.edits++
			if failures := b.settle(t, bake.Request{Full: full}); failures > 1 {
				t.Errorf("it took %d attempts", failures+1)
			}
			b.check(t)
		}
	}
	// Nothing is edited, and everything is lost but the head.
	for _, key := range b.bucket.Keys("packs/") {
		b.bucket.Remove(key)
	}
	b.settle(t, bake.Request{Full: true})
	b.check(t)
}

// What is damaged without anybody having noticed is shared by release after
// release, until a bake shares nothing.
func TestABakeAnewMendsWhatIsDamaged(t *testing.T) {
	b := newBakery(t)
	b.settle(t, bake.Request{})
	for _, pack := range b.packs(t) {
		b.bucket.Rot(release.PackKey(pack), func(body []byte) []byte {
			for i := 30; i < len(body)/3; i += 100 {
				body[i] ^= 0x10
			}
			return body
		})
	}
	b.settle(t, bake.Request{})
	head, err := b.calm.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	damaged, err := b.calm.Load(t.Context(), head.Releases[0].Ref)
	if err == nil {
		err = damaged.Verify(t.Context())
	}
	if ovenbird.CodeOf(err) != ovenbird.Internal {
		t.Errorf("what is damaged verifies: %v", err)
	}
	outcome, err := b.Bake(t.Context(), bake.Request{Anew: true})
	if err != nil || outcome.Status != bake.Published {
		t.Errorf("got %+v, %v", outcome, err)
	}
	b.check(t)
	// The releases after it can be gone on from.
	for range 3 {
		b.catalog.edits++
		b.settle(t, bake.Request{})
	}
	b.check(t)
}

// packs are those of the release that is served.
func (b *bakery) packs(t *testing.T) []release.Hash {
	t.Helper()
	head, err := b.calm.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept, ok := head.CurrentRelease()
	if !ok {
		t.Fatal(errors.New("there is no release"))
	}
	served, err := b.calm.Load(t.Context(), kept.Ref)
	if err != nil {
		t.Fatal(err)
	}
	return append(slices.Clone(served.Manifest().Packs), kept.Pack)
}
