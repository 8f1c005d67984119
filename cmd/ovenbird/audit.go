package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
)

func (c *cli) auditLog() *cobra.Command {
	var filter ledger.Filter
	var since, until string
	var limit int
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, when, from which commit, before and after",
		Long: "Audit lists the records of the ledger and the edits of the catalog together, newest first. Records are chained by\n" +
			"hashes, and `ovenbird up` signs how far they are: `ovenbird audit verify` finds what was edited, dropped, reordered\n" +
			"or cut off.",
		Example: "  ovenbird audit --action 'release.*' --since 24h\n  ovenbird audit --target big-buck-bunny --json\n" +
			"  ovenbird audit show 17",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			now := time.Now()
			if filter.Since, err = parseMoment("--since", since, now); err != nil {
				return err
			}
			if filter.Until, err = parseMoment("--until", until, now); err != nil {
				return err
			}
			if limit < 1 {
				return ovenbird.Errorf(ovenbird.Invalid, "--limit %d: use 1 or more", limit)
			}
			return c.withLedger(cmd.Context(), func(e *environment) error { return c.listAudit(cmd.Context(), e, filter, limit) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "only from then on: an instant (RFC 3339), a date, or how long ago, such as 24h")
	flags.StringVar(&until, "until", "", "only before then")
	flags.StringVar(&filter.Actor, "actor", "", "only of this actor: a name with its address, or that of a token")
	flags.StringVar(&filter.Action, "action", "", "only actions like this, such as token.create or 'release.*'")
	flags.StringVar(&filter.Target, "target", "", "only of this id")
	flags.IntVar(&limit, "limit", 100, "how many at most, the newest")
	cmd.AddCommand(c.verifyAudit(), c.showAudit(), c.auditKey(), c.auditCheckpoint(), c.acceptAudit())
	return cmd
}

// parseMoment reads an instant, a date or how long ago; "" is the zero time.
func parseMoment(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(s); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, s); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, ovenbird.Errorf(ovenbird.Invalid,
		"%s %q is no instant: write it like 2026-01-31T12:00:00Z, 2026-01-31, or 24h for how long ago", flag, s)
}

// withLedger opens the environment with its ledger.
func (c *cli) withLedger(ctx context.Context, do func(*environment) error) error {
	e, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer e.close() //nolint:errcheck // it was only read
	if err := c.openLedger(ctx, e); err != nil {
		return err
	}
	return do(e)
}

// withKeeper opens the environment with its ledger and its bucket.
func (c *cli) withKeeper(ctx context.Context, do func(*environment) error) error {
	e, err := c.openWithReleases(ctx)
	if err != nil {
		return err
	}
	defer e.close() //nolint:errcheck // every write was committed
	if err := c.openLedger(ctx, e); err != nil {
		return err
	}
	return do(e)
}

func (c *cli) listAudit(ctx context.Context, e *environment, filter ledger.Filter, limit int) error {
	list, _, err := e.ledger.List(ctx, filter, ledger.Position{}, limit)
	if err != nil {
		return err
	}
	return c.print(append([]ledger.Entry{}, list...), func(w io.Writer) error {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ENTRY\tAT\tACTOR\tACTION\tTARGET\tCOMMIT\tWHY") //nolint:errcheck // Flush tells
		for i := range list {
			l := &list[i]
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", //nolint:errcheck // Flush tells
				entryName(l), l.At.UTC().Format(time.RFC3339), l.Actor, l.Action, cmp.Or(l.Target, "-"), commitOf(l, 12), l.Why)
		}
		return table.Flush()
	})
}

// entryName is how `audit show` is asked for an entry.
func entryName(e *ledger.Entry) string {
	number := strconv.FormatInt(e.Sequence, 10)
	if e.Chain == ledger.Feed {
		return "feed/" + number
	}
	return number
}

// commitOf shortens a commit, and marks it where files differed.
func commitOf(e *ledger.Entry, length int) string {
	if e.Commit == "" {
		return "-"
	}
	commit := e.Commit[:min(length, len(e.Commit))]
	if e.Dirty {
		commit += " (dirty)"
	}
	return commit
}

func (c *cli) showAudit() *cobra.Command {
	return &cobra.Command{
		Use: "show ENTRY", Short: "Show one entry, and what is different after it", Args: args(cobra.ExactArgs(1)),
		Example: "  ovenbird audit show 17\n  ovenbird audit show feed/1000",
		RunE: func(cmd *cobra.Command, list []string) error {
			chain := ledger.Ledger
			number, isFeed := strings.CutPrefix(list[0], "feed/")
			if isFeed {
				chain = ledger.Feed
			}
			sequence, err := strconv.ParseInt(number, 10, 64)
			if err != nil || sequence < 1 {
				return ovenbird.Errorf(ovenbird.Invalid,
					"%q names no entry: use its number, or feed/NUMBER for an edit of the catalog", list[0])
			}
			return c.withLedger(cmd.Context(), func(e *environment) error {
				entry, err := e.ledger.Get(cmd.Context(), chain, sequence)
				if err != nil {
					return err
				}
				return c.print(entry, func(w io.Writer) error { return writeEntry(w, &entry) })
			})
		},
	}
}

func writeEntry(w io.Writer, e *ledger.Entry) error {
	var b strings.Builder
	commit := commitOf(e, len(e.Commit))
	if e.Commit == "" {
		commit = "none: the site's files are in no git repository, or it is an edit of the catalog"
	}
	fmt.Fprintf(&b, "entry   %s\nat      %s\nactor   %s\naction  %s\ntarget  %s\ncommit  %s\n",
		entryName(e), e.At.UTC().Format(time.RFC3339Nano), e.Actor, e.Action, cmp.Or(e.Target, "-"), commit)
	if e.Why != "" {
		fmt.Fprintf(&b, "why     %s\n", e.Why)
	}
	if e.Hash != "" {
		fmt.Fprintf(&b, "hash    %s\n", e.Hash)
	}
	before, after := leaves(e.Before), leaves(e.After)
	paths := slices.Sorted(maps.Keys(before))
	for path := range after {
		if _, was := before[path]; !was {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		old, was := before[path]
		now, is := after[path]
		if was && is && old == now {
			continue
		}
		if was {
			fmt.Fprintf(&b, "- %s: %s\n", path, old)
		}
		if is {
			fmt.Fprintf(&b, "+ %s: %s\n", path, now)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// leaves flattens JSON to what stands at which path.
func leaves(value json.RawMessage) map[string]string {
	found := make(map[string]string)
	if value == nil {
		return found
	}
	var parsed any
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&parsed); err != nil {
		return map[string]string{".": string(value)}
	}
	addLeaves(found, "", parsed)
	return found
}

func addLeaves(to map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			addLeaves(to, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		for i, inner := range v {
			addLeaves(to, fmt.Sprintf("%s[%d]", path, i), inner)
		}
	default:
		text, _ := json.Marshal(v) //nolint:errchkjson // it was JSON
		to[cmp.Or(path, ".")] = string(text)
	}
}

func (c *cli) auditKey() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the public key that this machine signs checkpoints with; keep it elsewhere", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // it was only read
			key, err := e.ledgerKey()
			if err != nil {
				return err
			}
			return c.print(map[string]string{"key": key.Public}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, key.Public)
				return err
			})
		},
	}
}

func (c *cli) auditCheckpoint() *cobra.Command {
	return &cobra.Command{
		Use: "checkpoint", Short: "Sign how far the ledger is, and print that; keep it elsewhere",
		Long: "Checkpoint signs what is new, as `ovenbird up` does by itself, and prints the newest checkpoint. Where it is kept out\n" +
			"of reach of those who run the environment, `ovenbird audit verify --checkpoint FILE` proves that nothing up to it was\n" +
			"made anew, whoever has the key.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withKeeper(cmd.Context(), func(e *environment) error {
				n, err := e.keeper(nil).Checkpoint(cmd.Context())
				if err != nil || n == nil {
					return err
				}
				return c.print(n.Checkpoint, func(w io.Writer) error {
					_, err := w.Write(n.Body)
					return err
				})
			})
		},
	}
}

func (c *cli) acceptAudit() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "accept --reason WHY", Short: "Go on from a database that contradicts the checkpoints, and say so for ever",
		Long: "Accept is for a database that was set back by other means than `ovenbird restore`: nothing is signed until a person\n" +
			"accepts that. It leaves a record and a signed checkpoint that say why, and what was given up. It makes no record good\n" +
			"that was edited.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(reason) == "" {
				return ovenbird.Errorf(ovenbird.Invalid, "say why: --reason")
			}
			return c.withKeeper(cmd.Context(), func(e *environment) error {
				by := c.author(cmd.Context())
				return c.restoring(cmd.Context(), e, reason+" (accepted by "+by.Name+")", func() error { return nil })
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why the database is another one")
	return cmd
}

func (c *cli) verifyAudit() *cobra.Command {
	var keys []string
	var kept string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Find what was edited, dropped, reordered or cut off",
		Long: "Verify reads the whole ledger, the whole feed of changes and all checkpoints, works out every hash anew, and says what\n" +
			"is not as it was written and signed. It trusts the keys that the ledger itself introduces, unless --key says which.\n" +
			"Exit code 0: all is as it was written. 1: something is not, or could not be read.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			config := ledger.VerifyConfig{Keys: keys}
			if kept != "" {
				if config.Kept, err = os.ReadFile(kept); err != nil {
					return ovenbird.Errorf(ovenbird.Invalid, "--checkpoint: %w", err)
				}
			}
			return c.withKeeper(cmd.Context(), func(e *environment) error {
				config.Environment = e.settings.Name
				if config.Own, err = ledger.PublicKey(e.ledgerKeyPath()); err != nil {
					return err
				}
				report, err := ledger.Verify(cmd.Context(), config, e.ledger, e.bucket)
				if err != nil {
					return err
				}
				if err := c.print(report, func(w io.Writer) error { return writeVerdict(w, report) }); err != nil || report.Good() {
					return err
				}
				return ovenbird.Errorf(ovenbird.Internal, "the audit trail is not as it was written: %d findings", len(report.Findings))
			})
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "a public key to trust, and no other (`ovenbird audit key`); may be repeated")
	cmd.Flags().StringVar(&kept, "checkpoint", "", "a checkpoint that was kept elsewhere, to find among those in the bucket")
	return cmd
}

func writeVerdict(w io.Writer, r *ledger.Report) error {
	var b strings.Builder
	for _, f := range r.Findings {
		numbers := strconv.FormatInt(f.First, 10)
		if f.Last != f.First {
			numbers += "-" + strconv.FormatInt(f.Last, 10)
		}
		fmt.Fprintf(&b, "%s %s %s: %s\n", f.Where, numbers, f.Kind, f.What)
	}
	for _, d := range r.Declared {
		fmt.Fprintf(&b, "declared by checkpoint %d at %s: %s; it goes on from checkpoint %d and gave up %d records and %d changes\n",
			d.Checkpoint, d.At.Format(time.RFC3339), d.Why, d.Continues, d.Records, d.Changes)
	}
	for _, k := range r.Keys {
		fmt.Fprintf(&b, "key      %s: %d checkpoints\n", k.Public, k.Checkpoints)
	}
	verdict := "as they were written"
	if !r.Good() {
		verdict = fmt.Sprintf("%d findings", len(r.Findings))
	}
	fmt.Fprintf(&b, "ledger   %d records, %d behind the newest checkpoint\ncatalog  %d changes, %d behind the newest checkpoint\n"+
		"signed   checkpoint %d at %s\nverdict  %s\n",
		r.Ledger.Sequence, r.Records, r.Feed.Sequence, r.Changes, r.Checkpoint, moment(r.SignedAt), verdict)
	_, err := io.WriteString(w, b.String())
	return err
}
