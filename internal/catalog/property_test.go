package catalog_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// anyRecord draws records over few ids, so that they meet: bad ones included.
func anyRecord(t *rapid.T) string {
	titles := rapid.SampledFrom([]string{"r1", "r2", "s1", "s2", "e1", "e2", "m1", "k1"})
	kinds := map[byte]string{'r': "series", 's': "season", 'e': "episode", 'm': "movie", 'k': "clip"}
	id := titles.Draw(t, "id")
	kind := kinds[id[0]]
	number := rapid.IntRange(0, 3).Draw(t, "number")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1, 2:
		parent := rapid.SampledFrom([]string{"", "", "r1", "r2", "s1", "m1"}).Draw(t, "parent")
		return fmt.Sprintf(`{"type":"title","id":%q,"kind":%q,"parent":%q,"sort_key":"%d","texts":{"name":{"en":"n%d"}}}`, id, kind, parent, number, number)
	case 3:
		return fmt.Sprintf(`{"type":"title","id":%q,"op":"merge","year":%d,"texts":{"name":{"fi":"n%d"},"tagline":null}}`, id, 2000+number, number)
	case 4:
		return fmt.Sprintf(`{"type":"title","id":%q,"op":"delete"}`, id)
	case 5, 6:
		return fmt.Sprintf(`{"type":"license","id":"l%d","title":%q,"territories":["FI"],"applications":["*"],"model":"svod"}`, number, id)
	case 7:
		return fmt.Sprintf(`{"type":"license","id":"l%d","op":"delete"}`, number)
	case 8:
		ops := []string{`"items":["m1","r1"]`, `"items":[]`, `"sort_key":"z"`, `"op":"delete"`, `"op":"merge","items":["e1"]`}
		return fmt.Sprintf(`{"type":"collection","id":"c%d",%s}`, number%2, rapid.SampledFrom(ops).Draw(t, "op"))
	default:
		op := rapid.SampledFrom([]string{"put", "put", "delete"}).Draw(t, "op")
		return fmt.Sprintf(`{"type":"collection_item","collection":"c%d","title":%q,"position":"%d","op":%q}`, number%2, id, number, op)
	}
}

func applyDrawn(t *rapid.T, store *catalog.Store, lines []string) []catalog.Result {
	records := make([]catalog.Record, len(lines))
	for i, line := range lines {
		var err error
		if records[i], err = catalog.ParseRecord([]byte(line)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	results, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: records})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// TestRefreshEqualsSnapshot: following the feed gives what reading everything gives.
func TestRefreshEqualsSnapshot(t *testing.T) {
	store := newStore(t) // it may start from any state: each run goes on where the last one stopped
	rapid.Check(t, func(r *rapid.T) {
		prev := snapshot(t, store)
		for _, batch := range rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(anyRecord), 1, 12), 1, 6).Draw(r, "batches") {
			applyDrawn(r, store, batch)
			next, touched, err := store.Refresh(r.Context(), prev)
			if err != nil {
				r.Fatal(err)
			}
			want := snapshot(t, store)
			if !reflect.DeepEqual(next, want) {
				r.Fatalf("refreshed %+v\nwant %+v", next, want)
			}
			checkTouched(r, prev, next, touched)
			prev = next
		}
	})
}

// checkTouched checks that what differs between two snapshots was named.
func checkTouched(t *rapid.T, prev, next *ovenbird.Snapshot, touched ovenbird.Touched) {
	titles := make(map[ovenbird.TitleID]bool)
	for _, id := range touched.Titles {
		titles[id] = true
	}
	for _, s := range []*ovenbird.Snapshot{prev, next} {
		for id := range s.Titles {
			same := reflect.DeepEqual(prev.Titles[id], next.Titles[id]) && reflect.DeepEqual(prev.Licenses[id], next.Licenses[id])
			if !same && !titles[id] {
				t.Fatalf("title %s changed and is not among %v", id, touched.Titles)
			}
		}
	}
}

// TestOneBatchEqualsRecordsOneByOne: batching is only for speed, for records
// that do not wait for later ones.
func TestOneBatchEqualsRecordsOneByOne(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(anyRecord), 1, 20).Draw(r, "lines")
		single, batch := newStore(t), newStore(t)
		var taken []string
		for _, line := range lines {
			if applyDrawn(r, single, []string{line})[0].Err == nil {
				taken = append(taken, line)
			}
		}
		for i, result := range applyDrawn(r, batch, taken) {
			if result.Err != nil {
				r.Fatalf("%s: %v", taken[i], result.Err)
			}
		}
		a, b := snapshot(t, single), snapshot(t, batch)
		if !reflect.DeepEqual(a, b) {
			r.Fatalf("one by one %+v\nin a batch %+v", a, b)
		}
	})
}

// TestTheFeedReplays: the changes alone rebuild the catalog.
func TestTheFeedReplays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store, replica := newStore(t), newStore(t)
		applyDrawn(r, store, rapid.SliceOfN(rapid.Custom(anyRecord), 1, 30).Draw(r, "lines"))
		changes, err := store.Changes(r.Context(), 0, 1000)
		if err != nil {
			r.Fatal(err)
		}
		for i, c := range changes {
			if c.Sequence != int64(i)+1 {
				r.Fatalf("change %d has number %d", i+1, c.Sequence)
			}
			line := string(c.After)
			if c.Action == catalog.Deleted {
				line = deletion(c)
			}
			if result := applyDrawn(r, replica, []string{line})[0]; result.Err != nil || !result.Changed {
				r.Fatalf("%s: %+v", line, result)
			}
		}
		a, b := snapshot(t, store), snapshot(t, replica)
		if !reflect.DeepEqual(a, b) {
			r.Fatalf("the catalog is %+v\nreplayed %+v", a, b)
		}
	})
}

func deletion(c catalog.Change) string {
	if c.Type == catalog.TypeItem {
		before := string(c.Before)
		return before[:len(before)-1] + `,"op":"delete"}`
	}
	return fmt.Sprintf(`{"type":%q,"id":%q,"op":"delete"}`, c.Type, c.ID)
}

func TestRefreshWithNothingNewReturnsTheSameSnapshot(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, movie("a"))
	prev := snapshot(t, store)
	next, touched, err := store.Refresh(t.Context(), prev)
	if err != nil || next != prev || len(touched.Titles) != 0 {
		t.Errorf("got %p (was %p), %+v, %v", next, prev, touched, err)
	}
}

func TestRefreshOfASnapshotFromTheFutureIsAConflict(t *testing.T) {
	_, _, err := newStore(t).Refresh(t.Context(), ovenbird.NewSnapshot(7, nil, nil, nil))
	if ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Errorf("got %v, want a Conflict", err)
	}
}
