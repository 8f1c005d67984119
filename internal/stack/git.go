package stack

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ovenbird/internal/ovenbird"
)

// git runs the git command in a folder and returns what it prints. It never asks
// anybody for a password: who has credentials has a credential helper, or a key.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // arguments are ours, or checked not to be options
	cmd.Dir = dir
	cmd.Env = gitEnvironment(os.Environ())
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	err := cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", ovenbird.Errorf(ovenbird.Unavailable, "the git command is not there; install git")
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	return "", ovenbird.Errorf(ovenbird.Unavailable, "git %s: %s", args[0], reason(failed.String(), err))
}

// reason is the line of git's messages that says what is wrong.
func reason(messages string, err error) string {
	for line := range strings.Lines(messages) {
		for _, prefix := range []string{"fatal: ", "error: "} {
			if text, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(text)
			}
		}
	}
	if text := strings.TrimSpace(messages); text != "" {
		return text
	}
	return err.Error()
}

// gitEnvironment leaves out of an environment what would lead git to another
// repository than the folder's (as in a hook), and keeps it from asking.
func gitEnvironment(environment []string) []string {
	clean := make([]string, 0, len(environment)+3)
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR":
		default:
			clean = append(clean, variable)
		}
	}
	return append(clean, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
}

// inRepository reports whether a folder lies in a git working tree, without
// asking git, which may not be installed where there is no use for it.
func inRepository(dir string) bool {
	at, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return true
		}
		if at == filepath.Dir(at) {
			return false
		}
		at = filepath.Dir(at)
	}
}
