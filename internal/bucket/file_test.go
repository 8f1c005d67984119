package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ovenbird/internal/bucket"
)

// held reads all of an open object.
func held(t *testing.T, f *bucket.File) []byte {
	t.Helper()
	body := make([]byte, f.Size)
	if _, err := f.ReadAt(body, 0); err != nil {
		t.Fatal(err)
	}
	return body
}

// openers are what objects can be opened through, over the same object.
func openers(t *testing.T) map[string]interface {
	Open(ctx context.Context, key string) (*bucket.File, error)
	Delete(ctx context.Context, key string) error
} {
	t.Helper()
	disk, err := bucket.OpenDisk(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	memory := bucket.OpenMemory()
	t.Cleanup(func() { _, _ = disk.Close(), memory.Close() })
	for _, b := range []*bucket.Bucket{disk, memory} {
		if err := b.Create(t.Context(), keyOf(packed), packed); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]interface {
		Open(ctx context.Context, key string) (*bucket.File, error)
		Delete(ctx context.Context, key string) error
	}{"folder": disk, "memory": memory}
}

func TestAnOpenObjectStaysWhenItIsDeleted(t *testing.T) {
	for name, b := range openers(t) {
		t.Run(name, func(t *testing.T) {
			f, err := b.Open(t.Context(), keyOf(packed))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Delete(t.Context(), keyOf(packed)); err != nil {
				t.Fatal(err)
			}
			if got := held(t, f); !bytes.Equal(got, packed) {
				t.Errorf("it is %q", got)
			}
			if _, err := b.Open(t.Context(), keyOf(packed)); !errors.Is(err, bucket.ErrNotFound) {
				t.Errorf("opening what is not there: %v", err)
			}
		})
	}
}

// A file that rots after it was checked is found out when somebody doubts it.
func TestADoubtedObjectIsCheckedAgain(t *testing.T) {
	origin, dir := newOrigin(t), t.TempDir()
	c := newCache(t, origin, dir)
	f, err := c.Open(t.Context(), keyOf(packed))
	if err != nil {
		t.Fatal(err)
	}
	if !f.Checked {
		t.Error("it was not checked")
	}
	path := filepath.Join(dir, filepath.FromSlash(keyOf(packed)))
	if err := os.WriteFile(path, []byte("a pack that ever changes!"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Doubt(keyOf(packed))
	if f, err = c.Open(t.Context(), keyOf(packed)); err != nil || !bytes.Equal(held(t, f), packed) {
		t.Errorf("it was not fetched again: %v", err)
	}
}
