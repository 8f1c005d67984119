package stack

import (
	"context"
	"strings"
	"time"
)

// Provenance is where a version of a stack comes from, as git knows it. The zero
// value is files that are in no repository.
type Provenance struct {
	Commit  string    `json:"commit,omitempty"`  // in full, the newest of the working tree
	Author  string    `json:"author,omitempty"`  // of the commit: "Ada <ada@example.org>"
	At      time.Time `json:"at,omitzero"`       // when it was committed
	Subject string    `json:"subject,omitempty"` // the first line of its message
	Branch  string    `json:"branch,omitempty"`  // "" where none is checked out
	Tag     string    `json:"tag,omitempty"`     // of exactly this commit; "" where it has none
	// Dirty is whether files of the stack differ from the commit: what was deployed
	// is then in no commit.
	Dirty bool `json:"dirty,omitempty"`
}

// Origin returns where the files in a folder come from. paths are the folders and
// files that count as changed, from dir; none means all of dir. A repository
// without a commit is like none.
func Origin(ctx context.Context, dir string, paths ...string) (Provenance, error) {
	if !inRepository(dir) {
		return Provenance{}, nil
	}
	if _, err := git(ctx, dir, "rev-parse", "--git-dir"); err != nil {
		return Provenance{}, err
	}
	out, err := git(ctx, dir, "log", "-1", "--format=%H%x00%an <%ae>%x00%cI%x00%s")
	if err != nil {
		return Provenance{}, nil //nolint:nilerr // there is a repository, and nothing was committed to it yet
	}
	fields := strings.SplitN(strings.TrimSuffix(out, "\n"), "\x00", 4)
	if len(fields) != 4 {
		return Provenance{}, nil
	}
	p := Provenance{Commit: fields[0], Author: fields[1], Subject: fields[3]}
	if at, err := time.Parse(time.RFC3339, fields[2]); err == nil {
		p.At = at.UTC()
	}
	// Both fail where there is no such thing.
	if branch, err := git(ctx, dir, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		p.Branch = strings.TrimSpace(branch)
	}
	if tag, err := git(ctx, dir, "describe", "--tags", "--exact-match"); err == nil {
		p.Tag = strings.TrimSpace(tag)
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	changed, err := git(ctx, dir, append([]string{"status", "--porcelain", "--untracked-files=all", "--"}, paths...)...)
	p.Dirty = strings.TrimSpace(changed) != ""
	return p, err
}
