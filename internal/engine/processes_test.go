package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/engine"
)

// The engine keeps its promises wherever its state lies.
func each(t *testing.T, test func(t *testing.T, state engine.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, engine.Config{Path: filepath.Join(t.TempDir(), "engine.db")})
	})
	t.Run("postgres", func(t *testing.T) { test(t, shared(t)) })
}

// shared is a state that several processes may share, and quick to notice that
// one of them is gone.
func shared(t *testing.T) engine.Config {
	t.Helper()
	return engine.Config{URL: databasetest.Postgres(t), Poll: 20 * time.Millisecond, Lease: 2 * time.Second}
}

func submitTo[P, R any](t *testing.T, state engine.Config, name, id string, input P) func() R {
	t.Helper()
	client, err := engine.NewClient(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	handle, err := engine.SubmitTo[P, R](client, name, id, input)
	if err != nil {
		t.Fatal(err)
	}
	return func() R {
		t.Helper()
		result, err := handle.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

// A killed process leaves a workflow in a step, or between two. It goes on behind
// the last step that was written down: in the next process, or in one that was
// there already.
func TestAWorkflowOutlivesItsProcess(t *testing.T) {
	for _, at := range []string{"between", "second"} {
		t.Run(at, func(t *testing.T) {
			each(t, func(t *testing.T, state engine.Config) {
				t.Helper()
				diary := filepath.Join(t.TempDir(), "diary")
				first := child{Name: "one", State: state, Diary: diary, Hang: at}.start(t)
				second := child{Name: "two", State: state, Diary: diary}
				if state.URL != "" {
					second.start(t)
				}
				result := submitTo[string, string](t, state, "steps", "job", "in")
				await(t.Context(), func() bool { return strings.Contains(read(diary), "hangs") })
				first.signal(syscall.SIGKILL)
				if state.URL == "" {
					second.start(t)
				}
				if got := result(); got != "in first second by two" {
					t.Errorf("the workflow returned %q", got)
				}
				if firsts := strings.Count(read(diary), "first "); firsts != 1 {
					t.Errorf("the first step, which was written down, was done %d times:\n%s", firsts, read(diary))
				}
			})
		})
	}
}

// What a process is doing when it is told to stop goes on elsewhere.
func TestAProcessThatStopsHandsOverAtOnce(t *testing.T) {
	state := shared(t)
	state.Lease = time.Hour // nobody waits for its end
	dir := t.TempDir()
	diary, gate := filepath.Join(dir, "diary"), filepath.Join(dir, "gate")
	first := child{Name: "one", State: state, Diary: diary, Gate: gate}.start(t)
	state.Lease = time.Second
	child{Name: "two", State: state, Diary: diary}.start(t)
	result := submitTo[string, string](t, state, "steps", "job", "in")
	await(t.Context(), func() bool { return strings.Contains(read(diary), "second in one") })
	first.stop()
	if got := result(); !strings.HasSuffix(got, "by two") {
		t.Errorf("the workflow returned %q", got)
	}
}

// A process that is only slow finds, when it comes back, that its workflow was
// taken over: what it did in the meantime does not count, and it is of use again.
func TestAFrozenProcessLosesItsWorkflow(t *testing.T) {
	state := shared(t)
	dir := t.TempDir()
	diary, gate := filepath.Join(dir, "diary"), filepath.Join(dir, "gate")
	first := child{Name: "one", State: state, Diary: diary, Gate: gate}.start(t)
	second := child{Name: "two", State: state, Diary: diary}.start(t)
	result := submitTo[string, string](t, state, "steps", "job", "in")
	await(t.Context(), func() bool { return strings.Contains(read(diary), "second in one") })
	first.signal(syscall.SIGSTOP)
	if got := result(); got != "in first second by two" {
		t.Errorf("while it was frozen the workflow returned %q", got)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first.signal(syscall.SIGCONT)
	await(t.Context(), func() bool { return strings.Contains(read(diary), "done in one") })
	second.stop()
	if got := submitTo[string, string](t, state, "steps", "next", "again")(); got != "again first second by one" {
		t.Errorf("after it came back the next workflow returned %q", got)
	}
	if got := submitTo[string, string](t, state, "steps", "job", "")(); got != "in first second by two" {
		t.Errorf("after it came back the workflow returns %q", got)
	}
}

func TestOneAtATimeOverSeveralProcesses(t *testing.T) {
	state := shared(t)
	diary := filepath.Join(t.TempDir(), "diary")
	for _, name := range []string{"one", "two", "three"} {
		child{Name: name, State: state, Diary: diary}.start(t)
	}
	jobs := []string{"a", "b", "c", "d", "e", "f", "f"}
	results := make([]func() string, len(jobs))
	for i, job := range jobs {
		results[i] = submitTo[string, string](t, state, "steps", job, job)
	}
	for i, result := range results {
		if got := result(); !strings.HasPrefix(got, jobs[i]+" first second") {
			t.Errorf("job %s returned %q", jobs[i], got)
		}
	}
	lines := strings.Split(strings.TrimSpace(read(diary)), "\n")
	if len(lines) != 3*6 {
		t.Fatalf("six jobs of three lines wrote %d lines:\n%s", len(lines), read(diary))
	}
	for i := 0; i < len(lines); i += 3 {
		for step, want := range []string{"first", "second", "done"} {
			if word, rest, _ := strings.Cut(lines[i+step], " "); word != want || !strings.HasSuffix(lines[i], rest) {
				t.Fatalf("two jobs ran at once:\n%s", read(diary))
			}
		}
	}
}

// The tasks wait for each other, so that one process alone would never end.
func TestTasksAreSharedAmongProcesses(t *testing.T) {
	state := shared(t)
	diary := filepath.Join(t.TempDir(), "diary")
	child{Name: "one", State: state, Diary: diary}.start(t)
	child{Name: "two", State: state, Diary: diary}.start(t)
	by := submitTo[int, []string](t, state, "spread", "", 2)()
	if len(by) != 2 || by[0] == by[1] {
		t.Errorf("the tasks were done by %q", by)
	}
}

func TestATaskOutlivesItsProcess(t *testing.T) {
	state := shared(t)
	diary := filepath.Join(t.TempDir(), "diary")
	child{Name: "one", State: state, Diary: diary}.start(t)
	second := child{Name: "two", State: state, Diary: diary, Hang: "meet"}.start(t)
	by := submitTo[int, []string](t, state, "spread", "", 3)
	await(t.Context(), func() bool { return strings.Contains(read(diary), "hangs") })
	second.signal(syscall.SIGKILL)
	if got := by(); len(got) != 3 || slices.ContainsFunc(got, func(by string) bool { return by != "one" }) {
		t.Errorf("the tasks were done by %q", got)
	}
}

func TestTheProcessThatIsThereLongestLeads(t *testing.T) {
	state := shared(t)
	open := func() *engine.Engine {
		e, err := engine.New(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		return e
	}
	first, second := open(), open()
	await(t.Context(), func() bool { return first.Processes() == 2 })
	if !first.Shared() || !first.Leads() || second.Leads() {
		t.Errorf("the first leads: %t, the second: %t", first.Leads(), second.Leads())
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	await(t.Context(), second.Leads)
	if !second.Leads() || second.Processes() != 1 {
		t.Errorf("the second leads: %t, of %d", second.Leads(), second.Processes())
	}
	if err := second.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestAnEngineIsInOnePlace(t *testing.T) {
	for _, state := range []engine.Config{{}, {Path: "engine.db", URL: "postgres://localhost/x"}, {URL: "nonsense"}} {
		if _, err := engine.New(t.Context(), state); err == nil {
			t.Errorf("an engine opened at %+v", state)
		}
	}
}

// A restart of the database, or a network that fails, ends every connection in
// the middle of things. All workflows come to their end all the same.
func TestAnEngineOutlivesItsConnections(t *testing.T) {
	state := shared(t)
	dir := t.TempDir()
	diary, gate := filepath.Join(dir, "diary"), filepath.Join(dir, "gate")
	child{Name: "one", State: state, Diary: diary, Gate: gate}.start(t)
	conn, err := pgx.Connect(t.Context(), state.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	cut := func() {
		t.Helper()
		const all = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
		if _, err := conn.Exec(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	result := submitTo[string, string](t, state, "steps", "job", "in")
	await(t.Context(), func() bool { return strings.Contains(read(diary), "second in one") })
	cut()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cut()
	if got := result(); got != "in first second by one" {
		t.Errorf("the workflow returned %q", got)
	}
	cut()
	if got := submitTo[string, string](t, state, "steps", "next", "again")(); got != "again first second by one" {
		t.Errorf("the next returned %q", got)
	}
}
