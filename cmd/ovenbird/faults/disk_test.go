//go:build linux && amd64

package faults

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// failures are the ways in which a disk fails.
func failures() map[string]tracer {
	const full, broken = syscall.ENOSPC, syscall.EIO
	return map[string]tracer{
		// For long enough to outlast who tries again at once.
		"full": {lasts: time.Second, errors: map[uint64]syscall.Errno{
			syscall.SYS_WRITE: full, syscall.SYS_PWRITE64: full, syscall.SYS_FTRUNCATE: full, syscall.SYS_FALLOCATE: full,
			syscall.SYS_OPENAT: full, syscall.SYS_MKDIRAT: full, syscall.SYS_MKDIR: full, syscall.SYS_RENAMEAT: full,
		}},
		"a write":  {errors: map[uint64]syscall.Errno{syscall.SYS_WRITE: broken, syscall.SYS_PWRITE64: broken}},
		"a flush":  {errors: map[uint64]syscall.Errno{syscall.SYS_FSYNC: broken, syscall.SYS_FDATASYNC: broken}},
		"a rename": {errors: map[uint64]syscall.Errno{syscall.SYS_RENAMEAT: broken, syscall.SYS_LINKAT: broken, renameat2: broken}},
	}
}

// A disk that is full, or fails to write, to flush or to rename, at any step: the
// command fails and says so, or has done all that it says. Done again, it comes to
// what it comes to on a disk that works.
func TestTheDiskFailsAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, s := range steps() {
		if s.long || s.serves {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			_, random := draw(t)
			prepared := newOven(t)
			s.prepare(prepared)
			whole := prepared.copied(t)
			effects := s.do(whole, tracer{}).effects
			expected := s.result(whole)
			names := slices.Sorted(maps.Keys(failures()))
			if soak() == 0 {
				names = names[random.IntN(len(names)):][:1]
			}
			told, hidden := 0, 0
			for _, name := range names {
				for _, at := range chosen(random, effects, 1) {
					t.Run(name+" "+strconv.Itoa(at), func(t *testing.T) {
						o := prepared.copied(t)
						tr := failures()[name]
						tr.breakAt = at
						done := s.do(o, tr)
						story := fmt.Sprintf("%s failed from effect %d, %s, and it ended with %d", name, at, done.broken, done.code)
						if done.code != 0 {
							told++
						} else {
							hidden++
							s.holds(o, story, expected)
						}
						s.ends(o, story, expected)
					})
				}
			}
			t.Logf("%d effects; %d commands failed, %d succeeded in spite of it", effects, told, hidden)
		})
	}
}
