//go:build linux && amd64

package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// A clock that was put forward or back while the process was dead: what is served
// is what that clock allows, at once, whatever was published before.
func TestTheClockJumps(t *testing.T) {
	t.Parallel()
	seed, random := draw(t)
	w := newWorld(t, random, "")
	opens := time.Now().UTC().Truncate(time.Hour).Add(-48 * time.Hour)
	w.run("import", w.file(fmt.Sprintf(
		`{"type":"license","id":"window-0","title":"window-0","territories":["FI"],"applications":["*"],"model":"svod","start":%q,"end":%q}`,
		opens.Format(time.RFC3339), opens.Add(time.Hour).Format(time.RFC3339))))
	// From the window's beginning; it is an hour long. The clock runs on from
	// there, so nothing is near to what comes next.
	jumps := []time.Duration{-time.Minute, 0, -time.Hour, time.Second, time.Hour, 30 * time.Minute, time.Hour + time.Second, -time.Hour}
	for range soak() {
		jumps = append(jumps, time.Duration(random.IntN(240)-90)*time.Minute)
	}
	for _, jump := range jumps {
		at := opens.Add(jump)
		p := w.start(w.args("up", "--listen", "127.0.0.1:0", "--admin-listen", "none", "--at", at.Format(time.RFC3339))...)
		w.isReady(p)
		w.edge = p
		want := http.StatusNotFound
		if jump >= 0 && jump < time.Hour {
			want = http.StatusOK
		}
		for path, want := range map[string]int{
			"/FI/tv/titles/window-0.json": want, "/SE/tv/titles/window-0.json": http.StatusNotFound, "/DE/tv/titles/german.json": http.StatusOK,
		} {
			if got := w.status(path); got != want {
				t.Errorf("seed %d: %v after the window opens, %s answers %d, not %d\n%s", seed, jump, path, got, want, p.said())
			}
		}
		p.kill()
	}
	t.Logf("%d jumps", len(jumps))
}
