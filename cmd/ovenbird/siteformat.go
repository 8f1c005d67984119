package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

func (c *cli) siteFormat() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt",
		Short: "Lay out the site's files in one way",
		Long: "Fmt lays out site.yaml, each stack.yaml, shapes and environments in one way, keeps comments, and prints the files\n" +
			"that it changed. It changes nothing of what they say. Stacks at a commit of a repository are left alone.",
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if c.lost != nil {
				return c.lost
			}
			files, err := site.FormattedFiles(c.siteDir, c.siteConfig())
			if err != nil {
				return err
			}
			changed, failed := formatAll(files, check)
			if err := c.print(changed, func(w io.Writer) error {
				for _, file := range changed {
					if _, err := fmt.Fprintln(w, file); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
			if failed == nil && check && len(changed) > 0 {
				failed = ovenbird.Errorf(ovenbird.Invalid, "files to format: %d; run `ovenbird site fmt`", len(changed))
			}
			return failed
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing, and fail with exit code 2 if something were to change")
	return cmd
}

// formatAll lays out files and returns those that change. A file that can not be
// laid out stays, and stops no other.
func formatAll(files []string, check bool) (changed []string, failed error) {
	changed = []string{}
	for _, file := range files {
		different, err := formatFile(file, check)
		if err != nil {
			failed = errors.Join(failed, err)
		}
		if different {
			changed = append(changed, file)
		}
	}
	if failed != nil {
		return changed, ovenbird.Errorf(ovenbird.Invalid, "%w", failed)
	}
	return changed, nil
}

func formatFile(file string, check bool) (different bool, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("read a file to format: %w", err)
	}
	formatted, err := site.Format(file, text)
	if err != nil || bytes.Equal(text, formatted) {
		return false, err
	}
	if check {
		return true, nil
	}
	return true, replaceFile(file, formatted)
}

// replaceFile puts a text in place of a file's: the whole of it, or nothing.
func replaceFile(file string, text []byte) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	beside, err := os.CreateTemp(filepath.Dir(file), ".fmt-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer os.Remove(beside.Name()) //nolint:errcheck // it is gone where all went well
	_, err = beside.Write(text)
	if err = errors.Join(err, beside.Chmod(info.Mode().Perm()), beside.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.Rename(beside.Name(), file)
}
