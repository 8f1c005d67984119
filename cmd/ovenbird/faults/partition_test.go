//go:build linux && amd64

package faults

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"
)

// An edge that is cut off from everything (its bucket is gone, nobody is up)
// closes one window and opens another at their instants, and goes on after it was
// killed, from its cache.
func TestAnEdgeThatIsCutOffKeepsTheTime(t *testing.T) {
	t.Parallel()
	_, random := draw(t)
	w := newWorld(t, random, "")
	at := time.Now().UTC().Truncate(time.Second).Add(4 * time.Second)
	const license = `{"type":"license","id":"%[1]s","title":"%[1]s","territories":["FI"],"applications":["*"],"model":"svod","start":%[2]s,"end":%[3]s}` + "\n"
	now, never := `"2020-01-01T00:00:00Z"`, "null"
	change := fmt.Sprintf("%q", at.Format(time.RFC3339))
	w.run("import", w.file(fmt.Sprintf(license, "window-0", now, change)+fmt.Sprintf(license, "window-1", change, never)))
	w.run("bake")
	w.startEdge()
	w.until("the first document", func() bool { return w.status("/FI/tv/titles/window-0.json") == http.StatusOK })
	if err := os.Rename(w.path("bucket"), w.path("gone")); err != nil {
		t.Fatal(err)
	}
	asked := 0
	look := func(until time.Time) {
		for time.Now().Before(until) {
			asked++
			w.judgeChange(at)
			<-time.After(time.Millisecond)
		}
	}
	look(at.Add(time.Second))
	t.Logf("asked %d times around the instant", asked)
	w.edge.kill()
	// An empty folder, as of a disk that is not mounted.
	if err := os.Mkdir(w.path("bucket"), 0o750); err != nil {
		t.Fatal(err)
	}
	p := w.start("edge", "--bucket", w.path("bucket"), "--cache", w.dir+"/cache", "--country-from", "address", "--listen", "127.0.0.1:0")
	w.isReady(p)
	w.edge = p
	w.until("a document from the cache", func() bool { return w.status("/FI/tv/titles/window-1.json") == http.StatusOK })
	w.judgeChange(at)
}

// judgeChange holds what the edge answers against the instant at which one title
// ends and another begins.
func (w *world) judgeChange(at time.Time) {
	w.t.Helper()
	for path, wanted := range map[string][2]int{
		"/FI/tv/titles/window-0.json": {http.StatusOK, http.StatusNotFound},
		"/FI/tv/titles/window-1.json": {http.StatusNotFound, http.StatusOK},
		"/SE/tv/titles/window-1.json": {http.StatusNotFound, http.StatusNotFound},
	} {
		sent := time.Now()
		got := w.status(path)
		received := time.Now()
		if received.Before(at) && got != wanted[0] || !sent.Before(at) && got != wanted[1] {
			w.t.Errorf("%s answered %d from %v to %v; it changes at %v", path, got, sent, received, at)
		}
	}
}

// status asks the edge for a document.
func (w *world) status(path string) int {
	w.t.Helper()
	url, _ := w.edge.addresses()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = response.Body.Close() // the status is enough
	return response.StatusCode
}
