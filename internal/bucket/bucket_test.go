package bucket_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

func TestMemory(t *testing.T) {
	buckettest.Run(t, func(*testing.T) *bucket.Bucket { return bucket.OpenMemory() })
}

func TestDisk(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) *bucket.Bucket {
		t.Helper()
		return openDisk(t, t.TempDir())
	})
}

func openDisk(t *testing.T, dir string) *bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenDisk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestErrorsNameTheKeyAndWhatWasBeingDone(t *testing.T) {
	b := bucket.OpenMemory()
	_, _, err := b.Read(t.Context(), "packs/1")
	if err == nil || err.Error() != `reading "packs/1": object not found` {
		t.Errorf("got %v", err)
	}
}

func TestDiskAndMemoryTakeOddKeys(t *testing.T) {
	for kind, b := range map[string]*bucket.Bucket{"disk": openDisk(t, t.TempDir()), "memory": bucket.OpenMemory()} {
		for _, key := range buckettest.OddKeys {
			if err := b.Create(t.Context(), key, []byte("x")); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
}

func TestDiskKeepsEverythingInItsFolder(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "bucket")
	b := openDisk(t, dir)
	for _, key := range []string{"../a", "/../../b", "x/../../../c", "y/..", "/."} {
		if err := b.Create(t.Context(), key, []byte("x")); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the bucket: %v, %v", entries, err)
	}
}

func TestDiskTellsAnObjectInTheWay(t *testing.T) {
	b := openDisk(t, t.TempDir())
	for _, key := range []string{"a", "b/c"} {
		if err := b.Create(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"a/below", "a/far/below", "b"} {
		_, swap := b.Swap(t.Context(), key, []byte("x"), "")
		for _, err := range []error{swap, b.Create(t.Context(), key, []byte("x"))} {
			if err == nil || !strings.Contains(err.Error(), "can not be an object and the folder") {
				t.Errorf("%q: got %v", key, err)
			}
		}
	}
}

func TestDiskFollowsNoLinkOutOfItsFolder(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	b := openDisk(t, dir)
	if err := os.Symlink(outside, filepath.Join(dir, "packs")); err != nil {
		t.Fatal(err)
	}
	if err := b.Create(t.Context(), "packs/1", []byte("x")); err == nil {
		t.Error("wrote through a link that leads out of the folder")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

func TestOpeningRemovesOnlyOldTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	if err := openDisk(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, ".tmp")
	for name, age := range map[string]time.Duration{"old": 48 * time.Hour, "young": time.Minute} {
		path := filepath.Join(temp, name)
		if err := os.WriteFile(path, []byte("half an obj"), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	b := openDisk(t, dir)
	entries, err := os.ReadDir(temp)
	if err != nil || len(entries) != 1 || entries[0].Name() != "young" {
		t.Errorf("left: %v, %v", entries, err)
	}
	for info, err := range b.List(t.Context(), "") {
		t.Errorf("listed %v, %v", info, err)
	}
}

func TestFileCutShortIsAnError(t *testing.T) {
	dir := t.TempDir()
	b := openDisk(t, dir)
	if err := b.Create(t.Context(), "a", []byte(strings.Repeat("x", 1000))); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1050, 1000, 500, 0} {
		if err := os.Truncate(filepath.Join(dir, "a"), size); err != nil {
			t.Fatal(err)
		}
		if body, _, err := b.Read(t.Context(), "a"); err == nil {
			t.Errorf("cut to %d bytes: read %d bytes without an error", size, len(body))
		}
	}
}

func TestOpeningWhereAFileStandsFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := bucket.OpenDisk(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}
