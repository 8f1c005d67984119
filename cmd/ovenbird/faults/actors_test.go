//go:build linux && amd64

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// populate lets everybody begin. The returned function ends it.
func (w *world) populate() (leave func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var all sync.WaitGroup
	everybody := []struct {
		do    func(context.Context)
		pause time.Duration
	}{
		{w.edit, 30 * time.Millisecond},
		{w.draft, 200 * time.Millisecond},
		{w.importFile, 700 * time.Millisecond},
		{w.collect, time.Second},
	}
	for _, actor := range everybody {
		all.Go(func() {
			again := time.NewTicker(actor.pause)
			defer again.Stop()
			for ctx.Err() == nil {
				w.working.RLock()
				actor.do(ctx)
				w.working.RUnlock()
				select {
				case <-again.C:
				case <-ctx.Done():
				}
			}
		})
	}
	all.Go(func() { w.watch(ctx) })
	return func() { cancel(); all.Wait() }
}

// both is two records that say the same of the two titles of one who writes.
func both(who string, n int) string {
	const record = `{"type":"title","id":"%s","op":"merge","texts":{"name":{"en":"%s %d"}}}`
	return fmt.Sprintf(record+"\n"+record+"\n", who, who, n, who+"-too", who, n)
}

// every says which edits open a window.
const every = 5

// edit writes to two titles in one transaction, and now and then opens a window
// soon, for a while.
func (w *world) edit(ctx context.Context) {
	n := w.attempt("edit")
	batch := both("edit", n)
	if n%every == 0 {
		opens := time.Now().UTC().Truncate(time.Second).Add(time.Second)
		seen := window{opens: opens, ends: opens.Add(time.Second)}
		w.mu.Lock()
		w.windows[n] = seen
		w.mu.Unlock()
		batch += fmt.Sprintf(
			`{"type":"license","id":"%[1]s","title":"%[1]s","territories":["FI"],"applications":["*"],"model":"svod","start":%[2]q,"end":%[3]q}`+"\n",
			windowed(n), seen.opens.Format(time.RFC3339), seen.ends.Format(time.RFC3339))
	}
	if w.call(ctx, http.MethodPost, "/records?atomic=true", "application/x-ndjson", []byte(batch), nil) == nil {
		w.acknowledge("edit", n)
	}
}

// windowed returns the title whose window the n-th edit sets.
func windowed(n int) string { return fmt.Sprintf("window-%d", n/every%rotating) }

// draft drafts two edits and publishes them as one.
func (w *world) draft(ctx context.Context) {
	n := w.attempt("draft")
	const body = `{"name":"draft %[1]d","records":[
		{"record":{"type":"title","id":"draft","op":"merge","texts":{"name":{"en":"draft %[1]d"}}}},
		{"record":{"type":"title","id":"draft-too","op":"merge","texts":{"name":{"en":"draft %[1]d"}}}}]}`
	var made struct{ ID string }
	if w.call(ctx, http.MethodPost, "/drafts", "application/json", fmt.Appendf(nil, body, n), &made) == nil &&
		w.call(ctx, http.MethodPost, "/drafts/"+made.ID+"/publish", "", nil, nil) == nil {
		w.acknowledge("draft", n)
	}
}

// importFile imports a file, and is killed on the way now and then.
func (w *world) importFile(ctx context.Context) {
	n := w.attempt("import")
	if n%3 == 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(n*37%200)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	cmd := exec.CommandContext(ctx, w.program, w.args("import", "--rejects", filepath.Join(w.dir, "rejects"), w.file(both("import", n)))...)
	if out, err := cmd.CombinedOutput(); err == nil {
		w.acknowledge("import", n)
	} else if ctx.Err() == nil && cmd.ProcessState.ExitCode() != 1 {
		w.t.Errorf("import: %v\n%s", err, out)
	}
}

// collect deletes what nobody needs a few seconds after it was written.
func (w *world) collect(ctx context.Context) {
	cmd := exec.CommandContext(ctx, w.collector(), w.path("bucket"), "10s")
	if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
		w.t.Errorf("collect: %v\n%s", err, out)
	}
}

// viewer reads from one process and remembers what it has seen of it.
type viewer struct {
	served  bool // the process has answered with a document
	version int  // that it has answered with last
}

// watch asks all edges in turn and judges each answer.
func (w *world) watch(ctx context.Context) {
	viewers := make(map[string]*viewer)
	random := rand.New(rand.NewPCG(1, 1))
	for ctx.Err() == nil {
		w.mu.Lock()
		all := append([]*process{w.edge}, w.ups...)
		w.mu.Unlock()
		for _, p := range all {
			url, _ := p.addresses()
			if url == "" {
				continue
			}
			key := fmt.Sprint(p.cmd.Process.Pid)
			if viewers[key] == nil {
				viewers[key] = &viewer{}
			}
			country := []string{"FI", "SE", "DE"}[random.IntN(3)]
			w.look(ctx, viewers[key], url, country)
		}
		select {
		case <-time.After(3 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// answer is one that a viewer got, with the instants around it.
type answer struct {
	country, release string
	sent, received   time.Time
	names            map[string]string // by title
}

// look asks for the home of a country and judges it. That nobody answers is no
// offense: the process may have been killed.
func (w *world) look(ctx context.Context, v *viewer, url, country string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/"+country+"/tv/home.json", http.NoBody)
	if err != nil {
		w.t.Error(err)
		return
	}
	a := answer{country: country, sent: time.Now(), names: make(map[string]string)}
	response, err := w.client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return
	}
	a.received, a.release = time.Now(), response.Header.Get("Ovenbird-Release")
	if response.StatusCode != http.StatusOK {
		if v.served || response.StatusCode != http.StatusServiceUnavailable {
			w.t.Errorf("%s in %s: %d %s", request.URL.Path, url, response.StatusCode, body)
		}
		return
	}
	v.served = true
	var home struct {
		Collections []struct {
			Titles []struct{ ID, Name string }
		}
	}
	if err := json.Unmarshal(body, &home); err != nil {
		w.t.Errorf("%s: %v", body, err)
		return
	}
	for _, c := range home.Collections {
		for _, title := range c.Titles {
			a.names[title.ID] = title.Name
		}
	}
	w.judge(v, &a)
}

// judge holds an answer against what may be served.
func (w *world) judge(v *viewer, a *answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	version := versionIn(a.names["edit"])
	for _, who := range []string{"edit", "draft"} {
		if a.names[who] != a.names[who+"-too"] {
			w.t.Errorf("release %s in %s: %q and %q are not of one bake", a.release, a.country, a.names[who], a.names[who+"-too"])
		}
		if n := versionIn(a.names[who]); n < 0 || n > w.writes[who].attempted {
			w.t.Errorf("release %s has %q: nobody has written it", a.release, a.names[who])
		}
	}
	if version < v.version {
		w.t.Errorf("an edge went back from edit %d to %d", v.version, version)
	}
	if before, ok := w.shown[a.release]; ok && before != version {
		w.t.Errorf("release %s has edit %d and edit %d", a.release, before, version)
	}
	v.version, w.shown[a.release] = version, version
	if _, shown := a.names["german"]; shown != (a.country == "DE") {
		w.t.Errorf("in %s what is for Germany alone is shown: %t", a.country, shown)
	}
	for n := range rotating {
		w.judgeWindow(a, fmt.Sprintf("window-%d", n), version)
	}
	w.answers++
}

// judgeWindow holds one title of an answer against the window that it had in the
// version served.
func (w *world) judgeWindow(a *answer, id string, version int) {
	var seen window
	n := version - version%every
	for ; n > 0 && seen.opens.IsZero(); n -= every {
		if windowed(n) == id {
			seen = w.windows[n]
			if n != version && !seen.acknowledged {
				return // it may have been written, and may not
			}
		}
	}
	_, shown := a.names[id]
	may := a.country == "FI" && !a.received.Before(seen.opens) && a.sent.Before(seen.ends)
	must := a.country == "FI" && !a.sent.Before(seen.opens) && a.received.Before(seen.ends)
	if shown && !may || !shown && must {
		w.t.Errorf("in %s, release %s (edit %d), %s is shown: %t; its window is from %v to %v, asked for from %v to %v",
			a.country, a.release, version, id, shown, seen.opens, seen.ends, a.sent, a.received)
	}
	if must {
		w.flips++
	}
}
