package catalog_test

import (
	"strings"
	"testing"
	"time"
)

// TestSentinelDatesOpenAWindow: what suppliers write where they can not leave a date
// empty. A start of 1900 would also ask for the EU of that day.
func TestSentinelDatesOpenAWindow(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		start, end string
		from, to   time.Time
	}{
		{"1900-01-01", "2026-01-01", time.Time{}, day},
		{"0001-01-01", "9999-12-31", time.Time{}, time.Time{}},
		{"0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-05:00", time.Time{}, time.Time{}},
		{"2026-01-01", "9999-12-31T23:59:59Z", day, time.Time{}},
		{"1901-01-02", "9998-12-31", time.Date(1901, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)},
	} {
		store := newStore(t)
		mustApply(t, store, `{"type":"title","id":"t","kind":"movie"}`,
			`{"type":"license","id":"l","title":"t","territories":["*"],"applications":["*"],"model":"svod","start":"`+test.start+`","end":"`+test.end+`"}`)
		w := snapshot(t, store).Licenses["t"][0].Window
		if !w.Start.Equal(test.from) || !w.End.Equal(test.to) {
			t.Errorf("%s to %s is kept as %v, want %s to %s", test.start, test.end, w, test.from, test.to)
		}
	}
}

// TestAnEndThatIsNoDateDoesNotOpenAWindow: the first of all years means that a start
// is not set. Of an end nobody knows what it means, so it is refused.
func TestAnEndThatIsNoDateDoesNotOpenAWindow(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, `{"type":"title","id":"t","kind":"movie"}`)
	reasons := apply(t, store, `{"type":"license","id":"l","title":"t","territories":["*"],"applications":["*"],"model":"svod","end":"0001-01-01"}`)
	if !strings.Contains(strings.Join(reasons, ""), "years run from 1") {
		t.Errorf("applied with %q", reasons)
	}
}
