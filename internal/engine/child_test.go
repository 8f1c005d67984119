package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ovenbird/internal/engine"
)

// childEnv tells this program to be a process of an engine rather than to test.
const childEnv = "ENGINE_CHILD"

// child says what a process of an engine is to do.
type child struct {
	Name  string
	State engine.Config
	Diary string // a file that all processes write to
	// Hang names what the process begins and never ends.
	Hang string
	// Gate is a file that step "second" waits for.
	Gate string
}

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		if err := beChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beChild runs an engine until standard input ends.
func beChild(spec string) error {
	var c child
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		return err
	}
	ctx := context.Background()
	e, err := engine.New(ctx, c.State)
	if err != nil {
		return err
	}
	c.register(e)
	if err := e.Start(ctx, nil); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready") //nolint:errcheck // who waits for it sees that it is missing
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return e.Stop(ctx)
}

// register adds a workflow of two steps, and one that spreads two tasks which
// wait for each other.
func (c child) register(e *engine.Engine) {
	engine.Register(e, "steps", func(r *engine.Run, in string) (string, error) {
		first, err := engine.Step(r, "first", func(context.Context) (string, error) { return in + " first", c.note("first", in) })
		if err != nil {
			return "", err
		}
		c.hang("between")
		return engine.Step(r, "second", func(ctx context.Context) (string, error) {
			if err := c.note("second", in); err != nil {
				return "", err
			}
			c.hang("second")
			if c.Gate != "" {
				await(ctx, func() bool { _, err := os.Stat(c.Gate); return err == nil })
			}
			return first + " second by " + c.Name, c.note("done", in)
		})
	})
	meet := engine.RegisterTask(e, "meet", func(r *engine.Run, n int) (string, error) {
		return engine.Step(r, "meet", func(ctx context.Context) (string, error) {
			if err := c.note("meet", fmt.Sprint(n)); err != nil {
				return "", err
			}
			c.hang("meet")
			await(ctx, func() bool { return strings.Count(read(c.Diary), "meet ") >= 2 })
			return c.Name, ctx.Err()
		})
	})
	engine.Register(e, "spread", func(r *engine.Run, n int) ([]string, error) {
		inputs := make([]int, n)
		for i := range inputs {
			inputs[i] = i
		}
		return engine.Spread(r, meet, inputs)
	})
}

// note appends a line to the diary in one write, so that lines stay whole.
func (c child) note(what, job string) error {
	f, err := os.OpenFile(c.Diary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %s %s\n", what, job, c.Name)
	return errors.Join(err, f.Close())
}

func (c child) hang(at string) {
	if c.Hang == at {
		_ = c.note("hangs", at)
		select {}
	}
}

// process is a running child.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
}

// start starts a process and waits until it runs the engine.
func (c child) start(t *testing.T) *process {
	t.Helper()
	spec, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(spec))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd, stdin}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("process %s said %q: %v", c.Name, line, err)
	}
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	if s == syscall.SIGKILL {
		_ = p.cmd.Wait() // it was killed
	}
}

// stop ends the process as a person would, and waits for it.
func (p *process) stop() {
	p.t.Helper()
	if err := errors.Join(p.stdin.Close(), p.cmd.Wait()); err != nil {
		p.t.Errorf("stopping: %v", err)
	}
}

func read(path string) string {
	body, _ := os.ReadFile(path) // "" before it is there
	return string(body)
}

// await waits until ok, or until the test's time is up.
func await(ctx context.Context, ok func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
