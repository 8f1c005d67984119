//go:build linux && amd64

package faults

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An effect is a system call that changes a file: what a process that is killed
// has done, or has not. A run of the program is a sequence of effects, and to be
// killed before each of them and after the last is to be killed at every step.

// pathAt says, for each call that has effects, which argument is the path and
// which the descriptor of the folder that it begins in; dir < 0 is the working
// folder, and path < 0 stands for calls on a file that is open.
var pathAt = map[uint64]struct{ dir, path int }{
	syscall.SYS_WRITE: {0, -1}, syscall.SYS_PWRITE64: {0, -1}, syscall.SYS_WRITEV: {0, -1}, syscall.SYS_PWRITEV: {0, -1},
	syscall.SYS_FSYNC: {0, -1}, syscall.SYS_FDATASYNC: {0, -1}, syscall.SYS_FTRUNCATE: {0, -1}, syscall.SYS_FALLOCATE: {0, -1},
	syscall.SYS_RENAME: {-1, 1}, syscall.SYS_RENAMEAT: {2, 3}, renameat2: {2, 3},
	syscall.SYS_LINKAT: {2, 3}, syscall.SYS_UNLINK: {-1, 0}, syscall.SYS_UNLINKAT: {0, 1},
	syscall.SYS_MKDIR: {-1, 0}, syscall.SYS_MKDIRAT: {0, 1}, syscall.SYS_OPEN: {-1, 0}, syscall.SYS_OPENAT: {0, 1},
}

// What syscall does not name, as Linux has it.
const (
	renameat2     = 316      // the call
	exitKill      = 0x100000 // PTRACE_O_EXITKILL: what is traced ends with who traces it
	workingFolder = -100     // AT_FDCWD
	maxPath       = 4096
)

// tracer runs a program, counts its effects on files below a folder, and breaks
// one of them.
type tracer struct {
	dir string
	// breakAt is the effect, from 1, before which the program is killed, or from
	// which on the disk fails; 0 leaves it alone.
	breakAt int
	// errors is what calls fail with on a disk that fails; nil kills instead.
	errors map[uint64]syscall.Errno
	// lasts is how long the disk fails; 0 is once.
	lasts time.Duration
	// done is true when a program that would run for ever is to be stopped as by
	// Ctrl-C; nil where it ends by itself.
	done func() bool

	effects int
	code    int    // what it ended with, -1 where it was killed
	broken  string // what it was about to do; "" where nothing was broken

	pid     int
	entered map[int]bool          // threads inside a system call
	failing map[int]syscall.Errno // of those, the ones whose call is not made, and fails
	since   time.Time             // when the disk began to fail
	began   time.Time             // when it was started
	asked   time.Time             // when done was asked last
	stopped time.Time             // when it was told to stop
}

// run runs a program to its end. It holds on to one thread of the system, which
// alone may trace what it has started.
func (tr *tracer) run(t *testing.T, program string, args []string, stdout, stderr *os.File) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec(program, append([]string{program}, args...), &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, stdout.Fd(), stderr.Fd()}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	tr.began = time.Now()
	tr.pid, tr.entered, tr.failing = pid, make(map[int]bool), make(map[int]syscall.Errno)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WALL, nil); err != nil || !status.Stopped() {
		t.Fatalf("trace %s: %v, %v: tests of faults need ptrace", program, status, err)
	}
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | exitKill
	if err := syscall.PtraceSetOptions(pid, options); err != nil {
		t.Fatal(err)
	}
	if tr.code, err = tr.follow(); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("trace %s: %v", program, err)
	}
}

// follow lets the program's threads go from call to call until it has ended.
func (tr *tracer) follow() (code int, err error) {
	thread, signal := tr.pid, 0
	for {
		// A thread may be gone by now, killed with the others.
		if err := syscall.PtraceSyscall(thread, signal); err != nil && err != syscall.ESRCH {
			return 0, err
		}
		var status syscall.WaitStatus
		// Children of other threads belong to other tests.
		thread, err = syscall.Wait4(-1, &status, syscall.WALL|syscall.WNOTHREAD, nil)
		if err != nil {
			return 0, fmt.Errorf("wait: %w", err)
		}
		signal = 0
		switch {
		case (status.Exited() || status.Signaled()) && thread == tr.pid:
			if status.Exited() {
				return status.ExitStatus(), nil
			}
			return -1, nil
		case !status.Stopped():
		case status.StopSignal() == syscall.SIGTRAP|0x80:
			if tr.entered[thread] = !tr.entered[thread]; tr.entered[thread] {
				tr.enter(thread)
				tr.stop()
			} else {
				tr.leave(thread)
			}
		case status.StopSignal() != syscall.SIGTRAP && status.StopSignal() != syscall.SIGSTOP:
			signal = int(status.StopSignal())
		}
	}
}

// enter is called when a thread is about to make a system call.
func (tr *tracer) enter(thread int) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(thread, &regs) != nil {
		return // it was killed meanwhile
	}
	effect, ok := tr.effect(thread, &regs)
	if !ok {
		return
	}
	tr.effects++
	switch failure := tr.errors[regs.Orig_rax]; {
	case tr.breakAt == 0 || tr.effects < tr.breakAt:
	case tr.errors == nil && tr.broken == "":
		tr.broken = effect
		_ = syscall.Kill(tr.pid, syscall.SIGKILL) // a call that a killed thread has entered is not made
	case failure != 0 && (tr.broken == "" || time.Since(tr.since) < tr.lasts):
		if tr.broken == "" {
			tr.broken, tr.since = effect, time.Now()
		}
		regs.Orig_rax = math.MaxUint64 // there is no such call
		if syscall.PtraceSetRegs(thread, &regs) == nil {
			tr.failing[thread] = failure
		}
	}
}

// leave is called when a thread comes back from a system call.
func (tr *tracer) leave(thread int) {
	failure, ok := tr.failing[thread]
	if !ok {
		return
	}
	delete(tr.failing, thread)
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(thread, &regs) == nil {
		regs.Rax = -uint64(failure)
		_ = syscall.PtraceSetRegs(thread, &regs) // or it was killed meanwhile
	}
}

// stop stops a program that has done what it was started for, and one that hangs,
// which says where. A program that runs makes calls all the time, so there is time
// to ask now and then.
func (tr *tracer) stop() {
	const often, hangs = 10 * time.Millisecond, 15 * time.Second
	if time.Since(tr.asked) < often {
		return
	}
	tr.asked = time.Now()
	switch {
	case tr.stopped.IsZero() && tr.done != nil && tr.done():
		tr.stopped = tr.asked
		_ = syscall.Kill(tr.pid, syscall.SIGINT)
	case !tr.stopped.IsZero() && time.Since(tr.stopped) > hangs || time.Since(tr.began) > patience:
		tr.began, tr.stopped = tr.asked, tr.asked
		_ = syscall.Kill(tr.pid, syscall.SIGQUIT)
	}
}

// effect describes the call that a thread is about to make, if it has an effect
// in the folder.
func (tr *tracer) effect(thread int, regs *syscall.PtraceRegs) (string, bool) {
	at, ok := pathAt[regs.Orig_rax]
	if !ok {
		return "", false
	}
	args := [...]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10}
	const makes = syscall.O_CREAT | syscall.O_TRUNC
	if regs.Orig_rax == syscall.SYS_OPENAT && args[2]&makes == 0 || regs.Orig_rax == syscall.SYS_OPEN && args[1]&makes == 0 {
		return "", false
	}
	path := ""
	if at.path >= 0 {
		path = readString(thread, uintptr(args[at.path]))
	}
	if !filepath.IsAbs(path) {
		link := "cwd"
		if at.dir >= 0 && int32(args[at.dir]) != workingFolder {
			link = fmt.Sprintf("fd/%d", int32(args[at.dir]))
		}
		dir, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", tr.pid, link))
		if err != nil {
			return "", false
		}
		path = filepath.Join(dir, path)
	}
	inside, err := filepath.Rel(tr.dir, path)
	if err != nil || strings.HasPrefix(inside, "..") {
		return "", false
	}
	return fmt.Sprintf("call %d on %s", regs.Orig_rax, inside), true
}

// readString reads a path from the memory of a thread that has stopped.
func readString(thread int, address uintptr) string {
	var text []byte
	for len(text) < maxPath {
		var word [8]byte
		n, err := syscall.PtracePeekData(thread, address+uintptr(len(text)), word[:])
		if err != nil {
			return ""
		}
		for _, b := range word[:n] {
			if b == 0 {
				return string(text)
			}
			text = append(text, b)
		}
	}
	return ""
}
