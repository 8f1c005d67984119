package bucket_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

func TestPlain(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) *bucket.Bucket {
		t.Helper()
		return openPlain(t, t.TempDir())
	})
}

func openPlain(t *testing.T, dir string) *bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenPlain(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAPlainFileHasTheNameOfItsKeyAndItsBody(t *testing.T) {
	dir := t.TempDir()
	b := openPlain(t, dir)
	keys := []string{"FI/tv/search/50%.json", "FI/tv/search/ää o.json", "FI/web/fi/titles/.t1.json.gz", ".ovenbird/tree.json"}
	for _, key := range keys {
		if err := b.Put(t.Context(), key, []byte(`{"a":1}`), bucket.Headers{ContentType: "application/json"}); err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(filepath.Join(dir, key))
		if err != nil || string(body) != `{"a":1}` {
			t.Errorf("%s: got %q, %v", key, body, err)
		}
	}
	var listed []string
	for info, err := range b.List(t.Context(), "") {
		if err != nil || info.Size != 7 {
			t.Errorf("listed %+v, %v", info, err)
		}
		listed = append(listed, info.Key)
	}
	slices.Sort(keys)
	if !slices.Equal(listed, keys) {
		t.Errorf("listed %q", listed)
	}
}

func TestPlainRefusesNamesThatAreNotKeys(t *testing.T) {
	b := openPlain(t, t.TempDir())
	for _, key := range []string{"a/../b", "./a", "a//b", "a/", ".tmp/a", ".lock", "a\nb", `a\b`} {
		if err := b.Put(t.Context(), key, nil, bucket.Headers{}); err == nil {
			t.Errorf("%q was taken", key)
		}
	}
}
