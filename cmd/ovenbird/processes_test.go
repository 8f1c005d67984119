package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ovenbird/internal/bake"
	"ovenbird/internal/database/databasetest"
)

// oven is an environment that several processes share.
type oven struct {
	t        *testing.T
	program  string // a link to this one, by the name that makes it the real program
	data     string
	database string
	db       *pgx.Conn
}

func newOven(t *testing.T) *oven {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := &oven{t: t, program: filepath.Join(t.TempDir(), "ovenbird"), data: t.TempDir(), database: databasetest.Postgres(t)}
	if err := os.Symlink(self, o.program); err != nil {
		t.Fatal(err)
	}
	if o.db, err = pgx.Connect(t.Context(), o.database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.db.Close(context.WithoutCancel(t.Context())) })
	return o
}

func (o *oven) command(args ...string) *exec.Cmd {
	args = append(args, "--site", filepath.Join("..", "..", "examples", "toons"), "--data", o.data, "--database", o.database)
	return exec.CommandContext(o.t.Context(), o.program, args...)
}

// run runs a command to its end and returns what it printed.
func (o *oven) run(args ...string) []byte {
	o.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := o.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		o.t.Errorf("ovenbird %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.Bytes()
}

func (o *oven) bake(args ...string) bake.Outcome {
	o.t.Helper()
	var outcome bake.Outcome
	if out := o.run(append([]string{"bake", "--json"}, args...)...); json.Unmarshal(out, &outcome) != nil {
		o.t.Errorf("bake printed %q", out)
	}
	return outcome
}

// process is a running `up`.
type process struct {
	cmd *exec.Cmd
	url string
	log *tail
}

// tail is what a process wrote to stderr.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *tail) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// up starts a process, which serves when it returns.
func (o *oven) up() *process {
	o.t.Helper()
	p := &process{cmd: o.command("up", "--listen", "127.0.0.1:0"), log: &tail{}}
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if o.t.Failed() {
			o.t.Logf("process %d:\n%s", p.cmd.Process.Pid, p.log.text.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		o.t.Fatalf("up did not get ready: %v\n%s", err, p.log.text.String())
	}
	p.url = strings.TrimSpace(strings.TrimPrefix(line, "ready "))
	return p
}

// shards counts the shards of the newest bake by their state, and those that a
// process is making.
func (o *oven) shards(of *process) (done, making int) {
	o.t.Helper()
	err := o.db.QueryRow(o.t.Context(), `
		SELECT count(*) FILTER (WHERE status = 'SUCCESS'), count(*) FILTER (WHERE status = 'PENDING' AND executor_id LIKE $1)
		FROM dbos.workflow_status WHERE name = 'shard' AND parent_workflow_id = (
			SELECT workflow_uuid FROM dbos.workflow_status WHERE name = 'bake' ORDER BY created_at DESC LIMIT 1)`,
		fmt.Sprintf("%%-%d-%%", of.cmd.Process.Pid)).Scan(&done, &making)
	if err != nil {
		o.t.Fatal(err)
	}
	return done, making
}

// until waits until ok, or until the test's time is up.
func (o *oven) until(ok func() bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-o.t.Context().Done():
			return
		}
	}
}

// serves reports whether a process answers with a text in a document.
func (o *oven) serves(p *process, path, text string) bool {
	request, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, p.url+path, http.NoBody)
	if err != nil {
		o.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	return err == nil && strings.Contains(string(body), text)
}

// movieFile writes records of movies that are shown everywhere.
func movieFile(t *testing.T, movies int, name string) string {
	t.Helper()
	var b strings.Builder
	for i := range movies {
		fmt.Fprintf(&b, `{"type":"title","id":"n%d","kind":"movie","texts":{"name":{"en":"%s %d"}},"ratings":[{"system":"HOUSE","value":"6+"}]}
{"type":"license","id":"n%d","title":"n%d","territories":["*"],"applications":["*"],"model":"free"}
`, i, name, i, i, i)
	}
	path := filepath.Join(t.TempDir(), "movies.ndjson")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Three processes share a database and a bucket. They bake together, whichever of
// them is killed on the way, and come to the release that one makes alone. What
// one publishes, all serve.
func TestProcessesShareAnEnvironment(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	o := newOven(t)
	o.stop(o.up()) // it has imported the site's own files
	o.run("import", movieFile(t, 1200, "Movie"))
	at := time.Now().UTC().Truncate(time.Second).Format(time.RFC3339)
	alone := o.bake("--full", "--at", at)
	first := o.up()
	if done, _ := o.shards(first); alone.Status != bake.Published || !alone.Full || done > 0 {
		t.Errorf("alone, in %d shards: %+v", done, alone)
	}
	second, third := o.up(), o.up()
	o.until(func() bool { return o.processes() == 3 })

	together := make(chan bake.Outcome, 1)
	go func() { together <- o.bake("--full", "--at", at) }()
	o.until(func() bool { _, making := o.shards(third); return making > 0 || len(together) > 0 })
	o.kill(third)
	if got := <-together; got.Root != alone.Root || !got.Full || !first.log.has("baking together") {
		t.Errorf("when one that helps was killed: %+v; root %s is expected", got, alone.Root)
	}

	go func() { together <- o.bake("--full", "--at", at) }()
	o.until(func() bool { done, _ := o.shards(first); return done > 0 && done < 9 || len(together) > 0 })
	o.kill(first)
	if got := <-together; got.Root != alone.Root || !got.Full {
		t.Errorf("when the one that leads was killed: %+v; root %s is expected", got, alone.Root)
	}

	fourth := o.up()
	o.run("import", movieFile(t, 1, "Renamed"))
	for _, p := range []*process{second, fourth} {
		o.until(func() bool { return o.serves(p, "/FI/web/titles/n0.json", "Renamed 0") })
	}
	o.until(func() bool { return second.log.has("reason=edit") || fourth.log.has("reason=edit") })
	if second.log.has("reason=edit") && fourth.log.has("reason=edit") {
		t.Error("both processes asked for a bake of the edit")
	}
}

// processes counts those that hold a lease.
func (o *oven) processes() (n int) {
	o.t.Helper()
	if err := o.db.QueryRow(o.t.Context(), "SELECT count(*) FROM dbos.ovenbird_members WHERE until > now()").Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// stop ends a process as Ctrl-C does.
func (o *oven) stop(p *process) {
	o.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		o.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		o.t.Errorf("up ended with %v", err)
	}
}

func (o *oven) kill(p *process) {
	o.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		o.t.Fatal(err)
	}
	_ = p.cmd.Wait() // it was killed
}
