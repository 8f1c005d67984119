package main

import (
	"strings"
	"testing"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/spread"
)

func TestWhatIsShownOfHowFarAReleaseHasSpread(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	soon, later := 4*time.Millisecond, 30*time.Millisecond
	r := shown{Current: true, Spread: spread.Release{
		Steps: &spread.Steps{Published: noon, Render: 42 * time.Millisecond, Write: 11 * time.Millisecond, Publish: 5510 * time.Microsecond},
		Edges: []spread.Edge{
			{Name: "a", Release: "r2", Since: noon, Heard: noon},
			{Name: "b", Release: "r1", Since: noon, Heard: noon, Failure: "gone", Failing: noon, Countries: []ovenbird.Country{"FI"}},
			{Name: "c", Heard: noon},
			{Name: "d", Release: "r1", Heard: noon, Lost: true},
		},
		Times: []spread.Time{
			{Edge: "a", Notify: &later, Fetch: 2 * time.Millisecond, Swap: time.Millisecond},
			{Edge: "e", Notify: &soon, Fetch: 3 * time.Millisecond, Swap: time.Millisecond},
			{Edge: "f", Fetch: time.Second, Swap: time.Second}, // nobody knows when it was told
		},
	}}
	r.ID = "r2"
	_, got, _ := strings.Cut(r.text(), "transitions 0\n")
	const want = `published 2026-03-01T12:00:00Z
steps    render 42ms, write 11ms, publish 5.51ms
notify   median 30ms, slowest 30ms (a), of 2
fetch    median 3ms, slowest 1s (f), of 3
swap     median 1ms, slowest 1s (f), of 3
in all   median 33ms, slowest 33ms (a), of 2
edges    1 of 3 serve it; 1 lost
behind   b serves r1 since 2026-03-01T12:00:00Z, heard of at 2026-03-01T12:00:00Z: can not follow since 2026-03-01T12:00:00Z: gone
behind   c serves nothing since -, heard of at 2026-03-01T12:00:00Z: ok
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r.Current, r.Spread.Steps, r.Spread.Times = false, nil, nil
	_, got, _ = strings.Cut(r.text(), "transitions 0\n")
	if !strings.HasPrefix(got, "edges    1 of 3 serve it; 1 lost\nother    b serves r1") {
		t.Errorf("of a release that is not current:\n%s", got)
	}
}
