package tree_test

import (
	"context"
	"errors"
	"flag"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/tree"
)

// TestMain makes properties look at fewer cases than rapid does by itself, unless
// told otherwise: each is a history of several trees.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		_ = checks.Value.Set("25")
	}
	m.Run()
}

// step is something that happens to a tree: a release, and the hours after noon at
// which it is brought up to date.
type step struct {
	moments []moment
	hour    int
	scope   tree.Scope
}

func drawStep(t *rapid.T) step {
	s := step{
		moments: rapid.SliceOfN(rapid.Custom(drawMoment), 1, 3).Draw(t, "moments"),
		hour:    rapid.IntRange(0, 2).Draw(t, "hour"),
		scope:   tree.Scope{Codings: []string{"gzip"}, MaxAge: rapid.SampledFrom([]int{0, 60}).Draw(t, "max age")},
	}
	if rapid.IntRange(0, 3).Draw(t, "narrow") == 0 {
		s.scope.Countries = []ovenbird.Country{"FI", "US"}
		s.scope.Applications = []string{"web"}
	}
	return s
}

// at is what there is when the step is over.
func (s step) at() moment { return s.moments[min(s.hour, len(s.moments)-1)] }

// begin publishes the step's release and turns the clock to its hour.
func (w *world) begin(s step) {
	w.tb.Helper()
	w.publish(s.moments...)
	w.now, w.scope = hour(s.hour), s.scope
}

// scratch is a tree that was never another.
func (w *world) scratch() map[string]shelved {
	w.tb.Helper()
	other := *w
	other.shelf = newShelf()
	other.update()
	return contents(other.shelf.files)
}

// contents are the files without the state.
func contents(files map[string]shelved) map[string]shelved {
	files = maps.Clone(files)
	delete(files, tree.StateKey)
	return files
}

func sameFile(a, b shelved) bool {
	return a.body == b.body && a.headers.CacheControl == b.headers.CacheControl && a.headers.ContentEncoding == b.headers.ContentEncoding
}

func TestATreeHoldsWhatTheReleaseSaysAndNeverLinksToWhatIsNotThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.shelf.sums = rapid.Bool().Draw(t, "sums")
		for range 3 {
			s := drawStep(t)
			w.begin(s)
			w.update()
			w.wantFiles(s.at().files(w.scope))
			if !maps.EqualFunc(contents(w.shelf.files), w.scratch(), sameFile) {
				t.Fatal("it is not the tree that a first publisher makes")
			}
			if again := w.update(); again.Written+again.Deleted > 0 {
				t.Fatalf("nothing has changed, and a second run did %+v", again)
			}
		}
	})
}

func TestARunThatWasKilledIsMadeUpForByTheNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.shelf.sums = rapid.Bool().Draw(t, "sums")
		w.begin(drawStep(t))
		if rapid.Bool().Draw(t, "first") {
			w.update()
		}
		var s step
		for range rapid.IntRange(1, 3).Draw(t, "kills") {
			s = drawStep(t)
			w.begin(s)
			w.shelf.revive()
			w.shelf.killAt, w.shelf.late = rapid.IntRange(0, 60).Draw(t, "kill"), rapid.Bool().Draw(t, "late")
			_, err := w.publisher().Publish(context.Background())
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
		}
		w.shelf.revive()
		w.update()
		w.wantFiles(s.at().files(w.scope))
		if !maps.EqualFunc(contents(w.shelf.files), w.scratch(), sameFile) {
			t.Fatal("it is not the tree that a run makes that was not killed")
		}
	})
}

// Every write of a run is a place to die at.
func TestKilledAtEveryWrite(t *testing.T) {
	w := newWorld(t)
	w.publish(rapid.Custom(drawMoment).Example(1))
	w.update()
	before, after := maps.Clone(w.shelf.files), rapid.Custom(drawMoment).Example(2)
	w.publish(after)
	for _, late := range []bool{false, true} {
		for kill := 0; ; kill++ {
			w.shelf.files = maps.Clone(before)
			w.shelf.revive()
			w.shelf.killAt, w.shelf.late = kill, late
			_, err := w.publisher().Publish(t.Context())
			w.shelf.revive()
			if err == nil {
				if kill < 20 {
					t.Fatalf("the run has only %d writes", kill)
				}
				break
			}
			w.update()
			w.wantFiles(after.files(w.scope))
		}
	}
}

// A publisher that stays is no different from one that is new each time.
func TestAPublisherThatGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		p := w.publisher()
		for range 3 {
			moments := rapid.SliceOfN(rapid.Custom(drawMoment), 1, 3).Draw(t, "moments")
			w.publish(moments...)
			for _, h := range slices.Sorted(slices.Values(rapid.SliceOfN(rapid.IntRange(0, 3*60), 1, 4).Draw(t, "minutes"))) {
				w.now = noon.Add(time.Duration(h) * time.Minute)
				if _, err := p.Publish(context.Background()); err != nil {
					t.Fatal(err)
				}
				w.wantFiles(moments[min(h/60, len(moments)-1)].files(w.scope))
			}
			if !maps.EqualFunc(contents(w.shelf.files), w.scratch(), sameFile) {
				t.Fatal("it is not the tree that a first publisher makes")
			}
		}
	})
}
