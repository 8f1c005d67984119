package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores are where a server and what loads it run: on a core each, so that neither
// takes time from the other, and what a server costs is what it costs alone.
type cores struct {
	pinned       bool
	server, load int
}

// pin moves this process to the core for load, and returns the cores. Where there
// is one alone, or the kernel does not let us, all run wherever they like.
func pin() (cores, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return cores{}, fmt.Errorf("see which cores there are: %w", err)
	}
	if allowed.Count() < 2 {
		fmt.Fprintln(os.Stderr, "bench/edge: there is one core: servers and what loads them share it, and figures are of both")
		return cores{}, nil
	}
	c := cores{pinned: true}
	c.server, c.load = firstTwo(&allowed)
	if err := pinAll(c.load); err != nil {
		fmt.Fprintf(os.Stderr, "bench/edge: servers and what loads them share the cores: %v\n", err)
		return cores{}, nil
	}
	runtime.GOMAXPROCS(1)
	return c, nil
}

// firstTwo returns the first two cores of a set.
func firstTwo(set *unix.CPUSet) (first, second int) {
	for !set.IsSet(first) {
		first++
	}
	for second = first + 1; !set.IsSet(second); second++ {
		continue
	}
	return first, second
}

// pinAll moves all threads of this process to a core. Threads that they make stay
// with them; of those that were made while the first ones moved a second look finds all.
func pinAll(core int) error {
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			if err := pinThread(id, core); err != nil {
				return err
			}
		}
	}
	return nil
}

// pinThread moves a thread to a core; 0 is the one that calls.
func pinThread(id, core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(id, &set); err != nil {
		return fmt.Errorf("move a thread to core %d: %w", core, err)
	}
	return nil
}

// launch calls start so that the processes it starts run on the servers' core. They
// are there from their first instruction on, which is when Go counts its cores.
func (c cores) launch(start func() error) error {
	if !c.pinned {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pinThread(0, c.server); err != nil {
		return err
	}
	failed := start()
	if err := pinThread(0, c.load); err != nil {
		return err
	}
	return failed
}
