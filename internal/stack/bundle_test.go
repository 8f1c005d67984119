package stack_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/stack"
)

func bundle(t *testing.T, files ...stack.File) *stack.Bundle {
	t.Helper()
	b, err := stack.NewBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(path, body string) stack.File { return stack.File{Path: path, Body: []byte(body)} }

// drawn are files that a bundle takes: no two whose paths clash.
func drawn() *rapid.Generator[[]stack.File] {
	return rapid.Custom(func(t *rapid.T) []stack.File {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}(/[a-zé-]{1,3}){0,2}\.x`), 1, 8, rapid.ID[string]).Draw(t, "names")
		files := make([]stack.File, len(names))
		for i, name := range names {
			files[i] = stack.File{Path: name, Executable: rapid.Bool().Draw(t, "executable"), Body: []byte(rapid.String().Draw(t, "body"))}
		}
		return files
	})
}

func TestABundleIsNamedByItsFilesAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := drawn().Draw(t, "files")
		a, err := stack.NewBundle(files)
		if err != nil {
			t.Fatal(err)
		}
		rand.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		b, err := stack.NewBundle(files)
		if err != nil || a.ID != b.ID || !bytes.Equal(a.Archive(), b.Archive()) {
			t.Fatalf("in another order: %v, %v", b, err)
		}
		sum := sha256.Sum256(a.Listing())
		if a.ID != hex.EncodeToString(sum[:]) {
			t.Fatal("the name is not the hash of the listing")
		}
		back, err := stack.OpenBundle(a.Archive())
		if err != nil || back.ID != a.ID {
			t.Fatalf("out of its archive: %v, %v", back, err)
		}
		changed := slices.Clone(files)
		i := rapid.IntRange(0, len(files)-1).Draw(t, "changed")
		switch rapid.SampledFrom([]string{"body", "mode", "path"}).Draw(t, "what") {
		case "body":
			changed[i].Body = append(slices.Clone(changed[i].Body), 'x')
		case "mode":
			changed[i].Executable = !changed[i].Executable
		default:
			changed[i].Path += "y"
		}
		other, err := stack.NewBundle(changed)
		if err != nil || other.ID == a.ID {
			t.Fatalf("other files have the same name: %v", err)
		}
	})
}

func TestABundleReadsAsFiles(t *testing.T) {
	b := bundle(t, file("content/stack.yaml", "x: 1\n"), file("content/applications/tv/home.graphql", "{ country }"), file("site.yaml", "name: a\n"))
	if err := fstest.TestFS(b.Files(), "site.yaml", "content/stack.yaml", "content/applications/tv/home.graphql"); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "copy"), b.Files()); err != nil {
		t.Error(err)
	}
	files, err := stack.Gather(t.Context(), filepath.Join(dir, "copy"), nil)
	if err != nil || bundle(t, files...).ID != b.ID {
		t.Errorf("a copy on disk is another bundle: %v", err)
	}
}

func TestWhatNoBundleHolds(t *testing.T) {
	for what, files := range map[string][]stack.File{
		"no files":                     {},
		"is not UTF-8":                 {file("a\xff", "")},
		"is not a plain path":          {file("../a", "")},
		"is not a plain path; rename":  {file("/a", "")},
		"not a plain path; rename the": {file(`a\b`, "")},
		"control character":            {file("a\nb", "")},
		"longer than":                  {file(strings.Repeat("a", 401), "")},
		"are allowed in a stack":       {file("a", strings.Repeat("a", 4<<20+1))},
		`"A" and "a" can not be told`:  {file("a", ""), file("A", "")},
		`can not be told apart`:        {file("a", ""), file("a/b", "")},
		`"A/" and "a/" can not`:        {file("A/b", ""), file("a/c", "")},
		"can not be told apart every":  {file("a", ""), file("a", "")},
	} {
		if _, err := stack.NewBundle(files); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), what) {
			t.Errorf("error = %v, want one about %q", err, what)
		}
	}
}

func TestGatherLeavesOutWhatIsNotOfTheStack(t *testing.T) {
	files := map[string]string{
		"stack.yaml": "", ".env": "SECRET=1", ".git-x/a": "", "build/out.txt": "", "applications/tv/home.graphql": "", "notes.log": "",
		"seed.ndjson": "", "tracked.log": "",
	}
	dir := repository(t, files)
	write(t, dir, map[string]string{".gitignore": "*.log\nbuild/\n", "new.graphql": ""})
	run(t, dir, "rm", "--quiet", "--cached", "-r", "build", "notes.log")
	leave := func(name string) bool { return name == "seed.ndjson" }
	gathered, err := stack.Gather(t.Context(), dir, leave)
	if err != nil {
		t.Fatal(err)
	}
	got := paths(gathered)
	// git does not ignore what it tracks, whatever the patterns say.
	if want := "applications/tv/home.graphql new.graphql stack.yaml tracked.log"; got != want {
		t.Errorf("in a repository: %s, want %s", got, want)
	}
	plain := t.TempDir()
	write(t, plain, files)
	if gathered, err = stack.Gather(t.Context(), plain, leave); err != nil {
		t.Fatal(err)
	}
	if got, want := paths(gathered), "applications/tv/home.graphql build/out.txt notes.log stack.yaml tracked.log"; got != want {
		t.Errorf("in no repository: %s, want %s", got, want)
	}
}

func paths(files []stack.File) string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = f.Path
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestGatherAndLinks(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, filepath.Dir(outside), map[string]string{"secret": "s"})
	for _, test := range []struct{ target, what string }{
		{"stack.yaml", ""},
		{"../" + filepath.Base(filepath.Dir(outside)) + "/secret", "leads out of"},
		{outside, "leads out of"},
		{"gone", "a link to what is not there"},
		{"folder", "a link to a folder"},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"stack.yaml": "text", "folder/a": ""})
		if err := os.Symlink(test.target, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		files, err := stack.Gather(t.Context(), dir, nil)
		if test.what != "" {
			if ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), test.what) {
				t.Errorf("a link to %s: %v, want an error about %q", test.target, err, test.what)
			}
			continue
		}
		i := slices.IndexFunc(files, func(f stack.File) bool { return f.Path == "link" })
		if err != nil || i < 0 || string(files[i].Body) != "text" {
			t.Errorf("a link to %s: %v, %v", test.target, files, err)
		}
	}
}

func TestBundlesInABucket(t *testing.T) {
	store := bucket.OpenMemory()
	b := bundle(t, file("stack.yaml", "one"))
	other := bundle(t, file("stack.yaml", "two"))
	for range 2 {
		if err := stack.Write(t.Context(), store, b); err != nil {
			t.Fatal(err)
		}
	}
	if back, err := stack.Read(t.Context(), store, b.ID); err != nil || back.ID != b.ID {
		t.Errorf("read = %v, %v", back, err)
	}
	if _, err := stack.Read(t.Context(), store, other.ID); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("error = %v, want not_found", err)
	}
	if _, err := stack.Read(t.Context(), store, "../head"); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("error = %v, want invalid", err)
	}
	for _, body := range [][]byte{other.Archive(), []byte("junk"), b.Archive()[:100]} {
		if err := store.Put(t.Context(), stack.Key(b.ID), body, bucket.Headers{}); err != nil {
			t.Fatal(err)
		}
		if _, err := stack.Read(t.Context(), store, b.ID); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("of another archive: %v, want that it is damaged", err)
		}
		if err := stack.Write(t.Context(), store, b); err != nil {
			t.Errorf("to write it again mends it: %v", err)
		}
		if _, err := stack.Read(t.Context(), store, b.ID); err != nil {
			t.Errorf("after writing it again: %v", err)
		}
	}
}

// packed is an archive as another program may make it.
func packed(t testing.TB, method uint16, names ...string) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range names {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(bytes.Repeat([]byte("a"), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestForeignArchivesAreRefused(t *testing.T) {
	for what, archive := range map[string][]byte{
		"is compressed":       packed(t, zip.Deflate, "a"),
		"is not a plain path": packed(t, zip.Store, "../a"),
		"can not be told":     packed(t, zip.Store, "a", "a"),
		"has no files":        packed(t, zip.Store),
		"not a valid zip":     nil,
	} {
		if _, err := stack.OpenBundle(archive); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), what) {
			t.Errorf("error = %v, want one about %q", err, what)
		}
	}
}

// FuzzOpenBundle holds the law of reading any bytes: they are refused, or they are
// a bundle whose own archive reads as the same.
func FuzzOpenBundle(f *testing.F) {
	b, err := stack.NewBundle([]stack.File{file("stack.yaml", "one"), {Path: "a/run", Executable: true}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Archive())
	f.Add(packed(f, zip.Deflate, "a"))
	f.Add(packed(f, zip.Store, "a", "b/c"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		b, err := stack.OpenBundle(archive)
		if err != nil {
			if ovenbird.CodeOf(err) != ovenbird.Invalid {
				t.Fatalf("error = %#v", err)
			}
			return
		}
		back, err := stack.OpenBundle(b.Archive())
		if err != nil || back.ID != b.ID {
			t.Fatalf("its own archive: %v, %v", back, err)
		}
	})
}
