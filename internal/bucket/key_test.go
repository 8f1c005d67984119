package bucket

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzKeyPath checks that every key has a path below the folder, and that the
// path leads back to the key, so that no two keys share one.
func FuzzKeyPath(f *testing.F) {
	for _, seed := range []string{"a", "a/b", "..", "../x", "/", "//", "a/", "%", "%2E", ".tmp", "\x00", "é", "a\\b", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		path, err := keyPath(key)
		if err != nil {
			return
		}
		if !filepath.IsLocal(path) || filepath.Clean(path) != path || strings.ContainsRune(path, 0) {
			t.Errorf("%q leads to %q", key, path)
		}
		var segments []string
		for name := range strings.SplitSeq(path, "/") {
			if strings.HasPrefix(name, ".") {
				t.Errorf("%q leads to %q, which is ours", key, path)
			}
			segment, ok := unescapeSegment(name)
			if !ok {
				t.Errorf("%q leads to %q, where %q does not read back", key, path, name)
			}
			segments = append(segments, segment)
		}
		if back := strings.Join(segments, "/"); back != key {
			t.Errorf("%q leads to %q, which reads back as %q", key, path, back)
		}
	})
}
