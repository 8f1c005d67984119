package bucket

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gocloud.dev/blob"
)

// machine is a file system that remembers what was done to it and which part of
// that would be there after a power loss. It is as weak as POSIX allows, after
// Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014): until a
// file is synced each of its writes may be lost, torn, or zeros of the right
// length; until a folder is synced each name in it may be what it was at any time
// since the last sync, whatever the other names are, so that a rename may happen
// by half. It also fails as it is told.
type machine struct {
	osFiles
	fail func(op, path string) error // nil is fine; not called with mu held

	mu    sync.Mutex
	names map[string][]*inode
	// log is the state of the disk after each step.
	log []snapshot
}

// inode is a file, or a folder where it has no content.
type inode struct {
	folder  bool
	synced  string // what is sure to be there
	content string
	lost    bool // a sync failed: what was not synced then never will be
}

// snapshot is what may be on the disk at one moment.
type snapshot struct {
	names map[string][]file0 // by path: what the name may lead to, the last one first
	note  string
}

// file0 is what a name may lead to; nil content means nothing or a folder.
type file0 struct {
	absent, folder  bool
	synced, content string
}

// newMachine takes over a folder, all of which is durable.
func newMachine(t *testing.T, d *disk) *machine {
	t.Helper()
	m := &machine{osFiles: osFiles{d.root}, names: make(map[string][]*inode)}
	err := filepath.WalkDir(d.root.Name(), func(full string, entry os.DirEntry, err error) error {
		if err != nil || full == d.root.Name() {
			return err
		}
		name, err := filepath.Rel(d.root.Name(), full)
		if err != nil || entry.IsDir() {
			m.names[name] = []*inode{{folder: true}}
			return err
		}
		body, err := os.ReadFile(full)
		m.names[name] = []*inode{{synced: string(body), content: string(body)}}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// openMachine opens the bucket in a folder on a machine.
func openMachine(t *testing.T, dir string) (*Bucket, *machine) {
	t.Helper()
	d, err := openDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.root.Close() })
	m := newMachine(t, d)
	d.files = m
	return New(blob.NewBucket(d), d.lock), m
}

// another opens the bucket once more, as another process on the machine.
func (m *machine) another(t *testing.T) *Bucket {
	t.Helper()
	d, err := openDisk(m.root.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.root.Close() })
	d.files = m
	return New(blob.NewBucket(d), d.lock)
}

// do fails if it is to; otherwise it does a step and notes what the disk may be
// after it.
func (m *machine) do(op, name string, step func() error) error {
	if m.fail != nil {
		if err := m.fail(op, name); err != nil {
			return &os.PathError{Op: op, Path: name, Err: err}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err := step()
	m.take(op + " " + name)
	return err
}

// take notes the state of the disk, with mu held.
func (m *machine) take(note string) {
	s := snapshot{names: make(map[string][]file0, len(m.names)), note: note}
	for name, history := range m.names {
		var may []file0
		for _, n := range slices.Backward(history) {
			switch {
			case n == nil:
				may = append(may, file0{absent: true})
			case n.folder:
				may = append(may, file0{folder: true})
			default:
				may = append(may, file0{synced: n.synced, content: n.content})
			}
		}
		s.names[name] = slices.Compact(may)
	}
	m.log = append(m.log, s)
}

// note puts a remark into the log.
func (m *machine) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(fmt.Sprintf(format, args...))
}

// now returns what a name leads to.
func (m *machine) now(name string) *inode {
	history := m.names[name]
	if len(history) == 0 {
		return nil
	}
	return history[len(history)-1]
}

// lead makes a name lead elsewhere.
func (m *machine) lead(name string, to *inode) {
	if len(m.names[name]) == 0 {
		m.names[name] = []*inode{nil}
	}
	m.names[name] = append(m.names[name], to)
}

func (m *machine) mkdir(name string) error {
	return m.do("mkdir", name, func() error {
		err := m.osFiles.mkdir(name)
		if err == nil {
			m.lead(name, &inode{folder: true})
		}
		return err
	})
}

func (m *machine) create(name string) (f file, err error) {
	err = m.do("create", name, func() error {
		opened, err := m.osFiles.create(name)
		if err == nil {
			n := &inode{}
			m.lead(name, n)
			f = &machineFile{file: opened, machine: m, inode: n, name: name}
		}
		return err
	})
	return f, err
}

func (m *machine) link(from, to string) error {
	return m.do("link", to, func() error {
		err := m.osFiles.link(from, to)
		if err == nil {
			m.lead(to, m.now(from))
		}
		return err
	})
}

func (m *machine) rename(from, to string) error {
	return m.do("rename", to, func() error {
		err := m.osFiles.rename(from, to)
		if err == nil {
			m.lead(to, m.now(from))
			m.lead(from, nil)
		}
		return err
	})
}

func (m *machine) remove(name string) error {
	return m.do("remove", name, func() error {
		err := m.osFiles.remove(name)
		if err == nil {
			m.lead(name, nil)
		}
		return err
	})
}

func (m *machine) syncFile(name string) error {
	return m.do("sync", name, func() error {
		n := m.now(name)
		if n == nil {
			return os.ErrNotExist
		}
		n.synced = n.content
		return nil
	})
}

func (m *machine) syncFolder(name string) error {
	return m.do("syncFolder", name, func() error {
		for inside, history := range m.names {
			if folderOf(inside) == name {
				m.names[inside] = history[len(history)-1:]
			}
		}
		return nil
	})
}

type machineFile struct {
	file
	machine *machine
	inode   *inode
	name    string
}

func (f *machineFile) Write(p []byte) (n int, err error) {
	err = f.machine.do("write", f.name, func() error {
		n, err = f.file.Write(p)
		f.inode.content += string(p[:n])
		return err
	})
	if errors.Is(err, syscall.ENOSPC) { // what fits is written
		f.machine.mu.Lock()
		defer f.machine.mu.Unlock()
		n, _ = f.file.Write(p[:len(p)/2])
		f.inode.content += string(p[:n])
	}
	return n, err
}

// Sync that fails loses what was not synced yet, and one that comes after it and
// succeeds does not bring it back: so it was with fsync on Linux.
func (f *machineFile) Sync() error {
	err := f.machine.do("sync", f.name, func() error {
		if !f.inode.lost {
			f.inode.synced = f.inode.content
		}
		return nil
	})
	f.inode.lost = f.inode.lost || err != nil
	return err
}

// variants are what may be on the disk of a file.
func (f file0) variants() []file0 {
	if f.absent || f.folder || f.synced == f.content {
		return []file0{f}
	}
	half := len(f.content) / 2
	var all []file0
	for _, content := range []string{
		f.content, f.synced, f.content[:half], strings.Repeat("\x00", len(f.content)),
		f.content[:half] + strings.Repeat("\x00", len(f.content)-half), strings.Repeat("\x00", half) + f.content[half:],
	} {
		all = append(all, file0{content: content, synced: content})
	}
	return all
}

// disks yields what may be on the disk after a power loss, by path: every
// combination, until it is told to stop.
func (s snapshot) disks(yield func(map[string]file0) bool) {
	paths := slices.Sorted(maps.Keys(s.names))
	may := make([][]file0, len(paths))
	for i, name := range paths {
		for _, f := range s.names[name] {
			may[i] = append(may[i], f.variants()...)
		}
	}
	at := make([]int, len(paths))
	for {
		disk := make(map[string]file0, len(paths))
		for i, name := range paths {
			disk[name] = may[i][at[i]]
		}
		if !yield(disk) {
			return
		}
		i := 0
		for i < len(at) && at[i]+1 == len(may[i]) {
			at[i] = 0
			i++
		}
		if i == len(at) {
			return
		}
		at[i]++
	}
}

// draw returns one of the disks.
func (s snapshot) draw(pick func(n int) int) map[string]file0 {
	disk := make(map[string]file0, len(s.names))
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		may := s.names[name]
		variants := may[pick(len(may))].variants()
		disk[name] = variants[pick(len(variants))]
	}
	return disk
}

// restore makes a folder what a disk is. What lies in a folder that is lost is
// lost with it.
func restore(t *testing.T, dir string, disk map[string]file0) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(disk)) {
		f := disk[name]
		if f.absent || path.Dir(name) != "." && (disk[path.Dir(name)].absent || !disk[path.Dir(name)].folder) {
			disk[name] = file0{absent: true}
			continue
		}
		full := filepath.Join(dir, name)
		var err error
		if f.folder {
			err = os.Mkdir(full, folderMode)
		} else {
			err = os.WriteFile(full, []byte(f.content), fileMode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
