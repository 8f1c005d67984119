package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

func (c *cli) releases() *cobra.Command {
	group := &cobra.Command{Use: "releases", Short: "List, show, compare, pin and roll back releases"}
	needsCommand(group)
	var note, reason string
	pin := c.onHead("pin ID", "Keep a release for ever", 1,
		func(id string) ledger.Event { return ledger.Event{Action: "release.pin", Target: id, Why: note} },
		func(ctx context.Context, s *release.Store, id string) (release.Head, error) {
			return s.Pin(ctx, id, note)
		})
	pin.Flags().StringVar(&note, "note", "", "why it is kept")
	rollback := c.onHead("rollback ID", "Serve an earlier release at once, and hold publishing until resume", 1,
		func(id string) ledger.Event { return ledger.Event{Action: "release.rollback", Target: id, Why: reason} },
		func(ctx context.Context, s *release.Store, id string) (release.Head, error) {
			return s.Rollback(ctx, id, reason, time.Now())
		})
	rollback.Flags().StringVar(&reason, "reason", "rolled back by hand", "why, for those who find publishing held")
	group.AddCommand(
		c.onReleases("list", "List the releases that are kept", 0, c.listReleases),
		c.show(),
		c.onReleases("diff FROM TO", "Show the rows in which two releases differ", 2, c.diffReleases),
		pin, rollback, c.publishTree(),
		c.onHead("unpin ID", "Let a pinned release go when its time comes", 1,
			func(id string) ledger.Event { return ledger.Event{Action: "release.unpin", Target: id} },
			func(ctx context.Context, s *release.Store, id string) (release.Head, error) { return s.Unpin(ctx, id) }),
		c.onHead("resume", "Publish again after a rollback", 0,
			func(string) ledger.Event { return ledger.Event{Action: "release.resume"} },
			func(ctx context.Context, s *release.Store, _ string) (release.Head, error) { return s.Resume(ctx) }),
	)
	return group
}

// onHead makes a command that changes the head of the environment's releases, and
// records that.
func (c *cli) onHead(
	use, short string, count int, event func(id string) ledger.Event,
	change func(ctx context.Context, s *release.Store, id string) (release.Head, error),
) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args(cobra.ExactArgs(count)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			id := strings.Join(ids, "")
			return c.withKeeper(cmd.Context(), func(e *environment) error {
				return e.changeHead(cmd.Context(), event(id), func() (release.Head, error) { return change(cmd.Context(), e.releases, id) })
			})
		},
	}
}

// onReleases makes a command that works on the environment's releases.
func (c *cli) onReleases(
	use, short string, count int, do func(context.Context, *release.Store, []string) error,
) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args(cobra.ExactArgs(count)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			e, err := c.openWithReleases(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // the head was changed or it was not
			return do(cmd.Context(), e.releases, ids)
		},
	}
}

func (c *cli) listReleases(ctx context.Context, s *release.Store, _ []string) error {
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	return c.print(head, func(w io.Writer) error {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tAS OF\tDOCUMENTS\tROOT\t") //nolint:errcheck // Flush tells
		for _, r := range head.Releases {
			mark := ""
			if r.ID == head.Current {
				mark = "current"
			}
			if r.Pinned {
				mark += " pinned " + r.Note
			}
			fmt.Fprintf(table, "%s\t%s\t%d\t%.12s\t%s\n", //nolint:errcheck // Flush tells
				r.ID, r.AsOf.Format(time.RFC3339), r.Counts.Documents, r.Root, mark)
		}
		if head.Hold != nil {
			c.note("publishing is held since %s: %s; to go on: ovenbird releases resume",
				head.Hold.Since.Format(time.RFC3339), head.Hold.Reason)
		}
		return table.Flush()
	})
}

// loadRelease loads a kept release by its id.
func loadRelease(ctx context.Context, s *release.Store, id string) (*release.Release, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return nil, err
	}
	kept, ok := head.Release(id)
	if !ok {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no release %q; ovenbird releases list names those that are kept", id)
	}
	return s.Load(ctx, kept.Ref)
}

func (c *cli) show() *cobra.Command {
	return &cobra.Command{
		Use: "show [ID]", Short: "Show one release, the current one by default: what is in it, and how far it has spread",
		Long: "Show tells what is in a release, how long each step took, from rendering it to an edge's switching over, how many\n" +
			"edges serve it, and which of them do not. Edges report within a second (see `ovenbird edges`).",
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			e, err := c.openWithReleases(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // it was only read
			return c.showRelease(cmd.Context(), e, ids)
		},
	}
}

func (c *cli) diffReleases(ctx context.Context, s *release.Store, ids []string) error {
	from, err := loadRelease(ctx, s, ids[0])
	if err != nil {
		return err
	}
	to, err := loadRelease(ctx, s, ids[1])
	if err != nil {
		return err
	}
	rows := []string{}
	for change, err := range release.Diff(ctx, from, to) {
		if err != nil {
			return err
		}
		rows = append(rows, change.Key.String())
	}
	return c.print(rows, func(w io.Writer) error {
		for _, row := range rows {
			if _, err := fmt.Fprintln(w, row); err != nil {
				return err
			}
		}
		return nil
	})
}
