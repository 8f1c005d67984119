package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/admin"
	"ovenbird/internal/ovenbird"
)

func (c *cli) token() *cobra.Command {
	group := &cobra.Command{
		Use: "token", Short: "Create, list and revoke tokens for the admin API and for edges",
		Long: "Tokens are bearer tokens for the admin API. Roles, each with what the ones before it may:\n" +
			"  viewer     reads everything\n  editor     changes the catalog\n" +
			"  publisher  decides what viewers get: bakes, pins, rollbacks\n  admin      sees and revokes tokens\n" +
			"The role edge is for `ovenbird edge --origin` alone: it reads releases and reports, and may do nothing else.",
	}
	group.AddCommand(c.createToken(), c.listTokens(), c.revokeToken())
	return group
}

// withTokens opens the environment's tokens.
func (c *cli) withTokens(ctx context.Context, do func(*admin.Tokens) error) error {
	e, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer e.close() //nolint:errcheck // every write was committed
	if err := c.openLedger(ctx, e); err != nil {
		return err
	}
	tokens, err := admin.NewTokens(ctx, e.database, e.ledger, nil)
	if err != nil {
		return err
	}
	return do(tokens)
}

func (c *cli) createToken() *cobra.Command {
	var role, name string
	var expires time.Duration
	cmd := &cobra.Command{
		Use: "create --role ROLE --name NAME", Short: "Make a token and print it, once",
		Long: "Create prints the token on stdout. It is kept nowhere: only its hash is.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			parsed, err := admin.ParseRole(role)
			if err != nil {
				return err
			}
			if expires < 0 {
				return ovenbird.Errorf(ovenbird.Invalid, "--expires %s is past; use a duration such as 720h, or leave it out", expires)
			}
			var until time.Time
			if expires > 0 {
				until = time.Now().Add(expires)
			}
			return c.withTokens(cmd.Context(), func(tokens *admin.Tokens) error {
				secret, made, err := tokens.Create(cmd.Context(), name, parsed, until)
				if err != nil {
					return err
				}
				c.note("token %s for %s, role %s; keep it safe, it is not shown again", made.ID, made.Name, made.Role)
				return c.print(struct {
					admin.Token
					Secret string `json:"secret"`
				}{made, secret}, func(w io.Writer) error {
					_, err := fmt.Fprintln(w, secret)
					return err
				})
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "viewer, editor, publisher, admin, or edge")
	cmd.Flags().StringVar(&name, "name", "", "who uses it; stands in the feed of changes")
	cmd.Flags().DurationVar(&expires, "expires", 0, "how long it is good, such as 720h; 0 is for ever")
	return cmd
}

func (c *cli) listTokens() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens, also those that are no longer good", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withTokens(cmd.Context(), func(tokens *admin.Tokens) error {
				list, err := tokens.List(cmd.Context())
				if err != nil {
					return err
				}
				return c.print(append([]admin.Token{}, list...), func(w io.Writer) error { return tellTokens(w, list) })
			})
		},
	}
}

func tellTokens(w io.Writer, list []admin.Token) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tROLE\tEXPIRES\tUSED\tREVOKED\tNAME") //nolint:errcheck // Flush tells
	day := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Format(time.DateOnly)
	}
	for _, t := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", //nolint:errcheck // Flush tells
			t.ID, t.Role, day(t.Expires), day(t.Used), day(t.Revoked), t.Name)
	}
	return table.Flush()
}

func (c *cli) revokeToken() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID|NAME", Short: "Make a token good for nothing, at once and for ever", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			return c.withTokens(cmd.Context(), func(tokens *admin.Tokens) error {
				token, err := tokens.Revoke(cmd.Context(), list[0])
				if err != nil {
					return err
				}
				c.note("token %s (%s) is revoked", token.ID, token.Name)
				return nil
			})
		},
	}
}
