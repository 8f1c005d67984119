package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
	"ovenbird/internal/site"
)

func (c *cli) explain() *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "explain COUNTRY APPLICATION TITLE",
		Short: "Say which rule shows or hides a title in a country and an application",
		Args:  args(cobra.ExactArgs(3)),
		RunE: func(cmd *cobra.Command, list []string) error {
			asOf, err := parseInstant(at)
			if err != nil {
				return err
			}
			if asOf.IsZero() {
				asOf = time.Now().UTC()
			}
			country, err := ovenbird.ParseCountry(list[0])
			if err != nil {
				return err
			}
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // nothing was written
			snapshot, err := e.catalog.Snapshot(cmd.Context())
			if err != nil {
				return err
			}
			title := snapshot.Titles[ovenbird.TitleID(list[2])]
			if title == nil {
				return ovenbird.Errorf(ovenbird.NotFound, "there is no title %q in the catalog", list[2])
			}
			edition, err := findEdition(&e.site.Content, list[1])
			if err != nil {
				return err
			}
			view := facts.NewView(snapshot, edition, e.site.Content.Rules, asOf)
			return c.tellWhy(view.Explain(title, country))
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "as of this instant (RFC 3339) instead of now")
	return cmd
}

// findEdition returns the edition with a name, or an application's first.
func findEdition(content *site.Content, name string) (*facts.Edition, error) {
	for _, e := range content.Editions() {
		if e.Name() == name || e.Application == name {
			return e, nil
		}
	}
	return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no application %q on this site", name)
}

func (c *cli) tellWhy(x facts.Explanation) error {
	return c.print(x, func(w io.Writer) error {
		verdict := "hidden"
		if x.Visible {
			verdict = "visible"
		}
		if _, err := fmt.Fprintf(w, "%s\n  because of %s\n", verdict, x.Decisive); err != nil {
			return err
		}
		for _, f := range x.Findings {
			mark := "no "
			if f.Passed {
				mark = "yes"
			}
			if _, err := fmt.Fprintf(w, "  %s %-9s %s\n", mark, f.Rule, f.Detail); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *cli) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [site|content]",
		Short: "Print the GraphQL schema of shapes, or the JSON Schema of a site's file",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, list []string) error {
			text := []byte(shape.SDL())
			if len(list) == 1 {
				var err error
				if text, err = site.Schema(list[0]); err != nil {
					return err
				}
			}
			_, err := c.stdout.Write(text)
			return err
		},
	}
}

func (c *cli) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check the site and say what to mend",
		Long: "Doctor looks the site over, good and bad, and connects to its sources. With --bucket URL it also opens the\n" +
			"bucket, and tries out whether releases can be written to it, with an object that it removes again.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := append(c.checkSite(cmd.Context()), c.checkSources(cmd.Context())...)
			if c.bucket != "" {
				findings = append(findings, checkBucket(cmd.Context(), c.bucket))
			}
			failed := 0
			for _, f := range findings {
				if f.Level == site.Error {
					failed++
				}
			}
			if err := c.print(findings, func(w io.Writer) error { return tellFindings(w, findings) }); err != nil {
				return err
			}
			if failed > 0 {
				return ovenbird.Errorf(ovenbird.Invalid, "errors found: %d", failed)
			}
			return nil
		},
	}
}

func tellFindings(w io.Writer, findings []site.Finding) error {
	for _, f := range findings {
		line := fmt.Sprintf("%-8s %s %s", f.Level, f.Place, f.What)
		if f.Remedy != "" {
			line += "; " + f.Remedy
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
