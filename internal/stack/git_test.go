package stack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/stack"
)

// repository makes a git repository with one commit and returns its folder.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	run(t, dir, "init", "--quiet", "--initial-branch=main")
	commit(t, dir, "The beginning")
	return dir
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t *testing.T, dir, message string) string {
	t.Helper()
	run(t, dir, "add", "--all")
	run(t, dir, "commit", "--quiet", "--allow-empty", "-m", message)
	return run(t, dir, "rev-parse", "HEAD")
}

// run runs git as Ada, whoever runs the test.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ada := []string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org"}
	cmd := exec.CommandContext(t.Context(), "git", append(ada, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestACheckoutHasTheFilesOfItsCommit(t *testing.T) {
	remote := repository(t, map[string]string{"stack.yaml": "one", "a/b.txt": "b"})
	first := run(t, remote, "rev-parse", "HEAD")
	write(t, remote, map[string]string{"stack.yaml": "two"})
	second := commit(t, remote, "More")
	kept := stack.NewRepositories(filepath.Join(t.TempDir(), "git"))
	for commit, want := range map[string]string{first: "one", second: "two"} {
		dir, err := kept.Checkout(t.Context(), remote, commit)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "stack.yaml"))
		if err != nil || string(got) != want {
			t.Errorf("commit %s has %q (%v), want %q", commit, got, err, want)
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			t.Error("the checkout has git's own files")
		}
	}
}

func TestWhatWasCheckedOutNeedsNoRepository(t *testing.T) {
	remote := repository(t, map[string]string{"stack.yaml": "one"})
	commit := run(t, remote, "rev-parse", "HEAD")
	folder := filepath.Join(t.TempDir(), "git")
	before, err := stack.NewRepositories(folder).Checkout(t.Context(), remote, commit)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(remote); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "")
	if after, err := stack.NewRepositories(folder).Checkout(t.Context(), remote, commit); err != nil || after != before {
		t.Errorf("without repository and git: %q, %v; want %q", after, err, before)
	}
}

func TestMistakesWithRepositoriesAreTold(t *testing.T) {
	remote := repository(t, map[string]string{"stack.yaml": "one"})
	kept := stack.NewRepositories(filepath.Join(t.TempDir(), "git"))
	missing := strings.Repeat("0", 40)
	for what, url := range map[string]string{"not our ref": remote, "does not appear to be a git repository": remote + "-gone"} {
		_, err := kept.Checkout(t.Context(), url, missing)
		if err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: error = %v, want one that names %s", what, err, url)
		}
	}
	if _, err := kept.Checkout(t.Context(), remote, "main"); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("a branch is checked out: %v", err)
	}
	if _, err := stack.Resolve(t.Context(), remote, "nothing"); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("error = %v, want not_found", err)
	}
	t.Setenv("PATH", "")
	_, err := kept.Checkout(t.Context(), remote, strings.Repeat("1", 40))
	if err == nil || !strings.Contains(err.Error(), "install git") {
		t.Errorf("without git: %v", err)
	}
}

func TestResolveFindsBranchesAndTags(t *testing.T) {
	remote := repository(t, map[string]string{"stack.yaml": "one"})
	first := run(t, remote, "rev-parse", "HEAD")
	run(t, remote, "tag", "light")
	run(t, remote, "tag", "-a", "-m", "annotated", "v1.0")
	second := commit(t, remote, "More")
	run(t, remote, "branch", "light") // of the name of a tag
	for revision, want := range map[string]string{"main": second, "light": first, "v1.0": first} {
		if got, err := stack.Resolve(t.Context(), remote, revision); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", revision, got, err, want)
		}
	}
}

func TestOriginTellsCommitAndWhetherItIsAll(t *testing.T) {
	dir := repository(t, map[string]string{"content/stack.yaml": "one", "README.md": "", ".gitignore": "*.log\n"})
	head := run(t, dir, "rev-parse", "HEAD")
	clean, err := stack.Origin(t.Context(), dir, "content")
	if err != nil {
		t.Fatal(err)
	}
	if clean.Commit != head || clean.Author != "Ada <ada@example.org>" || clean.Branch != "main" || clean.Tag != "" || clean.Dirty ||
		clean.Subject != "The beginning" || clean.At.IsZero() {
		t.Errorf("origin = %+v", clean)
	}
	run(t, dir, "tag", "v2")
	for _, test := range []struct {
		file  string
		dirty bool
	}{{"README.md", false}, {"content/x.log", false}, {"content/new.graphql", true}} {
		write(t, dir, map[string]string{test.file: "changed"})
		got, err := stack.Origin(t.Context(), dir, "content")
		if err != nil || got.Dirty != test.dirty || got.Tag != "v2" {
			t.Errorf("after a change of %s: %+v, %v; want dirty %v", test.file, got, err, test.dirty)
		}
	}
}

func TestOriginOfAFolderInNoRepository(t *testing.T) {
	if got, err := stack.Origin(t.Context(), t.TempDir()); err != nil || got != (stack.Provenance{}) {
		t.Errorf("origin = %+v, %v", got, err)
	}
	fresh := t.TempDir()
	run(t, fresh, "init", "--quiet")
	if got, err := stack.Origin(t.Context(), fresh); err != nil || got != (stack.Provenance{}) {
		t.Errorf("origin of a repository without commits = %+v, %v", got, err)
	}
}
