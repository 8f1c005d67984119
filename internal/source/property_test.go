package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/site"
)

// Whatever a source says, one state after the other, and whatever editors do in
// between: when it was read and a person allowed what it was held for, the
// catalog says the same, and reading it again changes nothing.
func TestTheCatalogComesToWhatTheSourceSays(t *testing.T) {
	if testing.Short() {
		t.Skip("writes files")
	}
	h := newHouse(t, site.Source{
		Name: "cms", Timeout: time.Minute, Rows: 1000, Shrink: 0.2, Queries: []site.Query{{Name: site.FeedQuery}},
	})
	h.batch = 3
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 0, 10, rapid.ID[int])
	rapid.Check(t, func(rt *rapid.T) {
		want, lines := map[string]bool{}, []string{}
		titles := ids.Draw(rt, "titles")
		for _, id := range titles {
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "name")
			want[fmt.Sprintf("title t%d %s", id, name)] = true
			lines = append(lines, fmt.Sprintf(`{"type":"title","id":"t%d","kind":"movie","texts":{"name":{"en":%q}}}`, id, name))
		}
		for _, id := range ids.Draw(rt, "licenses") {
			if len(titles) == 0 {
				break
			}
			title := rapid.SampledFrom(titles).Draw(rt, "of")
			want[fmt.Sprintf("license l%d of t%d", id, title)] = true
			lines = append(lines, fmt.Sprintf(
				`{"type":"license","id":"l%d","title":"t%d","territories":["*"],"applications":["*"],"model":"svod"}`, id, title))
		}
		h.source.Feed = h.file("feed.ndjson", strings.Join(rapid.Permutation(lines).Draw(rt, "lines"), "\n"))
		if rapid.Bool().Draw(rt, "an editor deletes") {
			h.meddle()
		}
		outcome := h.run(false)
		if outcome.Status == Stopped {
			outcome = h.run(true)
		}
		if outcome.Status != Changed && outcome.Status != Unchanged || outcome.Refused > 0 {
			rt.Fatalf("the run ended %s: %q, %v", outcome.Status, outcome.Why, outcome.Refusals)
		}
		if got := h.contents(); !maps.Equal(got, want) {
			rt.Fatalf("the catalog has %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if again := h.run(false); again.Status != Unchanged {
			rt.Fatalf("the same again is %s: %d changed, %d vanished, %q", again.Status, again.Changed, again.Vanished, again.Why)
		}
	})
}

// meddle deletes a license, as an editor might.
func (h *house) meddle() {
	h.t.Helper()
	for _, list := range h.snapshot().Licenses {
		h.apply(fmt.Sprintf(`{"type":"license","id":%q,"op":"delete"}`, list[0].ID))
		return
	}
}

// contents says what is in the catalog.
func (h *house) contents() map[string]bool {
	h.t.Helper()
	got, s := map[string]bool{}, h.snapshot()
	for id, title := range s.Titles {
		got[fmt.Sprintf("title %s %s", id, title.Texts["name"]["en"])] = true
	}
	for id, list := range s.Licenses {
		for _, l := range list {
			got[fmt.Sprintf("license %s of %s", l.ID, id)] = true
		}
	}
	return got
}

// The order of a result is up to the database.
func TestADigestDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sums := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 32, 32)).Draw(t, "sums")
		var one, other digest
		for _, sum := range sums {
			one.add([32]byte(sum))
		}
		for _, sum := range rapid.Permutation(sums).Draw(t, "another order") {
			other.add([32]byte(sum))
		}
		if one != other {
			t.Errorf("%s and %s", &one, &other)
		}
	})
}
