package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
	"ovenbird/internal/stack"
)

func (c *cli) site() *cobra.Command {
	group := &cobra.Command{Use: "site", Short: "Begin, check and format a site"}
	needsCommand(group)
	group.AddCommand(c.siteCheck(), c.siteFormat(), c.siteInit(), c.sitePin(), c.siteSchema())
	return group
}

func (c *cli) siteCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the site's files",
		Long: "Check reads the site and its stacks, and says everything that is wrong and what would be right, each with file,\n" +
			"line and column. It looks at files only: `ovenbird doctor` also tries out what they name. From within a stack it\n" +
			"checks the site that the stack belongs to. With errors the exit code is 2; warnings leave it at 0.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := slices.DeleteFunc(c.checkSite(cmd.Context()), func(f site.Finding) bool { return f.Level == site.OK })
			if findings == nil {
				findings = []site.Finding{}
			}
			if err := c.print(findings, func(w io.Writer) error { return tellWrong(w, findings) }); err != nil {
				return err
			}
			failed := 0
			for _, f := range findings {
				if f.Level == site.Error {
					failed++
				}
			}
			if failed > 0 {
				return ovenbird.Errorf(ovenbird.Invalid, "errors found: %d", failed)
			}
			c.note("no errors, warnings: %d", len(findings))
			return nil
		},
	}
}

// tellWrong writes findings the way compilers do, so that editors find the place.
func tellWrong(w io.Writer, findings []site.Finding) error {
	for _, f := range findings {
		line := fmt.Sprintf("%s: %s", f.Level, f.What)
		if place := f.Place.String(); place != "" {
			line = place + ": " + line
		}
		if f.Remedy != "" {
			line += "; " + f.Remedy
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) siteSchema() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schemas of a site's files, for editors",
		Long: "Schema writes a JSON Schema for each kind of file: site.schema.json for site.yaml, and KIND.schema.json for the\n" +
			"stack.yaml of a stack of that kind. Editors use them where the file begins with\n\n" +
			"  # yaml-language-server: $schema=PATH",
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return c.writeSchemas(out) },
	}
	cmd.Flags().StringVar(&out, "out", "schemas", "folder to write them to")
	return cmd
}

func (c *cli) writeSchemas(out string) error {
	if err := os.MkdirAll(out, 0o750); err != nil {
		return fmt.Errorf("make the folder for schemas: %w", err)
	}
	var written []string
	for _, name := range site.SchemaNames() {
		body, err := site.Schema(name)
		if err != nil {
			return err
		}
		file := filepath.Join(out, name+".schema.json")
		if err := os.WriteFile(file, body, 0o644); err != nil { //nolint:gosec // for every editor to read
			return fmt.Errorf("write a schema: %w", err)
		}
		written = append(written, file)
	}
	return c.print(written, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, strings.Join(written, "\n"))
		return err
	})
}

// pinned is what `site pin` did with a stack.
type pinned struct {
	Stack    string `json:"stack"`
	Revision string `json:"revision"`
	Commit   string `json:"commit"`
	Before   string `json:"before,omitempty"` // "" where it was not pinned
}

func (c *cli) sitePin() *cobra.Command {
	return &cobra.Command{
		Use:   "pin [STACK…]",
		Short: "Pin stacks in git repositories to commits",
		Long: "Pin asks the repositories of the stacks that site.yaml names with a branch or a tag for the commits that these\n" +
			"stand for now, and writes them to site.lock. Without STACK those that are not pinned yet are asked; a stack\n" +
			"that is named is pinned anew. Nothing else changes what a site's revisions stand for.",
		RunE: func(cmd *cobra.Command, names []string) error {
			if c.lost != nil {
				return c.lost
			}
			loaded, err := site.Open(cmd.Context(), c.siteDir, site.Config{Pin: true})
			if err != nil {
				return err
			}
			done, err := pin(cmd, loaded, names)
			if err != nil {
				return err
			}
			lock := filepath.Join(c.siteDir, "site.lock")
			if err := os.WriteFile(lock, site.FormatLock(loaded.Pins()), 0o644); err != nil { //nolint:gosec // belongs in git
				return fmt.Errorf("write the pins: %w", err)
			}
			return c.print(done, func(w io.Writer) error { return tellPinned(w, done) })
		},
	}
}

// pin asks for commits, and notes them in the stacks of the site.
func pin(cmd *cobra.Command, s *site.Site, names []string) ([]pinned, error) {
	for _, name := range names {
		if one, ok := s.Stack(name); !ok || one.Repository == nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "site %s has no stack %q in a repository", s.Name, name)
		}
	}
	done := []pinned{}
	for _, one := range s.Stacks {
		r := one.Repository
		named := slices.Contains(names, one.Name)
		if r == nil || r.Revision == r.Commit || !named && (r.Commit != "" || len(names) > 0) {
			continue
		}
		commit, err := stack.Resolve(cmd.Context(), r.Address, r.Revision)
		if err != nil {
			return nil, fmt.Errorf("stack %s: %w", one.Name, err)
		}
		done = append(done, pinned{Stack: one.Name, Revision: r.Revision, Commit: commit, Before: r.Commit})
		r.Commit = commit
	}
	return done, nil
}

func tellPinned(w io.Writer, done []pinned) error {
	for _, p := range done {
		line := fmt.Sprintf("%s: %s is %s", p.Stack, p.Revision, p.Commit)
		switch p.Before {
		case "":
		case p.Commit:
			line += ", as before"
		default:
			line += ", before " + p.Before
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
