//go:build linux && amd64

package faults

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long anything may take to come to an end by itself. It is
// there to tell a program that hangs from a machine that is busy.
const patience = 2 * time.Minute

// process is a running `up` or `edge`.
type process struct {
	cmd   *exec.Cmd
	url   string // where it serves; "" until it is ready
	admin string // where its admin API is; "" for an edge
	ready chan struct{}
	ended chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

// start starts a command that runs until it is killed.
func (o *oven) start(args ...string) *process {
	o.t.Helper()
	p := &process{cmd: exec.Command(o.program, args...), ready: make(chan struct{}), ended: make(chan struct{})} //nolint:noctx // killed below
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	// Whatever becomes of the test, its processes end with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.hear(stderr) })
	reading.Go(func() { p.hear(stdout) })
	go func() {
		reading.Wait()
		_ = p.cmd.Wait() // it is killed, or the test says what is missing
		close(p.ended)
	}()
	o.t.Cleanup(p.kill)
	return p
}

// hear takes in what a process says: where its admin API is comes before ready.
func (p *process) hear(from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		p.mu.Lock()
		p.log.WriteString(line + "\n")
		if url, ok := strings.CutPrefix(line, "admin URL "); ok {
			p.admin = url
		}
		if url, ok := strings.CutPrefix(line, "ready "); ok {
			p.url = url
			close(p.ready)
		}
		p.mu.Unlock()
	}
}

// addresses returns where a process serves, "" where it does not yet.
func (p *process) addresses() (url, admin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url, p.admin
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// kill ends a process as the kernel does when there is no memory left.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-p.ended
}

// until waits until ok, and says what it was that did not come.
func (o *oven) until(what string, ok func() bool) bool {
	o.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			o.t.Errorf("%s: it has not come to an end in %v", what, patience)
			return false
		}
	}
	return true
}
