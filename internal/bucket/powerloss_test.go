package bucket

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ovenbird/internal/bucket/seedtest"
)

// shop writes to a bucket as bakes and garbage collection do: packs that are
// named by their content, then the head that lists them, then nothing of the
// packs that it does not list any more.
type shop struct {
	machine *machine
	bucket  *Bucket
	version Version
	heads   []string // what has been the head, or may be
	kept    int      // how many of them were acknowledged
}

func packNamed(n int) (key, body string) {
	body = strings.Repeat(fmt.Sprintf("pack %d ", n), 20+n)
	return "packs/" + string(versionOf([]byte(body))[:2]) + "/" + string(versionOf([]byte(body))), body
}

// publish writes the packs and a head that lists them.
func (s *shop) publish(t *testing.T, packs ...int) error {
	t.Helper()
	var list []string
	for _, n := range packs {
		key, body := packNamed(n)
		if err := s.bucket.Create(t.Context(), key, []byte(body)); err != nil {
			return err
		}
		list = append(list, strconv.Itoa(n))
	}
	head := fmt.Sprintf("%d: %s", len(s.heads), strings.Join(list, " "))
	s.heads = append(s.heads, head)
	s.machine.note("tried %d", len(s.heads))
	version, err := s.bucket.Swap(t.Context(), "head", []byte(head), s.version)
	if err != nil {
		return err
	}
	s.version, s.kept = version, len(s.heads)
	s.machine.note("done %d", s.kept)
	return nil
}

// look opens the bucket as a power loss left it, with the heads from oldest to
// newest all right, and does what was to be done again.
func look(t *testing.T, disk map[string]file0, heads []string, oldest int) {
	t.Helper()
	dir := seedtest.Dir(t)
	restore(t, dir, disk)
	b, err := OpenDisk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	head, version, err := b.Read(t.Context(), "head")
	n := slices.Index(heads, string(head)) + 1
	switch {
	case errors.Is(err, ErrNotFound) && oldest == 0:
	case err != nil || n == 0 || n < oldest:
		t.Fatalf("the head is %q, %v; %d heads were acknowledged of %q", head, err, oldest, heads)
	}
	_, list, _ := strings.Cut(string(head), ": ")
	for number := range strings.FieldsSeq(list) {
		pack, _ := strconv.Atoi(number) // this test wrote it
		key, want := packNamed(pack)
		if body, _, err := b.Read(t.Context(), key); err != nil || string(body) != want {
			t.Fatalf("head %q leads to pack %d, which has %d bytes, %v", head, pack, len(body), err)
		}
	}
	for _, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		key, body := packNamed(n)
		if err := b.Create(t.Context(), key, []byte(body)); err != nil {
			t.Fatalf("pack %d can not be written again: %v", n, err)
		}
	}
	if _, err := b.Swap(t.Context(), "head", []byte("again: 0 1 2 3 4"), version); err != nil {
		t.Fatal(err)
	}
}

// progress returns how many heads had been tried and acknowledged at each step.
func progress(log []snapshot) (tried, done []int) {
	tried, done = make([]int, len(log)), make([]int, len(log))
	for i, s := range log {
		if i > 0 {
			tried[i], done[i] = tried[i-1], done[i-1]
		}
		_, _ = fmt.Sscanf(s.note, "tried %d", &tried[i])
		_, _ = fmt.Sscanf(s.note, "done %d", &done[i])
	}
	return tried, done
}

// describe names a disk, to look at each once.
func describe(disk map[string]file0, oldest int) string { return fmt.Sprintf("%d %v", oldest, disk) }

// The power goes between any two steps of writing two releases and removing what
// the second does not need. Every disk that POSIX allows then has the head that
// was acknowledged last or a later one, and whole packs below it.
func TestPowerLossAnywhereKeepsTheHeadAndWhatItLeadsTo(t *testing.T) {
	if testing.Short() {
		t.Skip("writes many folders")
	}
	b, m := openMachine(t, seedtest.Dir(t))
	s := &shop{machine: m, bucket: b}
	if err := errors.Join(s.publish(t, 0, 1), s.publish(t, 1, 2)); err != nil {
		t.Fatal(err)
	}
	key, _ := packNamed(0)
	if err := b.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	states := 0
	tried, done := progress(m.log)
	for i, state := range m.log {
		for disk := range state.disks {
			states++
			if name := describe(disk, done[i]); !seen[name] {
				seen[name] = true
				look(t, disk, s.heads[:tried[i]], done[i])
			}
		}
	}
	t.Logf("%d steps, %d states of the disk, %d different ones", len(m.log), states, len(seen))
	if len(m.log) < 50 || len(seen) < 100 {
		t.Error("that is too few: is the seam bypassed?")
	}
}

// Two processes write by turns while the disk fails now and then. The power goes
// at any time, whatever failed before; who was not told that a write was done did
// it again.
func TestPowerLossAmidFailuresOfTheDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("writes many folders")
	}
	failures := 0
	seedtest.Each(t, 10, func(t *testing.T, seed uint64) {
		t.Helper()
		random := rand.New(rand.NewPCG(seed, 3))
		first, m := openMachine(t, seedtest.Dir(t))
		processes := []*Bucket{first, m.another(t)}
		m.fail = func(op, _ string) error {
			if random.IntN(12) > 0 || op == "remove" {
				return nil
			}
			failures++
			return []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EMFILE, syscall.EDQUOT}[random.IntN(5)]
		}
		s := &shop{machine: m, bucket: first}
		for round := range 4 {
			for s.publish(t, round%3, round%3+1, random.IntN(5)) != nil {
				// The head may be there or not: who does not know looks.
				_, version, err := s.bucket.Read(t.Context(), "head")
				if err != nil && !errors.Is(err, ErrNotFound) {
					t.Fatal(err)
				}
				s.version, s.bucket = version, processes[random.IntN(2)]
			}
		}
		m.fail = nil
		tried, done := progress(m.log)
		for range 5 {
			at := random.IntN(len(m.log))
			look(t, m.log[at].draw(random.IntN), s.heads[:tried[at]], done[at])
		}
	})
	t.Logf("%d failures of the disk", failures)
	if failures == 0 {
		t.Error("the disk never failed")
	}
}

// A bucket's folder is as durable as what is in it.
func TestTheFolderOfABucketIsMadeDurably(t *testing.T) {
	above := t.TempDir()
	var synced []string
	sync := func(folder string) error {
		name, err := filepath.Rel(above, folder)
		synced = append(synced, name)
		return err
	}
	for _, dir := range []string{"a/b", "a/b/", "a/c"} {
		if err := makeRoot(filepath.Join(above, "a")+strings.TrimPrefix(dir, "a"), sync); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(above, dir)); err != nil {
			t.Error(err)
		}
	}
	if want := []string{".", "a", "a"}; !slices.Equal(synced, want) {
		t.Errorf("synced %q, want %q", synced, want)
	}
	if err := makeRoot(filepath.Join(above, "d"), func(string) error { return syscall.EIO }); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
}
