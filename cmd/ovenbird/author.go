package main

import (
	"bytes"
	"context"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"ovenbird/internal/ledger"
)

// author says who runs the program, as git knows them, else the system, and from
// which commit of the site's files. Where the site is in no repository, or git is
// not there, there is no commit.
func (c *cli) author(ctx context.Context) ledger.Author {
	dir := c.siteDir
	a := ledger.Author{Name: person(gitLine(ctx, dir, "config", "user.name"), gitLine(ctx, dir, "config", "user.email"))}
	if a.Commit = gitLine(ctx, dir, "rev-parse", "--verify", "HEAD"); a.Commit == "" {
		return a
	}
	// What the program itself writes beside the site does not count.
	arguments := []string{"status", "--porcelain", "--", "."}
	if data, err := filepath.Abs(c.data); err == nil {
		arguments = append(arguments, ":(exclude)"+data)
	}
	changes, err := git(ctx, dir, arguments...)
	if err != nil { // the folder for data is not in the repository
		changes, err = git(ctx, dir, "status", "--porcelain", "--", ".")
	}
	a.Dirty = err != nil || changes != ""
	return a
}

// person names who acts: with an address where one is known.
func person(name, address string) string {
	if name == "" {
		if account, err := user.Current(); err == nil {
			name = account.Username
		}
	}
	if address == "" {
		return name
	}
	return strings.TrimSpace(name + " <" + address + ">")
}

// gitLine returns what a git command prints, "" where it fails.
func gitLine(ctx context.Context, dir string, arguments ...string) string {
	out, err := git(ctx, dir, arguments...)
	if err != nil {
		return ""
	}
	return out
}

// git runs a git command that only reads, in a folder.
func git(ctx context.Context, dir string, arguments ...string) (string, error) {
	arguments = append([]string{"--no-optional-locks", "-C", dir}, arguments...)
	cmd := exec.CommandContext(ctx, "git", arguments...) //nolint:gosec // all are ours
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}
