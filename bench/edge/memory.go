package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// memory is what a process has of the machine's, in bytes.
type memory struct {
	resident  int64 // anonymous and file
	anonymous int64 // the heap, and what else is no file's
	file      int64 // of files that it has mapped, its program among them
	peak      int64 // of resident, since it started
}

// memoryOf reads what a process has now.
func memoryOf(pid int) (m memory, err error) {
	rollup, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, fmt.Errorf("read a process's memory, which takes Linux: %w", err)
	}
	status, err := kilobytes(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	m = memory{resident: rollup["Rss"], anonymous: rollup["Anonymous"], peak: status["VmHWM"]}
	m.file = m.resident - m.anonymous
	if m.resident == 0 || m.peak == 0 {
		return m, errors.New("/proc does not tell how much memory the process has")
	}
	return m, nil
}

// kilobytes returns the lines "Name: 12 kB" of a file, in bytes.
func kilobytes(file string) (map[string]int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		number, isKilobytes := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if !isKilobytes {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		lines[name] = n << 10
	}
	return lines, nil
}

// dropCache makes the kernel forget what it has in memory of files: of all, or
// where it does not let us, of those in the folders. It says which.
func dropCache(folders ...string) (what string, err error) {
	unix.Sync() // what is not yet on the disk can not be forgotten
	const pageCache = "1\n"
	if os.WriteFile("/proc/sys/vm/drop_caches", []byte(pageCache), 0) == nil {
		return "all files", nil
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			return forget(file)
		})
		if err != nil {
			return "", err
		}
	}
	return "the bucket's files", nil
}

// forget makes the kernel forget what it has in memory of a file.
func forget(file string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("forget %s: %w", file, err)
	}
	return nil
}
