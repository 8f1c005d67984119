package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Repositories are git repositories whose files somebody needs, kept in a folder:
// what is there once is not fetched again. Several processes may use the folder.
type Repositories struct {
	dir string
}

// NewRepositories returns the repositories that are kept in a folder, which is
// made when the first is fetched.
func NewRepositories(dir string) *Repositories { return &Repositories{dir: dir} }

// commitPattern is a commit in full: SHA-1 or SHA-256.
var commitPattern = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Checkout returns the folder with a repository's files at a commit, named in
// full. It goes to the network if they are not there yet, and only then. Nobody
// may write to the folder.
func (r *Repositories) Checkout(ctx context.Context, url, commit string) (string, error) {
	if !commitPattern.MatchString(commit) {
		return "", ovenbird.Errorf(ovenbird.Invalid, "%q is not a commit in full", commit)
	}
	sum := sha256.Sum256([]byte(url))
	folder := filepath.Join(r.dir, hex.EncodeToString(sum[:8]))
	files := filepath.Join(folder, commit)
	if _, err := os.Stat(files); err == nil {
		return files, nil
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", fmt.Errorf("make the folder for repositories: %w", err)
	}
	temporary, err := os.MkdirTemp(folder, ".new-")
	if err != nil {
		return "", fmt.Errorf("make a folder for commit %s: %w", commit, err)
	}
	defer os.RemoveAll(temporary) //nolint:errcheck // what is left is not taken for a checkout
	if err := checkout(ctx, temporary, url, commit); err != nil {
		return "", fmt.Errorf("get commit %.12s of %s: %w", commit, url, err)
	}
	// Two processes may come here at once. They made the same; either may stay.
	if err := os.Rename(filepath.Join(temporary, "files"), files); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(files); there != nil {
			return "", fmt.Errorf("put commit %s in place: %w", commit, err)
		}
	}
	return files, nil
}

// checkout puts the files of a commit, without its history, into the folder files
// below dir.
func checkout(ctx context.Context, dir, url, commit string) error {
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o750); err != nil {
		return err
	}
	if _, err := git(ctx, files, "init", "--quiet"); err != nil {
		return err
	}
	// Most servers give out a commit by its name. Those that do not give branches and
	// tags, with their history.
	if _, err := git(ctx, files, "fetch", "--quiet", "--depth=1", "--no-tags", absolute(url), commit); err != nil {
		if _, err := git(ctx, files, "fetch", "--quiet", "--tags", absolute(url), "+refs/heads/*:refs/remotes/origin/*"); err != nil {
			return err
		}
	}
	// Whoever has set up git to change the ends of lines gets the files of the commit all the same.
	for _, setting := range [][2]string{{"core.autocrlf", "false"}, {"core.hooksPath", os.DevNull}} {
		if _, err := git(ctx, files, "config", setting[0], setting[1]); err != nil {
			return err
		}
	}
	if _, err := git(ctx, files, "checkout", "--quiet", "--detach", commit); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(files, ".git"))
}

// absolute makes the path of a repository on this machine one that holds in every
// folder. Addresses stay as they are.
func absolute(url string) string {
	if strings.Contains(url, ":") {
		return url
	}
	if path, err := filepath.Abs(url); err == nil {
		return path
	}
	return url
}

// Resolve asks a repository for which commit a branch or a tag stands now. A tag
// goes before a branch of the same name.
func Resolve(ctx context.Context, url, revision string) (commit string, err error) {
	out, err := git(ctx, ".", "ls-remote", "--", absolute(url), "refs/tags/"+revision+"^{}", "refs/tags/"+revision, "refs/heads/"+revision)
	if err != nil {
		return "", fmt.Errorf("ask %s for %s: %w", url, revision, err)
	}
	found := make(map[string]string)
	for line := range strings.Lines(out) {
		if id, name, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			found[name] = id
		}
	}
	for _, name := range []string{"refs/tags/" + revision + "^{}", "refs/tags/" + revision, "refs/heads/" + revision} {
		if id, ok := found[name]; ok && commitPattern.MatchString(id) {
			return id, nil
		}
	}
	return "", ovenbird.Errorf(ovenbird.NotFound, "%s has no branch and no tag %q; name one that it has, or a commit in full",
		url, revision)
}
