//go:build linux && amd64

package faults

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// step is something that the program does, to be killed in.
type step struct {
	name string
	// prepare makes the environment in which it is done.
	prepare func(o *oven)
	// args do it. Done again, it goes on with what was interrupted.
	args []string
	// serves says that it would run until it is stopped.
	serves bool
	// result is what has to be the same in the end, however often it was killed.
	result func(o *oven) any
	// programs take turns after each kill; empty where it is one alone.
	programs []string
	// long says that to prepare it takes too long for a short run.
	long bool
}

const catalog = "testdata/catalog.ndjson"

// The instants that releases are made as of; the past has no surprises.
var (
	first  = []string{"bake", "--at", "2026-01-01T00:00:00Z"}
	second = []string{"bake", "--at", "2026-01-01T00:01:00Z"}
)

func steps() []step {
	imported := func(o *oven) { o.run("import", catalog) }
	exported := func(o *oven) any { return string(o.run("export")) }
	root := func(o *oven) any { return o.current().Root }
	return []step{
		{name: "import", prepare: func(*oven) {}, args: []string{"import", catalog}, result: exported},
		{name: "bake", prepare: imported, args: first, result: root},
		{
			name: "delta", prepare: func(o *oven) { imported(o); o.run(first...); o.run("import", "testdata/edit.ndjson") },
			args: second, result: root,
		},
		{name: "merge", prepare: func(o *oven) { o.releases(33) }, args: second, result: root, long: true},
		{name: "collect", prepare: garbage, args: []string{collector}, result: func(o *oven) any { return o.sums() }},
		{name: "everything", prepare: imported, args: []string{"up", "--admin-listen", "none"}, serves: true, result: root},
	}
}

// releases makes so many releases, and one more edit, to be baked.
func (o *oven) releases(count int) {
	o.run("import", catalog)
	file := filepath.Join(o.t.TempDir(), "edit.ndjson")
	for n := range count {
		o.run(first...)
		edit := fmt.Sprintf(`{"type":"title","id":"m0","op":"merge","texts":{"name":{"en":"Edit %d"}}}`+"\n", n)
		if err := os.WriteFile(file, []byte(edit), 0o600); err != nil {
			o.t.Fatal(err)
		}
		o.run("import", file)
	}
}

// garbage makes releases and packs that are to go, old enough for it.
func garbage(o *oven) {
	o.releases(6)
	old := time.Now().Add(-2 * time.Hour)
	err := filepath.WalkDir(o.path("bucket/packs"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// do does the step, and is broken on the way as the tracer says.
func (s step) do(o *oven, tr tracer) *tracer {
	o.t.Helper()
	stdout, stderr := o.output("stdout"), o.output("stderr")
	defer stdout.Close() //nolint:errcheck // what it says is not needed
	defer stderr.Close() //nolint:errcheck // it is read below
	tr.dir = o.dir
	program, args := o.program, o.args(s.args...)
	if s.args[0] == collector {
		program, args = o.collector(), []string{o.path("bucket"), "1h"}
	}
	if s.serves {
		tr.done = func() bool { return strings.Contains(o.said(stdout), "ready ") }
	}
	tr.run(o.t, program, args, stdout, stderr)
	// What a fault stops ends with 1 and says why; it does not crash.
	if tr.code != 0 && tr.broken == "" || tr.code > exitFailure {
		o.t.Errorf("%s ended with %d: %s", s.name, tr.code, o.said(stderr))
	}
	return &tr
}

// exitFailure is what a command ends with that may work another time.
const exitFailure = 1

// A step that is killed before any of its effects, and again in its recovery,
// comes to what it comes to when nobody kills it.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, s := range steps() {
		if s.long && soak() == 0 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			_, random := draw(t)
			prepared := newOven(t)
			s.prepare(prepared)
			whole := prepared.copied(t)
			effects := s.do(whole, tracer{}).effects
			expected := s.result(whole)
			kills := 0
			for _, at := range chosen(random, effects, 2) {
				t.Run(strconv.Itoa(at), func(t *testing.T) { kills += s.killed(prepared.copied(t), at, random, expected) })
			}
			t.Logf("%d effects, killed %d times", effects, kills)
			if kills == 0 {
				t.Error("nothing was killed")
			}
		})
	}
}

// chosen returns the effects to break: all of them in a long run.
func chosen(random *rand.Rand, effects, few int) []int {
	all := random.Perm(effects)
	if soak() == 0 {
		all = all[:min(few, len(all))]
	}
	for i := range all {
		all[i]++
	}
	return all
}

// killed kills a step before an effect, then its recovery up to twice, then lets
// it end and looks at what there is. It returns how often it killed.
func (s step) killed(o *oven, at int, random *rand.Rand, expected any) int {
	t := o.t
	t.Helper()
	var story []string
	for range 1 + random.IntN(3) {
		if broken := s.do(o, tracer{breakAt: at}).broken; broken != "" {
			story = append(story, fmt.Sprintf("killed before effect %d, %s", at, broken))
		}
		at = 1 + random.IntN(at) // what is left to do has fewer
		if len(s.programs) > 0 {
			o.program = s.programs[len(story)%len(s.programs)]
		}
	}
	s.ends(o, strings.Join(story, "; "), expected)
	return len(story)
}

// holds compares what the step came to with what it has to.
func (s step) holds(o *oven, story string, expected any) {
	o.t.Helper()
	if got := s.result(o); !reflect.DeepEqual(got, expected) {
		o.t.Errorf("%s: it came to\n%v\nrather than\n%v", story, got, expected)
	}
}

// ends does the step to its end, and looks at what there is. The story is what
// happened to it before.
func (s step) ends(o *oven, story string, expected any) {
	t := o.t
	t.Helper()
	s.do(o, tracer{})
	s.holds(o, story, expected)
	o.run(second...) // what a process that was stopped had asked for ends before this
	if out, err := o.try("verify", "--all"); err != nil {
		t.Errorf("%s: %v\n%s", story, err, out)
	}
	if n := o.unfinished(); n != 0 {
		t.Errorf("%s: %d workflows have not ended", story, n)
	}
}
