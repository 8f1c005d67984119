package edge_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/release"
)

// The disk damages what an edge has checked and serves from: who asks for it is
// refused, others are not, and once it is whole again so is the answer.
func TestWhatIsDamagedWhileItIsServedIsRefusedAndMended(t *testing.T) {
	dir := t.TempDir()
	b, err := bucket.OpenDisk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s := newSite(t, edge.Config{})
	if s.store, err = release.Open(b, release.Config{}); err != nil {
		t.Fatal(err)
	}
	s.edge = s.newEdge(edge.Config{Poll: time.Millisecond})
	s.publish(numbered(1))
	if err := s.edge.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.edge.Stop(context.WithoutCancel(t.Context())) }()
	s.get("/FI/tv/a.json").want(t, http.StatusOK, `{"n":1}`)
	path := filepath.Join(dir, filepath.FromSlash(release.PackKey(s.last.Ref().Pack)))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, make([]byte, len(whole)))
	refused := s.get("/FI/tv/list.json")
	refused.want(t, http.StatusServiceUnavailable, "")
	checkProblem(t, refused, "damaged")
	s.get("/FI/tv/a.json").want(t, http.StatusOK, `{"n":1}`) // which is in memory
	report(t, s.edge).want(t, map[string]float64{"damages_total ": 1})
	overwrite(t, path, whole)
	s.get("/FI/tv/list.json").want(t, http.StatusOK, `[1,{"n":1},{"fi":1}]`)
}

// overwrite changes a file in its place, as a disk does.
func overwrite(t *testing.T, path string, body []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(body, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// However much is asked for, an edge keeps no more than it was told to.
func TestAnEdgeKeepsNoMoreThanItMay(t *testing.T) {
	const most, documents = 64 << 10, 200
	s := newSite(t, edge.Config{Memory: most})
	c := content{rows: make(rows)}
	for i := range documents {
		c.rows[fmt.Sprintf("tv %d.json", i)] = row{"FI": fmt.Sprintf(`{"n":%d,"text":%q}`, i, strings.Repeat("long ", 500))}
	}
	s.serve(c)
	for i := range documents {
		s.get(fmt.Sprintf("/FI/tv/%d.json", i)).want(t, http.StatusOK, "")
		s.get(fmt.Sprintf("/FI/tv/%d-not.json", i)).want(t, http.StatusNotFound, "")
	}
	made := report(t, s.edge)
	for i := range documents {
		s.get(fmt.Sprintf("/FI/tv/%d.json", i)).want(t, http.StatusOK, "")
	}
	again := report(t, s.edge)
	if again["ovenbird_edge_made_total document"]-made["ovenbird_edge_made_total document"] < documents/2 {
		t.Errorf("most of %d documents are still there, in %d bytes", documents, most)
	}
	if kept := again["ovenbird_edge_memory_bytes "]; kept > 2*most {
		t.Errorf("it keeps %v bytes, and may keep %d", kept, most)
	}
}

// Releases come while viewers ask: whatever the answer's release says is what the
// body is of.
func TestAnswersAreOfOneReleaseWhileOthersComeIn(t *testing.T) {
	s := newSite(t, edge.Config{})
	const releases = 30
	numbers := make(map[string]int)
	var mu sync.Mutex
	publish := func(n int) {
		c := numbered(n)
		c.asOf = noon.Add(time.Duration(n) * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		numbers[s.publish(c).Ref().ID] = n
	}
	publish(1)
	s.follow()
	done := make(chan struct{})
	var viewers sync.WaitGroup
	for range 4 {
		viewers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a := ask(t, s.edge, http.MethodGet, "/FI/tv/list.json")
				mu.Lock()
				n := numbers[a.header.Get("Ovenbird-Release")]
				mu.Unlock()
				a.want(t, http.StatusOK, fmt.Sprintf(`[%d,{"n":%[1]d},{"fi":1}]`, n))
			}
		})
	}
	for n := 2; n <= releases; n++ {
		publish(n)
		s.follow()
	}
	close(done)
	viewers.Wait()
	s.get("/FI/tv/list.json").want(t, http.StatusOK, fmt.Sprintf(`[%d,{"n":%[1]d},{"fi":1}]`, releases))
}
