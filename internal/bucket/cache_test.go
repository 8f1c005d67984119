package bucket_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ovenbird/internal/bucket"
)

// broken is an origin that can fail, and counts what it is asked.
type broken struct {
	*bucket.Bucket
	err   error
	reads int
}

func (b *broken) Version(ctx context.Context, key string) (bucket.Version, error) {
	if b.err != nil {
		return "", b.err
	}
	return b.Bucket.Version(ctx, key)
}

func (b *broken) Read(ctx context.Context, key string) ([]byte, bucket.Version, error) {
	b.reads++
	if b.err != nil {
		return nil, "", b.err
	}
	return b.Bucket.Read(ctx, key)
}

func (b *broken) ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Bucket.ReadRange(ctx, key, offset, length)
}

func keyOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "packs/" + hex.EncodeToString(sum[:])
}

func sumOf(key string) (sum [sha256.Size]byte, ok bool) {
	name, ok := strings.CutPrefix(key, "packs/")
	if !ok || len(name) != 2*len(sum) {
		return sum, false
	}
	_, err := hex.Decode(sum[:], []byte(name))
	return sum, err == nil
}

var packed = []byte("a pack that never changes")

func newOrigin(t *testing.T) *broken {
	t.Helper()
	b := bucket.OpenMemory()
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Create(t.Context(), keyOf(packed), packed); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Swap(t.Context(), "head", []byte("first"), ""); err != nil {
		t.Fatal(err)
	}
	return &broken{Bucket: b}
}

func newCache(t *testing.T, origin bucket.Origin, dir string) *bucket.Cache {
	t.Helper()
	c, err := bucket.NewCache(origin, bucket.CacheConfig{Dir: dir, Sum: sumOf})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustRange(t *testing.T, c *bucket.Cache, offset, length int64) {
	t.Helper()
	got, err := c.ReadRange(t.Context(), keyOf(packed), offset, length)
	if err != nil || !bytes.Equal(got, packed[offset:offset+length]) {
		t.Fatalf("read %q, %v; want %q", got, err, packed[offset:offset+length])
	}
}

func TestACacheAsksItsOriginOnceAndOutlivesIt(t *testing.T) {
	origin, dir := newOrigin(t), t.TempDir()
	c := newCache(t, origin, dir)
	mustRange(t, c, 2, 4)
	mustRange(t, c, 7, 4)
	if info, err := c.Stat(t.Context(), keyOf(packed)); err != nil || info.Size != int64(len(packed)) {
		t.Errorf("size %d, %v", info.Size, err)
	}
	if _, _, err := c.Read(t.Context(), "head"); err != nil {
		t.Fatal(err)
	}
	if err := c.Retain([]string{keyOf(packed)}); err != nil {
		t.Fatal(err)
	}
	if origin.reads != 2 {
		t.Errorf("%d reads of the origin, want one of the pack and one of the head", origin.reads)
	}
	origin.err = errors.New("the network is gone")
	later := newCache(t, origin, dir)
	mustRange(t, later, 0, 6)
	if _, _, err := later.Read(t.Context(), "head"); err == nil {
		t.Error("an object that may have changed was read without the origin")
	}
	body, version, err := later.Local().Read(t.Context(), "head")
	if err != nil || string(body) != "first" {
		t.Errorf("the head in the folder is %q, %v", body, err)
	}
	if was, err := origin.Bucket.Version(t.Context(), "head"); err != nil || was != version {
		t.Errorf("version %q, the origin's is %q", version, was)
	}
}

func TestADamagedObjectIsFetchedAgain(t *testing.T) {
	for name, damage := range map[string][]byte{"flipped": []byte("a pack that ever changes!"), "cut": packed[:5], "empty": nil} {
		t.Run(name, func(t *testing.T) {
			origin, dir := newOrigin(t), t.TempDir()
			path := filepath.Join(dir, filepath.FromSlash(keyOf(packed)))
			mustRange(t, newCache(t, origin, dir), 0, 3)
			if err := os.WriteFile(path, damage, 0o600); err != nil {
				t.Fatal(err)
			}
			c := newCache(t, origin, dir)
			if _, _, err := c.Local().Read(t.Context(), keyOf(packed)); !errors.Is(err, bucket.ErrNotFound) {
				t.Errorf("without the origin: %v, want ErrNotFound", err)
			}
			mustRange(t, c, 0, 3)
			if mended, err := os.ReadFile(path); err != nil || !bytes.Equal(mended, packed) {
				t.Errorf("the file is %q, %v", mended, err)
			}
		})
	}
}

func TestAnOriginThatSendsSomethingElseIsFoundOut(t *testing.T) {
	b := bucket.OpenMemory()
	defer func() { _ = b.Close() }()
	if err := b.Create(t.Context(), keyOf(packed), []byte("not what the name says")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := newCache(t, b, dir).ReadRange(t.Context(), keyOf(packed), 0, 3); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(keyOf(packed)))); err == nil {
		t.Error("it was kept")
	}
}

func TestAFolderThatCanNotBeWrittenCostsOnlySpeed(t *testing.T) {
	origin, dir := newOrigin(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "packs"), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCache(t, origin, dir)
	mustRange(t, c, 2, 4)
	mustRange(t, c, 7, 4)
	if origin.reads != 1 {
		t.Errorf("the whole object was read %d times", origin.reads)
	}
}

func TestRetainRemovesOtherObjects(t *testing.T) {
	origin, dir := newOrigin(t), t.TempDir()
	other := []byte("another")
	if err := origin.Create(t.Context(), keyOf(other), other); err != nil {
		t.Fatal(err)
	}
	c := newCache(t, origin, dir)
	for _, key := range []string{keyOf(packed), keyOf(other), "head"} {
		if _, _, err := c.Read(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Retain([]string{keyOf(packed)}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{keyOf(packed): true, keyOf(other): false, "head": true} {
		if _, _, err := c.Local().Read(t.Context(), key); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", key, err, want)
		}
	}
	// It can come back.
	if body, _, err := c.Read(t.Context(), keyOf(other)); err != nil || !bytes.Equal(body, other) {
		t.Errorf("got %q, %v", body, err)
	}
}
