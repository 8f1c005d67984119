package site

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"ovenbird/internal/ovenbird"
)

// onDisk writes files into a new folder and returns it.
func onDisk(t *testing.T, files fstest.MapFS) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// movable is the small site with paths that are meant from the stack's folder.
func movable() fstest.MapFS {
	files := small()
	text := strings.NewReplacer("content/titles", "titles", "content/licenses", "licenses", "content/partner", "partner").
		Replace(string(files[contentFile].Data))
	files[contentFile] = &fstest.MapFile{Data: []byte(text)}
	return files
}

func TestTheShortFormAndTheLongOneAreTheSame(t *testing.T) {
	short := mustLoad(t, small())
	for _, stacks := range []string{"{content: }", "{content: {}}", "{content: {kind: content}}", "{content: {folder: ./content}}", "[content, media]"} {
		files := edited(t, siteFile, "[content]", stacks)
		long := mustLoad(t, files)
		if long.ContentStack().Folder != "content" || long.Content.Hash != short.Content.Hash || len(Difference(&short.Content, &long.Content)) > 0 {
			t.Errorf("%s: %+v", stacks, long.Stacks)
		}
	}
}

func TestWhatAStackMayBe(t *testing.T) {
	for stacks, want := range map[string]string{
		"{Content: {kind: content}}":                  `small/site.yaml:3:10: stack "Content" can not be a stack's name`,
		"{content: 7}":                                "small/site.yaml:3:19: stack content must be a mapping",
		"{content: {kinds: content}}":                 `unknown key "kinds" in stack content; did you mean "kind"?`,
		"{content: , second: {kind: content}}":        "stack second is a second one of the kind content, after content",
		"{media: }":                                   "no stack is of the kind content",
		"{}":                                          "stacks is empty",
		"{content: {folder: /content}}":               `folder "/content" is not a path from here`,
		"{content: {folder: .}}":                      "a stack needs a folder of its own",
		"{content: {folder: ../content}}":             "it lies elsewhere",
		"{content: {revision: main}}":                 "a revision belongs to a repository",
		"{content: {git: 'https://x.example/c.git'}}": "does not say at which revision",
		"{content: {git: 'https://x.example/c.git', revision: main}}":    "is not pinned to a commit; run `ovenbird site pin`",
		"{content: {git: 'https://x.example/c.git', revision: --all}}":   `revision "--all" is not a branch`,
		"{content: {git: 'https://x.example/c.git', revision: a..b}}":    `revision "a..b" is not a branch`,
		"{content: {git: '--upload-pack=touch x', revision: main}}":      "git is not the address of a repository",
		"{content: {git: 'ext::sh -c date', revision: main}}":            "git is not the address of a repository",
		"{content: {git: 'ext::date', revision: main}}":                  "git names a program to fetch with",
		"{content: {git: 'https://me:pw@x.example/c', revision: main}}":  "git has a password or a name in it",
		"{content: {git: x, revision: main, folder: ../up}}":             `folder "../up" leaves the repository`,
		"{content: {folder: elsewhere, kind: content}, media: {a: b}}":   "unknown key",
		"{content: {git: x, revision: " + strings.Repeat("0", 40) + "}}": "it lies elsewhere",
	} {
		_, err := load(edited(t, siteFile, "[content]", stacks), "small")
		if ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %q", stacks, err, want)
		}
	}
}

func TestAStackInARepositoryIsReadAtItsCommit(t *testing.T) {
	commit := strings.Repeat("a1", 20)
	files := edited(t, siteFile, "[content]", "{content: {git: 'https://git.example/c.git', revision: v1, folder: content}}")
	files[lockFile] = &fstest.MapFile{Data: FormatLock([]Pin{{"https://git.example/c.git", "v1", commit}, {"other", "v1", strings.Repeat("b", 40)}})}
	dir, repository := onDisk(t, files), onDisk(t, movable())
	checkout := func(_ context.Context, url, at string) (string, error) {
		if url != "https://git.example/c.git" || at != commit {
			t.Errorf("asked for %s at %s", url, at)
		}
		return repository, nil
	}
	s, err := Open(t.Context(), dir, Config{Checkout: checkout})
	if err != nil {
		t.Fatal(err)
	}
	if c := s.ContentStack(); c.Dir != filepath.Join(repository, "content") || c.Repository.Commit != commit {
		t.Errorf("the stack is %+v", c)
	}
	if len(s.Pins()) != 1 || s.Pins()[0].Commit != commit {
		t.Errorf("pins = %v", s.Pins())
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "lies in a repository") {
		t.Errorf("without a checkout: %v", err)
	}
	failed := func(context.Context, string, string) (string, error) { return "", errors.New("no network") }
	if _, err := Open(t.Context(), dir, Config{Checkout: failed}); err == nil || !strings.Contains(err.Error(), "site.yaml:3:10: stack content: no network") {
		t.Errorf("without network: %v", err)
	}
	instead := filepath.Join(repository, "content")
	if s, err = Open(t.Context(), dir, Config{Checkout: failed, Instead: map[string]string{"content": instead}}); err != nil || s.ContentStack().Dir != instead {
		t.Errorf("with a working copy: %v", err)
	}
}

func TestAnUnreadableLockIsTold(t *testing.T) {
	files := small()
	files[lockFile] = &fstest.MapFile{Data: []byte("# pins\n\nhttps://git.example/c.git main\n")}
	if _, err := load(files, "small"); err == nil || !strings.Contains(err.Error(), "small/site.lock:3:1: this is not REPOSITORY REVISION COMMIT") {
		t.Errorf("error = %v", err)
	}
}

func TestFindFollowsAStackToItsSite(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"streaming/site.yaml":               "name: streaming\nstacks: {content: {git: x, revision: main}, local: {kind: media, folder: stacks/local}}\n",
		"streaming/stacks/local/stack.yaml": "",
		"streaming/stacks/local/deep/er/x":  "",
		"work/stack.yaml":                   "site: ../streaming\n",
		"work/applications/tv/x":            "",
		"named/stack.yaml":                  "site: {folder: ../streaming, stack: content}\n",
		"wrong/stack.yaml":                  "site: {folder: ../streaming, stack: contnet}\n",
		"gone/stack.yaml":                   "site: ../nowhere\n",
		"two/site.yaml":                     "name: two\nstacks: {content: {git: x, revision: main}, media: {git: y, revision: main}}\n",
		"unclear/stack.yaml":                "site: ../two\n",
		"nothing/stack.yaml":                "description: alone\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ at, site, stack, instead, wrong string }{
		{"streaming", "streaming", "", "", ""},
		{"streaming/stacks", "streaming", "", "", ""},
		{"streaming/stacks/local", "streaming", "local", "", ""},
		{"streaming/stacks/local/deep/er", "streaming", "local", "", ""},
		{"work", "streaming", "content", "work", ""},
		{"work/applications/tv", "streaming", "content", "work", ""},
		{"named", "streaming", "content", "named", ""},
		{"wrong", "", "", "", `has no stack "contnet"; did you mean "content"?`},
		{"gone", "", "", "", "clone the site there"},
		{"unclear", "", "", "", "does not say which of its stacks this is"},
		{"nothing", "", "", "", ""},
	} {
		spot, err := Find(filepath.Join(root, test.at))
		want := Spot{Stack: test.stack}
		if test.site != "" {
			want.Site = filepath.Join(root, test.site)
		}
		if test.instead != "" {
			want.Instead = filepath.Join(root, test.instead)
		}
		if test.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%s: %v, want an error about %q", test.at, err, test.wrong)
			}
			continue
		}
		if err != nil || spot != want {
			t.Errorf("%s: %+v, %v; want %+v", test.at, spot, err, want)
		}
	}
}

func TestABundleSaysWhatTheFolderDoes(t *testing.T) {
	files := movable()
	for _, name := range []string{"content/titles.mapping.yaml", "content/licenses.mapping.yaml", "content/partner.mapping.yaml", "more.mapping.yaml"} {
		files[name] = &fstest.MapFile{Data: []byte("id: id\n")}
	}
	files["content/catalog.ndjson"] = &fstest.MapFile{Data: []byte("{}\n")}
	dir := onDisk(t, files)
	s, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bundle(t.Context(), "content")
	if err != nil {
		t.Fatal(err)
	}
	if listing := string(b.Listing()); strings.Contains(listing, "ndjson") || strings.Contains(listing, ".env") || strings.Contains(listing, "more.mapping") {
		t.Errorf("data or environments are in the version:\n%s", listing)
	}
	back, err := OpenFiles(b.Files(), "content@"+b.ID[:12])
	if err != nil || back.Content.Hash != s.Content.Hash || back.Description != s.Description {
		t.Fatalf("the bundle reads as another site: %v", err)
	}
	// The same stack in a repository of its own is the same version.
	elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
	if err := os.Rename(filepath.Join(dir, "content"), elsewhere); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), dir, Config{Instead: map[string]string{"content": elsewhere}})
	if err == nil {
		if same, err := again.Bundle(t.Context(), "content"); err != nil || same.ID != b.ID {
			t.Errorf("elsewhere it is %v, %v", same, err)
		}
	} else {
		t.Error(err)
	}
}

func TestABundleLacksNothingThatItNames(t *testing.T) {
	files := small()
	files["content/titles.mapping.yaml"] = &fstest.MapFile{Data: []byte("id: id\n")}
	files["mappings/l.yaml"] = &fstest.MapFile{Data: []byte("id: id\n")}
	text := strings.Replace(string(files[contentFile].Data), "content/licenses.mapping.yaml", "mappings/l.yaml", 1)
	files[contentFile] = &fstest.MapFile{Data: []byte(text)}
	s, err := Load(onDisk(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bundle(t.Context(), "content"); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), "mapping of licenses") {
		t.Errorf("error = %v, want one about the mapping that lies elsewhere", err)
	}
	if _, err := s.Bundle(t.Context(), "nothing"); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("error = %v, want not_found", err)
	}
}

func TestTheExamplesMakeBundles(t *testing.T) {
	for _, example := range []string{"toons", "netflix", "cms"} {
		s, err := Load(filepath.Join("..", "..", "examples", example))
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Bundle(t.Context(), "content")
		if err != nil {
			t.Fatalf("%s: %v", example, err)
		}
		if _, err := fs.Stat(b.Files(), "content/stack.yaml"); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryKindIsInTheSchema(t *testing.T) {
	body, err := Schema("site")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds() {
		if !strings.Contains(string(body), `"`+kind.Name+`"`) {
			t.Errorf("the schema of site.yaml does not know the kind %s", kind.Name)
		}
		if kind.Here {
			if _, err := Schema(kind.Name); err != nil {
				t.Error(err)
			}
		}
	}
}
