package bucket

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"ovenbird/internal/bucket/seedtest"
)

func sumOfPack(key string) (sum [sha256.Size]byte, ok bool) {
	n, err := hex.Decode(sum[:], []byte(key[strings.LastIndexByte(key, '/')+1:]))
	return sum, err == nil && n == len(sum)
}

// An edge goes from release to release, and loses power and network at any time,
// during takeovers and while its disk deletes what it does not need any more: what
// it kept leads to the release taken over last, or to the one after it, whole.
func TestPowerLossLeavesACacheWithWhatWasRetained(t *testing.T) {
	if testing.Short() {
		t.Skip("writes many folders")
	}
	origin := OpenMemory()
	defer func() { _ = origin.Close() }()
	looked := 0
	seedtest.Each(t, 3, func(t *testing.T, seed uint64) {
		t.Helper()
		random := rand.New(rand.NewPCG(seed, 8))
		c, err := NewCache(origin, CacheConfig{Dir: seedtest.Dir(t), Sum: sumOfPack})
		if err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(c.cfg.Dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }()
		m := newMachine(t, &disk{root: root})
		c.files = m
		for n := range 4 {
			takeOverPacks(t, c, origin, n)
			m.note("done %d", n+1)
		}
		_, done := progress(m.log)
		for range 60 {
			at := random.IntN(len(m.log))
			if done[at] > 0 {
				looked++
				lookAtCache(t, m.log[at].draw(random.IntN), done[at])
			}
		}
	})
	t.Logf("%d states of the disk", looked)
	if looked == 0 {
		t.Error("nothing was looked at")
	}
}

// takeOverPacks does what an edge does for the n-th release, of packs n and n+1.
func takeOverPacks(t *testing.T, c *Cache, origin *Bucket, n int) {
	t.Helper()
	_, version, err := origin.Read(t.Context(), "head")
	if err != nil && !notFound(err) {
		t.Fatal(err)
	}
	if _, err := origin.Swap(t.Context(), "head", fmt.Appendf(nil, "%d", n), version); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context(), "head"); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for pack := n; pack < n+2; pack++ {
		key, body := packNamed(pack)
		if err := origin.Create(t.Context(), key, []byte(body)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if err := c.Retain(keys); err != nil {
		t.Fatal(err)
	}
}

// lookAtCache reads what a power loss left of a cache that had taken over done
// releases.
func lookAtCache(t *testing.T, disk map[string]file0, done int) {
	t.Helper()
	dir := seedtest.Dir(t)
	restore(t, dir, disk)
	c, err := NewCache(nil, CacheConfig{Dir: dir, Sum: sumOfPack})
	if err != nil {
		t.Fatal(err)
	}
	head, _, err := c.Local().Read(t.Context(), "head")
	var n int
	if _, scanErr := fmt.Sscan(string(head), &n); err != nil || scanErr != nil || n != done-1 && n != done {
		t.Fatalf("%d releases were taken over, and the head is %q, %v", done, head, err)
	}
	for pack := n; pack < n+2; pack++ {
		key, want := packNamed(pack)
		if body, _, err := c.Local().Read(t.Context(), key); err != nil || string(body) != want {
			t.Fatalf("%d releases were taken over; the head of release %d leads to a pack with %d bytes, %v", done, n, len(body), err)
		}
	}
}
