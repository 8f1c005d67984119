package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/engine"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
	"ovenbird/internal/source"
)

func (c *cli) sources() *cobra.Command {
	group := &cobra.Command{
		Use: "source", Short: "Show and run the databases and feeds that the catalog follows",
		Long: "The sources that content/stack.yaml names are read by `ovenbird up`, each every so often. A source is held where\n" +
			"columns that its mapping reads changed, or where more of its records vanished than usual: then nothing of it\n" +
			"reaches the catalog until a person allows it, or the source is as before.\n\n" +
			"Secrets come from the variables of this process that the site names, or from files that NAME_FILE names.",
	}
	needsCommand(group)
	group.AddCommand(
		c.onSource("list", "List the sources, and how they are", 0, func(ctx context.Context, e *environment, _ site.Source) error {
			return c.listSources(ctx, e)
		}),
		c.onSource("show NAME", "Show one source: its last run, its last good one, and why it is held", 1, c.showSource),
		c.onSource("run NAME", "Read a source now", 1, func(ctx context.Context, e *environment, s site.Source) error {
			return c.runSource(ctx, e, source.Request{Source: s.Name, Reason: "command"})
		}),
		c.onSource("allow NAME", "Read a source that is held, and let through what it is held for", 1, c.allowSource),
		c.forgetSource(),
	)
	return group
}

// onSource makes a command on the environment's sources; with a count of 1, on
// one of them.
func (c *cli) onSource(
	use, short string, count int, do func(context.Context, *environment, site.Source) error,
) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args(cobra.ExactArgs(count)),
		RunE: func(cmd *cobra.Command, list []string) error {
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // every write was committed
			var chosen site.Source
			if count > 0 {
				var known bool
				if chosen, known = e.site.Content.Source(list[0]); !known {
					return ovenbird.Errorf(ovenbird.NotFound, "the site has no source %q; it has %s", list[0], sourceNames(e.site))
				}
			}
			return do(cmd.Context(), e, chosen)
		},
	}
}

func sourceNames(s *site.Site) string {
	if len(s.Content.Sources) == 0 {
		return "none: name them under sources in content/stack.yaml"
	}
	var names []string
	for _, one := range s.Content.Sources {
		names = append(names, one.Name)
	}
	return strings.Join(names, ", ")
}

// follower returns the service that follows the site's sources, on an engine
// that has not been started.
func (e *environment) follower(
	ctx context.Context, runs *engine.Engine, log *slog.Logger, now func() time.Time,
) (*source.Service, error) {
	return source.New(ctx, e.sourceConfig(log, now), source.Deps{Catalog: e.catalog, DB: e.database, Engine: runs})
}

func (e *environment) sourceConfig(log *slog.Logger, now func() time.Time) source.Config {
	return source.Config{Sources: e.site.Content.Sources, Dir: e.site.Dir, Environment: os.LookupEnv, Now: now, Log: log}
}

// withWebhooks puts the addresses of webhooks beside the admin API's.
func withWebhooks(api http.Handler, sources *source.Service) http.Handler {
	hooks := sources.Webhooks()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, source.WebhookPath) {
			hooks.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// runSource runs a source in this process, or in the one that runs the engine,
// and prints what it did. A source that is held or failed is an error.
func (c *cli) runSource(ctx context.Context, e *environment, request source.Request) error {
	outcome, err := sourceNow(ctx, e, request)
	if err != nil {
		return err
	}
	if err := c.print(outcome, func(w io.Writer) error { return tellOutcome(w, &outcome) }); err != nil {
		return err
	}
	why := strings.Join(outcome.Why, "; ")
	switch {
	case outcome.Status == source.Stopped && outcome.Unfit:
		return ovenbird.Errorf(ovenbird.Held, "the source %s is held: %s", outcome.Source, why)
	case outcome.Status == source.Stopped:
		return ovenbird.Errorf(ovenbird.Held,
			"the source %[1]s is held: %[2]s; see that it is meant, then: ovenbird source allow %[1]s", outcome.Source, why)
	case outcome.Status == source.Failed:
		return ovenbird.Errorf(ovenbird.Unavailable, "the source %s failed: %s", outcome.Source, why)
	case outcome.Refused > 0:
		return ovenbird.Errorf(ovenbird.Invalid,
			"refused of the source %s: %d; what was there of these stays", outcome.Source, outcome.Refused)
	default:
		return nil
	}
}

func sourceNow(ctx context.Context, e *environment, request source.Request) (outcome source.Outcome, err error) {
	unlock, err := e.lock()
	if errors.Is(err, engine.ErrRunning) {
		return sourceThere(ctx, e, request)
	}
	if err != nil {
		return outcome, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	runs, err := engine.New(ctx, e.engine())
	if err != nil {
		return outcome, err
	}
	defer func() { err = errors.Join(err, runs.Stop(context.WithoutCancel(ctx))) }()
	service, err := e.follower(ctx, runs, nil, nil)
	if err != nil {
		return outcome, err
	}
	if err := runs.Start(ctx, nil); err != nil {
		return outcome, err
	}
	return service.Run(ctx, request)
}

func sourceThere(ctx context.Context, e *environment, request source.Request) (outcome source.Outcome, err error) {
	client, err := engine.NewClient(ctx, e.engine())
	if err != nil {
		return outcome, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	handle, err := engine.SubmitTo[source.Request, source.Outcome](client, source.WorkflowName, "", request)
	if err != nil {
		return outcome, err
	}
	return handle.Wait(ctx)
}

func (c *cli) allowSource(ctx context.Context, e *environment, s site.Source) error {
	state, err := sourceState(ctx, e, s.Name)
	if err != nil {
		return err
	}
	if state.Held == nil {
		return ovenbird.Errorf(ovenbird.Invalid, "the source %s is not held: there is nothing to allow", s.Name)
	}
	return c.runSource(ctx, e, source.Request{Source: s.Name, Reason: "allowed", Allow: true})
}

func (c *cli) forgetSource() *cobra.Command {
	return &cobra.Command{
		Use: "forget NAME", Short: "Forget a source that is no longer in the site: what it delivered stays, and is nobody's",
		Long: "Forget is for a source that was removed or has another name now: another source can deliver its records then.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // every write was committed
			if _, there := e.site.Content.Source(list[0]); there {
				return ovenbird.Errorf(ovenbird.Invalid,
					"the source %s is in the site, and would claim its records again; take it out first", list[0])
			}
			store, err := source.OpenStore(cmd.Context(), e.database)
			if err != nil {
				return err
			}
			records, err := store.Forget(cmd.Context(), list[0])
			if err != nil {
				return err
			}
			return c.print(map[string]any{"source": list[0], "records": records}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "forgot %s: %d records are nobody's now\n", list[0], records)
				return err
			})
		},
	}
}

func sourceState(ctx context.Context, e *environment, name string) (source.State, error) {
	store, err := source.OpenStore(ctx, e.database)
	if err != nil {
		return source.State{}, err
	}
	return store.State(ctx, name)
}

func (c *cli) listSources(ctx context.Context, e *environment) error {
	states, left, err := sourceStates(ctx, e)
	if err != nil {
		return err
	}
	for _, name := range left {
		c.note("%[1]s is no longer in the site, and its records stay; if it is no more: ovenbird source forget %[1]s", name)
	}
	return c.print(states, func(w io.Writer) error {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tSTATUS\tLAST RUN\tLAST GOOD\tRECORDS") //nolint:errcheck // Flush tells
		for _, s := range states {
			status, last, good, records := "never read", "", "", int64(0)
			if s.Last != nil {
				status, last = string(s.Last.Status), s.Last.At.Format(time.RFC3339)
			}
			if s.Good != nil {
				good, records = s.Good.At.Format(time.RFC3339), s.Good.Records
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", s.Name, status, last, good, records) //nolint:errcheck // Flush tells
		}
		return table.Flush()
	})
}

// sourceStates returns what is known of the site's sources, in its order, and the
// names of those that ran and are no longer in it.
func sourceStates(ctx context.Context, e *environment) (states []source.State, left []string, err error) {
	store, err := source.OpenStore(ctx, e.database)
	if err != nil {
		return nil, nil, err
	}
	states = []source.State{}
	for _, s := range e.site.Content.Sources {
		state, err := store.State(ctx, s.Name)
		if err != nil {
			return nil, nil, err
		}
		states = append(states, state)
	}
	names, err := store.Names(ctx)
	for _, name := range names {
		if _, there := e.site.Content.Source(name); !there {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return states, left, err
}

func (c *cli) showSource(ctx context.Context, e *environment, s site.Source) error {
	state, err := sourceState(ctx, e, s.Name)
	if err != nil {
		return err
	}
	return c.print(state, func(w io.Writer) error {
		if state.Last == nil {
			_, err := fmt.Fprintf(w, "%s: never read\n", s.Name)
			return err
		}
		if err := tellOutcome(w, state.Last); err != nil {
			return err
		}
		var text strings.Builder
		if state.Good != nil {
			fmt.Fprintf(&text, "last good   %s, %d records\n", state.Good.At.Format(time.RFC3339), state.Good.Records)
			for _, query := range slices.Sorted(maps.Keys(state.Good.Columns)) {
				for _, column := range state.Good.Columns[query] {
					fmt.Fprintf(&text, "  %s.%s  %s\n", query, column.Name, column.Kind)
				}
			}
		}
		if state.Held != nil {
			hint := "ovenbird source allow " + s.Name
			if state.Last.Unfit {
				hint = "mend the query or the mapping"
			}
			fmt.Fprintf(&text, "held since  %s: %s\n", state.Held.At.Format(time.RFC3339), hint)
		}
		_, err := io.WriteString(w, text.String())
		return err
	})
}

func tellOutcome(w io.Writer, o *source.Outcome) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s at %s (%s): %d rows, %d records, %d changed, %d vanished, %d refused, in %s\n", o.Source, o.Status,
		o.At.Format(time.RFC3339), o.Reason, o.Rows, o.Records, o.Changed, o.Vanished, o.Refused, o.Took.Round(time.Millisecond))
	for _, why := range o.Why {
		fmt.Fprintf(&text, "  why      %s\n", why)
	}
	for _, warning := range o.Warnings {
		fmt.Fprintf(&text, "  warning  %s\n", warning)
	}
	for _, refusal := range o.Refusals {
		fmt.Fprintf(&text, "  refused  %s\n", refusal)
	}
	if o.Spared > 0 {
		fmt.Fprintf(&text, "  %d records are not there, and stay: they may be among those refused\n", o.Spared)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// checkSources connects to the sources of a site that loads. One that can not be
// reached from here may be from where it is read: that is a warning.
func (c *cli) checkSources(ctx context.Context) []site.Finding {
	loaded, err := c.loadSite(ctx)
	if err != nil {
		return nil // the check of the site has told
	}
	e := &environment{site: loaded}
	place := ovenbird.Place{File: filepath.Join(loaded.ContentStack().Dir, "stack.yaml")}
	var findings []site.Finding
	for _, s := range loaded.Content.Sources {
		warnings, err := source.Check(ctx, e.sourceConfig(nil, nil), s)
		for _, warning := range warnings {
			findings = append(findings, site.Finding{Level: site.Warning, Place: place, What: "source " + s.Name + ": " + warning})
		}
		finding := site.Finding{Level: site.OK, Place: place, What: "source " + s.Name + " answers, and its columns fit"}
		switch {
		case err == nil:
		case ovenbird.CodeOf(err) == ovenbird.Unavailable:
			finding.Level, finding.What = site.Warning, fmt.Sprintf("source %s can not be reached: %v", s.Name, err)
		default:
			finding.Level, finding.What = site.Error, fmt.Sprintf("source %s: %v", s.Name, err)
		}
		findings = append(findings, finding)
	}
	return findings
}
