package release_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/release"
)

// dying is a context that ends after a number of steps, each of which is one
// call of the bucket: a process that is killed between any two of them.
type dying struct {
	context.Context //nolint:containedctx // it is a context itself
	steps           int
}

func (d *dying) Err() error {
	d.steps--
	if d.steps < 0 {
		return context.Canceled
	}
	return nil
}

// operator does to a store at random what people, bakes and crashes do, and
// remembers what every release said when it was committed.
type operator struct {
	store *release.Store
	now   time.Time
	said  map[string]map[string]string // release id → path → body
	later map[string]map[string]string // the same after the patch

	checked map[string]bool // releases read since something was last deleted
}

func TestKeptReleasesStayWholeWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store, err := release.Open(bucket.OpenMemory(), release.Config{
			// In the first there is nothing to merge, in the second no second pack.
			Keep: 2, PackSize: rapid.SampledFrom([]int{1500, 30_000}).Draw(t, "pack size"), MaxPacks: 4,
		})
		if err != nil {
			t.Fatal(err)
		}
		o := &operator{store: store, now: noon, said: map[string]map[string]string{}, later: map[string]map[string]string{}, checked: map[string]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"bake":     o.bake,
			"bake 2":   o.bake, // more often than the others
			"bake 3":   o.bake,
			"pin":      func(t *rapid.T) { o.operate(t, o.pin) },
			"rollback": func(t *rapid.T) { o.operate(t, o.rollback) },
			"resume":   func(t *rapid.T) { o.operate(t, o.resume) },
			"collect":  func(t *rapid.T) { o.operate(t, o.collect) },
			"":         o.check,
		})
	})
}

// mortal returns a context that dies after a few steps, or never.
func mortal(t *rapid.T) context.Context {
	if rapid.Bool().Draw(t, "lives") {
		return t.Context()
	}
	return &dying{t.Context(), rapid.IntRange(0, 60).Draw(t, "steps")}
}

func (o *operator) bake(t *rapid.T) {
	o.now = o.now.Add(time.Minute)
	ref, err := o.tryBake(mortal(t), t)
	if err == nil {
		o.publish(t, ref)
	} else if !errors.Is(err, context.Canceled) {
		t.Fatalf("baking: %v", err)
	}
}

func (o *operator) tryBake(ctx context.Context, t *rapid.T) (release.Ref, error) {
	head, err := o.store.Head(ctx)
	if err != nil {
		return release.Ref{}, err
	}
	var parent *release.Release
	if current, ok := head.CurrentRelease(); ok {
		if parent, err = o.store.Load(ctx, current.Ref); err != nil {
			return release.Ref{}, err
		}
	}
	w, err := o.store.Begin(ctx, parent)
	if err != nil {
		return release.Ref{}, err
	}
	if rapid.Bool().Draw(t, "sweep") {
		w.Sweep()
	}
	// Few different contents, so that old ones come back.
	n := rapid.SampledFrom([]int{1, 30, 40, 70}).Draw(t, "rows")
	mix := rapid.IntRange(0, 6).Draw(t, "mix")
	bodies, later := make(map[string]string), make(map[string]string)
	for i := range n {
		bodies[strconv.Itoa(i)] = fmt.Sprintf(`{"document":%d,"revision":%d}`, i, i*mix/5%3)
	}
	maps.Copy(later, bodies)
	later[strconv.Itoa(n/2)] = `{"patched":true}`
	delete(later, "0")
	content, err := makeContent(ctx, w, o.now.Add(time.Hour), bodies, later)
	if err != nil {
		return release.Ref{}, err
	}
	if rapid.Bool().Draw(t, "collect meanwhile") {
		clear(o.checked)
		// What was just written is younger than the grace.
		if _, err := o.store.Collect(ctx, time.Now(), time.Hour); err != nil {
			return release.Ref{}, err
		}
	}
	r, err := w.Commit(ctx, content, meta(o.now))
	if err != nil {
		return release.Ref{}, err
	}
	o.said[r.Ref().ID], o.later[r.Ref().ID] = bodies, later
	return r.Ref(), nil
}

func makeContent(ctx context.Context, w *release.Writer, at time.Time, bodies, later map[string]string) (release.Content, error) {
	rows := func(bodies map[string]string) ([]release.Row, error) {
		var rows []release.Row
		for path, body := range bodies {
			h, err := w.Add(ctx, []byte(body))
			if err != nil {
				return nil, err
			}
			rows = append(rows, release.NewRow(release.Key{Edition: "tv", Path: path}, []release.Class{{Countries: countries("FI"), Object: h}}))
		}
		return rows, nil
	}
	base, err := rows(bodies)
	if err != nil {
		return release.Content{}, err
	}
	patched, err := rows(later)
	if err != nil {
		return release.Content{}, err
	}
	tree := release.NewTree(base)
	var changed []release.Row
	for c := range tree.Diff(release.NewTree(patched)) {
		changed = append(changed, c.New)
	}
	return release.Content{Tree: tree, Patches: []release.Patch{release.NewPatch(at, changed)}}, nil
}

func (o *operator) publish(t *rapid.T, ref release.Ref) {
	before := o.head(t)
	after, err := o.store.Publish(mortal(t), ref)
	switch {
	case err == nil && after.Current != ref.ID:
		t.Fatalf("published %s, but %s is current", ref.ID, after.Current)
	case err == nil && before.Hold != nil:
		t.Fatalf("published %s in spite of a hold", ref.ID)
	}
}

// operate runs a change that may die half-way; other failures are the rules' to
// give and are judged by check alone.
func (o *operator) operate(t *rapid.T, change func(ctx context.Context, t *rapid.T, ids []string) error) {
	head := o.head(t)
	var ids []string
	for _, k := range head.Releases {
		ids = append(ids, k.ID)
	}
	if len(ids) == 0 {
		t.Skip("nothing is published yet")
	}
	if err := change(mortal(t), t, ids); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func (o *operator) pin(ctx context.Context, t *rapid.T, ids []string) error {
	id := rapid.SampledFrom(ids).Draw(t, "id")
	if rapid.Bool().Draw(t, "unpin") {
		_, err := o.store.Unpin(ctx, id)
		return err
	}
	_, err := o.store.Pin(ctx, id, "test")
	return err
}

func (o *operator) rollback(ctx context.Context, t *rapid.T, ids []string) error {
	_, err := o.store.Rollback(ctx, rapid.SampledFrom(ids).Draw(t, "id"), "test", o.now)
	return err
}

func (o *operator) resume(ctx context.Context, _ *rapid.T, _ []string) error {
	_, err := o.store.Resume(ctx)
	return err
}

func (o *operator) collect(ctx context.Context, _ *rapid.T, _ []string) error {
	clear(o.checked)
	// Without grace: nothing that is not needed is spared.
	_, err := o.store.Collect(ctx, time.Now().Add(time.Hour), 0)
	return err
}

func (o *operator) head(t *rapid.T) release.Head {
	h, err := o.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// check reads every kept release, and compares it with what was said.
func (o *operator) check(t *rapid.T) {
	head := o.head(t)
	if _, ok := head.CurrentRelease(); !ok && head.Current != "" {
		t.Fatalf("the current release %s is not kept", head.Current)
	}
	for _, kept := range head.Releases {
		if o.checked[kept.ID] {
			continue
		}
		o.checked[kept.ID] = true
		r, err := o.store.Load(t.Context(), kept.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		content, err := r.Content(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantContent(t, r, content.At(kept.AsOf), o.said[kept.ID])
		wantContent(t, r, content.At(kept.AsOf.Add(time.Hour)), o.later[kept.ID])
	}
}

func wantContent(t *rapid.T, r *release.Release, tree *release.Tree, want map[string]string) {
	got := make(map[string]string)
	paths := make(map[release.Hash][]string)
	for row := range tree.All() {
		h := row.Classes[0].Object
		paths[h] = append(paths[h], row.Path)
	}
	err := r.Objects(t.Context(), slices.Collect(maps.Keys(paths)), func(h release.Hash, body []byte) error {
		for _, path := range paths[h] {
			got[path] = string(body)
		}
		return nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("release %s says %v, %v; want %v", r.Ref().ID, got, err, want)
	}
}
