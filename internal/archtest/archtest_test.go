package archtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

// root is the top of this module, seen from here.
const root = "../.."

func TestHouse(t *testing.T) {
	packages, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 2 {
		t.Fatalf("found %d packages in %s: the rules would hold for nothing", len(packages), root)
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, p := range packages {
				for _, violation := range r.check(p) {
					t.Error(violation)
				}
			}
		})
	}
}

// TestRules runs each rule on its examples: a small module, and what the rule
// has to say about it.
func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			module, want := example(t, filepath.Join("testdata", r.name+".txtar"))
			if got := violations(t, r, module); got != want {
				t.Errorf("the rule says\n%s\nand should say\n%s", got, want)
			}
		})
	}
}

func TestLongFiles(t *testing.T) {
	file := func(name string, lines int) (string, *fstest.MapFile) {
		return name, &fstest.MapFile{Data: []byte("package edge\n" + strings.Repeat("\n", lines-1))}
	}
	module := fstest.MapFS{}
	for name, lines := range map[string]int{"fits.go": 600, "long.go": 601, "long_test.go": 601} {
		path, content := file("internal/edge/"+name, lines)
		module[path] = content
	}
	want := "internal/edge/long.go: has 601 lines, 600 are allowed: split it by what its parts are about\n"
	if got := violations(t, rule{"size", checkSize}, module); got != want {
		t.Errorf("the rule says\n%s\nand should say\n%s", got, want)
	}
}

func TestLoadPassesOverWhatIsNotOurs(t *testing.T) {
	broken := &fstest.MapFile{Data: []byte("not Go")}
	module := fstest.MapFS{
		"internal/edge/edge.go":                      {Data: []byte("package edge\n")},
		"internal/edge/testdata/example.go":          broken,
		"internal/shape/reference/node_modules/a.go": broken,
		".ovenbird/dev/a.go":                         broken,
		"bin/a.go":                                   broken,
	}
	packages, err := load(module)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) != 1 || packages[0].dir != "internal/edge" {
		t.Errorf("loaded %d packages, want internal/edge alone", len(packages))
	}

	module["internal/edge/broken.go"] = broken
	if _, err := load(module); err == nil {
		t.Error("a file that is not Go went unnoticed")
	}
}

func TestFencedWords(t *testing.T) {
	for _, name := range trackedFiles(t) {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, violation := range checkWords(name, content) {
			t.Error(violation)
		}
	}
}

func TestWordsAreFenced(t *testing.T) {
	for _, test := range []struct {
		name, content string
		fenced        bool
	}{
		{"a.go", "// TO" + "DO: finish\n", true},
		{"a.go", "// FIX" + "ME\n", true},
		{"a.go", "x := 1 // XX" + "X\n", true},
		{"a.md", "run `/ro" + "ot/go/bin/tool`\n", true},
		{"a.sh", "cd /wo" + "rk/main\n", true},
		{"a.yaml", "dir: \"/ho" + "me/ann/site\"\n", true},
		{"package-lock.json", `      "reso` + `lved": "elsewhere",` + "\n", true},
		{"go.sum", "h1:TO" + "DO/XX" + "X=\n", false},
		{"a.bin", "\x00 TO" + "DO", false},
		{"a.go", "// todos and mastodon, XXXL\n", false},
		{"a.md", "https://example.com/work/1 and the work/root of it\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := checkWords(test.name, []byte(test.content)); (len(got) > 0) != test.fenced {
				t.Errorf("checkWords(%q) = %q, want fenced: %t", test.content, got, test.fenced)
			}
		})
	}
}

func TestAFencedWordIsReportedWithItsPlace(t *testing.T) {
	got := checkWords("docs/a.md", []byte("fine\nFIX"+"ME\n"))
	want := "docs/a.md:2: contains \"FIX" + "ME\": finish it, or file it where issues are kept"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// example reads an archive: the files of a module, and one called want.
func example(t *testing.T, file string) (module fstest.MapFS, want string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	module = fstest.MapFS{}
	for _, f := range archive.Files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		module[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	if want == "" {
		t.Fatalf("%s shows nothing that the rule forbids", file)
	}
	return module, want
}

// violations runs one rule over a module and returns what it says, a line each.
func violations(t *testing.T, r rule, module fs.FS) string {
	t.Helper()
	packages, err := load(module)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range packages {
		lines = append(lines, r.check(p)...)
	}
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintln(&text, line)
	}
	return text.String()
}

// trackedFiles lists the files that git keeps. In a copy without a repository
// there is nothing to commit, and nothing to check.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	// The checkout may belong to another user, which git otherwise refuses.
	list := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "ls-files", "-z")
	list.Dir = root
	output, err := list.Output()
	if err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("git does not list the files of the repository: %v", err)
		}
		t.Fatalf("git does not list the files of the repository: %v", err)
	}
	names := strings.FieldsFunc(string(bytes.TrimSpace(output)), func(r rune) bool { return r == 0 })
	if !slices.Contains(names, "go.mod") {
		t.Fatal("git does not list go.mod: the rules would hold for nothing")
	}
	return names
}
