package main

import (
	"fmt"
	"io"
	"os/exec"

	"github.com/spf13/cobra"

	"ovenbird/internal/site"
)

func (c *cli) siteInit() *cobra.Command {
	var repository bool
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Begin a new site in a folder of that name",
		Long: "Init writes a small site into a new folder NAME: one application, a few countries, a handful of titles, and\n" +
			"comments that say what to do next. `ovenbird up --site NAME` runs it at once.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			files, err := site.Init(list[0])
			if err != nil {
				return err
			}
			if repository {
				//nolint:gosec // the name is that of the folder that was just made
				if out, err := exec.CommandContext(cmd.Context(), "git", "init", "--quiet", "--", list[0]).CombinedOutput(); err != nil {
					return fmt.Errorf("the site is there, but no repository: git init: %w: %s", err, out)
				}
			}
			if err := c.print(files, func(w io.Writer) error {
				for _, file := range files {
					if _, err := fmt.Fprintln(w, file); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
			c.note("run it with: ovenbird up --site %s", list[0])
			return nil
		},
	}
	cmd.Flags().BoolVar(&repository, "git", false, "make the folder a git repository")
	return cmd
}
