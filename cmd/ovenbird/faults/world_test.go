//go:build linux && amd64

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is an environment under load: processes, an edge of its own, people who
// edit, publish and import, viewers who watch, and what is known of all of it.
type world struct {
	*oven

	random *rand.Rand
	token  string
	ups    []*process
	edge   *process
	client *http.Client

	// working is held for reading by who writes, and for writing by who looks at
	// what was written.
	working sync.RWMutex

	mu      sync.Mutex
	writes  map[string]*counter // by who writes
	windows map[int]window      // by the version of the edit that has it
	shown   map[string]int      // the version in a release, by its id
	answers int                 // that viewers have judged
	flips   int                 // answers that had, or rightly had not, a title with a window
}

// counter numbers the writes of one kind. There is one at a time.
type counter struct {
	attempted    int
	acknowledged []int // in order
}

// last returns the last write that was acknowledged, 0 before there was one.
func (c *counter) last() int {
	if len(c.acknowledged) == 0 {
		return 0
	}
	return c.acknowledged[len(c.acknowledged)-1]
}

// window is when a title may be seen, and whether the write was acknowledged.
type window struct {
	opens, ends  time.Time
	acknowledged bool
}

// rotating is how many titles take turns in having windows.
const rotating = 16

// newWorld makes an environment with the titles that are written to.
func newWorld(t *testing.T, random *rand.Rand, database string) *world {
	t.Helper()
	w := &world{
		oven: newOven(t), random: random, client: &http.Client{Timeout: 10 * time.Second},
		writes: map[string]*counter{"edit": {}, "draft": {}, "import": {}}, windows: map[int]window{}, shown: map[string]int{},
	}
	w.url = database
	w.run("import", w.file(worldCatalog()))
	w.token = strings.TrimSpace(string(w.run("token", "create", "--role", "publisher", "--name", "tester")))
	w.run("bake")
	return w
}

// worldCatalog has a title for each of who writes, always with another of which
// the same is said; one for Germany alone; and those with windows.
func worldCatalog() string {
	var b strings.Builder
	items := []string{}
	add := func(id string, territories ...string) {
		items = append(items, id)
		list, err := json.Marshal(territories)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, `{"type":"title","id":"%[1]s","kind":"movie","texts":{"name":{"en":"%s 0"}}}`+"\n", id, strings.TrimSuffix(id, "-too"))
		if len(territories) > 0 {
			fmt.Fprintf(&b, `{"type":"license","id":"%[1]s","title":"%[1]s","territories":%[2]s,"applications":["*"],"model":"svod"}`+"\n", id, list)
		}
	}
	for _, who := range []string{"edit", "draft", "import"} {
		add(who, "*")
		add(who+"-too", "*")
	}
	add("german", "DE")
	for n := range rotating {
		add(fmt.Sprintf("window-%d", n))
	}
	list, err := json.Marshal(items)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(&b, `{"type":"collection","id":"all","texts":{"name":{"en":"All"}},"items":%s}`+"\n", list)
	return b.String()
}

// file writes a text to a file of its own.
func (o *oven) file(text string) string {
	o.t.Helper()
	file := o.output("records-*.ndjson")
	if _, err := file.WriteString(text); err != nil {
		o.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		o.t.Fatal(err)
	}
	return file.Name()
}

// startUp starts another `up`; it may not be ready yet.
func (w *world) startUp() *process {
	p := w.start(w.args("up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ups = append(w.ups, p)
	return p
}

// startEdge starts the edge that reads the bucket and nothing else.
func (w *world) startEdge() {
	p := w.start("edge", "--bucket", w.path("bucket"), "--cache", filepath.Join(w.dir, "cache"),
		"--country-from", "address", "--poll", "50ms", "--listen", "127.0.0.1:0")
	w.isReady(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.edge = p
}

// isReady waits until a process serves.
func (w *world) isReady(p *process) {
	w.t.Helper()
	select {
	case <-p.ready:
	case <-p.ended:
		w.t.Fatalf("%v ended: %v\n%s", p.cmd.Args, p.cmd.ProcessState, p.said())
	case <-time.After(patience):
		w.t.Fatalf("%v does not get ready:\n%s", p.cmd.Args, p.said())
	}
}

// killUp kills the i-th process that is up.
func (w *world) killUp(i int) {
	w.mu.Lock()
	p := w.ups[i]
	w.ups = append(w.ups[:i:i], w.ups[i+1:]...)
	w.mu.Unlock()
	p.kill()
}

// anyUp returns the address of the admin API of a process that is ready.
func (w *world) anyUp() (admin string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.ups {
		if url, admin := p.addresses(); url != "" {
			return admin, true
		}
	}
	return "", false
}

// call asks the admin API; out may be nil.
func (w *world) call(ctx context.Context, method, path, kind string, body []byte, out any) error {
	admin, ok := w.anyUp()
	if !ok {
		return errors.New("nobody is up")
	}
	request, err := http.NewRequestWithContext(ctx, method, admin+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	if len(body) > 0 {
		request.Header.Set("Content-Type", kind)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		if response.StatusCode < http.StatusInternalServerError {
			w.t.Errorf("%s %s: %d %s", method, path, response.StatusCode, answer) // a fault of the test
		}
		return fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// attempt counts a write that is about to be made.
func (w *world) attempt(who string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes[who].attempted++
	return w.writes[who].attempted
}

// acknowledge remembers that a write was acknowledged.
func (w *world) acknowledge(who string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes[who].acknowledged = append(w.writes[who].acknowledged, n)
	if seen, ok := w.windows[n]; ok && who == "edit" {
		seen.acknowledged = true
		w.windows[n] = seen
	}
}

// written holds the catalog against what was acknowledged: nothing of it is
// missing, and nothing is there that nobody wrote.
func (w *world) written() {
	w.t.Helper()
	for who, count := range w.writes {
		var versions [2]int
		for i, id := range []string{who, who + "-too"} {
			var title struct{ Texts map[string]map[string]string }
			if !w.until("reading "+id, func() bool {
				return w.call(w.t.Context(), http.MethodGet, "/titles/"+id, "", nil, &title) == nil
			}) {
				return
			}
			versions[i] = versionIn(title.Texts["name"]["en"])
		}
		for _, version := range versions {
			if version < count.last() || version > count.attempted {
				w.t.Errorf("%s: write %d of %d was acknowledged, and the catalog has number %d", who, count.last(), count.attempted, version)
			}
		}
		// Rows of an import go in one by one; the others write both or neither.
		if versions[0] != versions[1] && who != "import" {
			w.t.Errorf("%s: half of it was written: %v", who, versions)
		}
	}
}

// remembered holds the feed of changes against all that was ever acknowledged:
// each write is in it, once, in its order.
func (w *world) remembered() {
	w.t.Helper()
	type change struct {
		ID    string
		After struct{ Texts map[string]map[string]string }
	}
	found := make(map[string][]int)
	for after, more := int64(0), true; more; {
		var page struct {
			Items []change
			Last  int64
			More  bool
		}
		if err := w.call(w.t.Context(), http.MethodGet, fmt.Sprintf("/changes?limit=500&after=%d", after), "", nil, &page); err != nil {
			w.t.Fatal(err)
		}
		for _, c := range page.Items {
			if n := versionIn(c.After.Texts["name"]["en"]); w.writes[c.ID] != nil && n > 0 {
				found[c.ID] = append(found[c.ID], n)
			}
		}
		after, more = page.Last, page.More
	}
	for who, count := range w.writes {
		if !slices.IsSorted(found[who]) || len(slices.Compact(slices.Clone(found[who]))) != len(found[who]) {
			w.t.Errorf("%s: the feed is out of order: %v", who, found[who])
		}
		for _, n := range count.acknowledged {
			if _, ok := slices.BinarySearch(found[who], n); !ok {
				w.t.Errorf("%s: write %d was acknowledged, and is not in the feed", who, n)
			}
		}
	}
}

// summary says what was done and seen.
func (w *world) summary() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf("%d answers, %d sights of a title in its window", w.answers, w.flips)
	for _, who := range slices.Sorted(maps.Keys(w.writes)) {
		text += fmt.Sprintf("; %ss: %d, %d acknowledged", who, w.writes[who].attempted, len(w.writes[who].acknowledged))
	}
	return text
}

// settled waits until everything has come to an end by itself, and has the
// auditor look at what is served.
func (w *world) settled() {
	w.t.Helper()
	w.working.Lock()
	defer w.working.Unlock()
	w.written()
	if !w.until("the bake of the last edit", func() bool { return w.bakedAll() != "" }) ||
		!w.until("workflows", func() bool { return w.unfinished() == 0 }) {
		for _, p := range w.ups {
			w.t.Logf("%v:\n%s", p.cmd.Args, p.said())
		}
		return
	}
	for _, p := range append([]*process{w.edge}, w.ups...) {
		url, _ := p.addresses()
		w.audited(p, url)
	}
}

// audited has the auditor ask an edge for everything, as soon as that serves what
// is current. A window that has closed may make for another release meanwhile:
// then it is asked again.
func (w *world) audited(p *process, url string) {
	w.t.Helper()
	for {
		var current string
		if !w.until("taking over the release", func() bool {
			current = w.bakedAll()
			return current != "" && w.serves(url) == current
		}) {
			w.t.Logf("%v:\n%s", p.cmd.Args, p.said())
			return
		}
		out, err := w.try("verify", "--all", "--edge", url)
		if err == nil {
			return
		}
		if w.bakedAll() == current {
			w.t.Errorf("%v\n%s\n%s", err, out, p.said())
			return
		}
	}
}

// bakedAll returns the release that is served, if it has all of the catalog.
func (w *world) bakedAll() string {
	var list struct{ Current string }
	var changes struct{ Items []json.RawMessage }
	var made struct {
		Sequence int64 `json:"catalog_sequence"`
	}
	ctx := w.t.Context()
	if w.call(ctx, http.MethodGet, "/releases", "", nil, &list) != nil ||
		w.call(ctx, http.MethodGet, "/releases/"+list.Current, "", nil, &made) != nil ||
		w.call(ctx, http.MethodGet, fmt.Sprintf("/changes?limit=1&after=%d", made.Sequence), "", nil, &changes) != nil ||
		len(changes.Items) > 0 {
		return ""
	}
	return list.Current
}

// serves returns the release that an edge serves.
func (w *world) serves(url string) string {
	var status struct{ Release string }
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url+"/_ovenbird/status", http.NoBody)
	if err != nil {
		return ""
	}
	response, err := w.client.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if json.NewDecoder(response.Body).Decode(&status) != nil {
		return ""
	}
	return status.Release
}

// versionIn returns the number at the end of a name, -1 where there is none.
func versionIn(name string) int {
	n := -1
	_, err := fmt.Sscanf(name[strings.LastIndexByte(name, ' ')+1:], "%d", &n)
	if err != nil {
		return -1
	}
	return n
}
