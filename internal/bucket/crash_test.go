package bucket

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"
)

var errCrashed = errors.New("the machine crashed")

// crashing is a file system that stops at a given step and then loses, like a
// machine without power, what was not synced: the bytes of files whose Sync did
// not happen, and the names in folders whose sync did not happen. Disks may or
// may not have got to unsynced names by themselves, so tests look at both.
type crashing struct {
	osFiles
	dir   string
	steps int // until the crash; counts down, and below zero nothing works

	unsynced map[string]struct{} // files, by present path
	undo     map[string][]func() // of names, by folder, oldest first
}

func newCrashing(dir string, steps int) *crashing {
	return &crashing{dir: dir, steps: steps, unsynced: map[string]struct{}{}, undo: map[string][]func(){}}
}

// step reports whether the machine is still up.
func (c *crashing) step() error {
	c.steps--
	if c.steps < 0 {
		return errCrashed
	}
	return nil
}

func (c *crashing) full(path string) string { return filepath.Join(c.dir, path) }

func (c *crashing) named(path string, undo func()) {
	folder := folderOf(path)
	c.undo[folder] = append(c.undo[folder], undo)
}

func (c *crashing) mkdir(path string) error {
	if err := c.step(); err != nil {
		return err
	}
	err := c.osFiles.mkdir(path)
	if err == nil {
		c.named(path, func() { _ = os.RemoveAll(c.full(path)) })
	}
	return err
}

func (c *crashing) create(path string) (file, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	f, err := c.osFiles.create(path)
	if err != nil {
		return nil, err
	}
	c.unsynced[path] = struct{}{}
	c.named(path, func() { _ = os.Remove(c.full(path)) })
	return &crashingFile{file: f, fs: c, path: path}, nil
}

func (c *crashing) link(from, to string) error {
	if err := c.step(); err != nil {
		return err
	}
	err := c.osFiles.link(from, to)
	if err == nil {
		c.inherit(from, to)
		c.named(to, func() { _ = os.Remove(c.full(to)) })
	}
	return err
}

func (c *crashing) rename(from, to string) error {
	if err := c.step(); err != nil {
		return err
	}
	old, readErr := os.ReadFile(c.full(to))
	err := c.osFiles.rename(from, to)
	if err == nil {
		c.inherit(from, to)
		delete(c.unsynced, from)
		c.named(to, func() {
			_ = os.Remove(c.full(to))
			if readErr == nil {
				_ = os.WriteFile(c.full(to), old, fileMode)
			}
		})
	}
	return err
}

// inherit notes that to is the same file as from.
func (c *crashing) inherit(from, to string) {
	if _, ok := c.unsynced[from]; ok {
		c.unsynced[to] = struct{}{}
	}
}

func (c *crashing) remove(path string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.osFiles.remove(path)
}

func (c *crashing) syncFolder(path string) error {
	if err := c.step(); err != nil {
		return err
	}
	err := c.osFiles.syncFolder(path)
	if err == nil {
		delete(c.undo, path)
	}
	return err
}

// losePower does to the disk what the crash does.
func (c *crashing) losePower(t *testing.T, loseNames bool) {
	t.Helper()
	for path := range c.unsynced {
		info, err := os.Stat(c.full(path))
		if err == nil {
			err = os.Truncate(c.full(path), info.Size()/2)
		}
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if !loseNames {
		return
	}
	for _, undo := range c.undo {
		for _, revert := range slices.Backward(undo) {
			revert()
		}
	}
}

type crashingFile struct {
	file
	fs   *crashing
	path string
}

func (f *crashingFile) Write(p []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		if f.fs.steps == -1 {
			_, _ = f.file.Write(p[:len(p)/2]) // torn
		}
		return 0, err
	}
	return f.file.Write(p)
}

func (f *crashingFile) Sync() error {
	if err := f.fs.step(); err != nil {
		return err
	}
	delete(f.fs.unsynced, f.path)
	return f.file.Sync()
}

// TestCrashAtEveryStep stops Create and Swap at each step, with names that were
// not synced lost or not, and looks with new eyes: there is the old object or
// the new one, whole, and the new one if the call had returned. Afterwards the
// same call succeeds.
func TestCrashAtEveryStep(t *testing.T) {
	const key = "packs/ab/object"
	before, after := strings.Repeat("before ", 1000), strings.Repeat("after ", 2000)
	for _, test := range []struct {
		name string
		old  string
		run  func(ctx context.Context, b *Bucket) error
	}{
		{"Create", "", func(ctx context.Context, b *Bucket) error { return b.Create(ctx, key, []byte(after)) }},
		{"SwapOfNothing", "", func(ctx context.Context, b *Bucket) error {
			_, err := b.Swap(ctx, key, []byte(after), "")
			return err
		}},
		{"Swap", before, func(ctx context.Context, b *Bucket) error {
			_, err := b.Swap(ctx, key, []byte(after), versionOf([]byte(before)))
			return err
		}},
	} {
		for _, loseNames := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/lose names %t", test.name, loseNames), func(t *testing.T) {
				for steps := 0; ; steps++ {
					if crashOnce(t, key, test.old, after, steps, loseNames, test.run) {
						return
					}
				}
			})
		}
	}
}

// crashOnce crashes after the given number of steps and reports whether run had
// finished by then.
func crashOnce(t *testing.T, key, before, after string, steps int, loseNames bool, run func(context.Context, *Bucket) error) bool {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	if before != "" {
		b, err := OpenDisk(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.Create(ctx, key, []byte(before)), b.Close()); err != nil {
			t.Fatal(err)
		}
	}
	d, err := openDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	machine := newCrashing(dir, steps)
	machine.osFiles = osFiles{d.root}
	d.files = machine
	failed := run(ctx, New(blob.NewBucket(d), d.lock))
	finished := machine.steps >= 0
	machine.losePower(t, loseNames)

	b, err := OpenDisk(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := b.Read(ctx, key)
	switch {
	case err == nil && string(body) == after:
	case failed == nil:
		t.Errorf("crash at step %d: the write was reported done, but is lost: %d bytes, %v", steps, len(body), err)
	case before == "" && errors.Is(err, ErrNotFound):
	case before != "" && err == nil && string(body) == before:
	default:
		t.Errorf("crash at step %d: neither old nor new: %d bytes, %v", steps, len(body), err)
	}
	for info, err := range b.List(ctx, "") {
		if err != nil || info.Key != key {
			t.Errorf("crash at step %d: listed %v, %v", steps, info, err)
		}
	}
	if string(body) != after {
		if err := run(ctx, b); err != nil {
			t.Errorf("crash at step %d: again: %v", steps, err)
		}
	}
	return finished
}

// TestEveryFailureIsReported fails at each step in turn.
func TestEveryFailureIsReported(t *testing.T) {
	for steps := 0; ; steps++ {
		d, err := openDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		machine := newCrashing(d.root.Name(), steps)
		machine.osFiles = osFiles{d.root}
		d.files = machine
		b := New(blob.NewBucket(d), d.lock)
		err = b.Create(t.Context(), "a/b", []byte("x"))
		if machine.steps >= 0 {
			if err != nil {
				t.Errorf("nothing failed, but got %v", err)
			}
			if steps < 8 {
				t.Errorf("a write took %d steps; is the seam bypassed?", steps)
			}
			return
		}
		if !errors.Is(err, errCrashed) || !strings.Contains(err.Error(), `creating "a/b"`) {
			t.Errorf("step %d failed, but got %v", steps, err)
		}
	}
}
