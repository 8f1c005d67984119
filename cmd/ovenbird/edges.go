package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/release"
	"ovenbird/internal/spread"
)

func (c *cli) edges() *cobra.Command {
	return &cobra.Command{
		Use: "edges", Short: "List the edges that report, and what they serve",
		Long: "Edges lists who has reported within a day: edges of `ovenbird up`, and those with --origin. One that was not heard\n" +
			"of for 12 minutes is lost; one that was stopped is not listed.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // it was only read
			if err := e.openSpread(cmd.Context()); err != nil {
				return err
			}
			list, err := e.spread.Edges(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(append([]spread.Edge{}, list...), func(w io.Writer) error { return tellEdges(w, list) })
		},
	}
}

func tellEdges(w io.Writer, list []spread.Edge) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tRELEASE\tSINCE\tHEARD\tCOUNTRIES\tSTATE") //nolint:errcheck // Flush tells
	for i := range list {
		e := &list[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", //nolint:errcheck // Flush tells
			e.Name, cmp.Or(e.Release, "-"), moment(e.Since), moment(e.Heard), countriesIn(e), stateOf(e))
	}
	return table.Flush()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func countriesIn(e *spread.Edge) string {
	switch n := len(e.Countries); {
	case n == 0:
		return "all"
	case n > 5:
		return strconv.Itoa(n)
	default:
		return fmt.Sprint(e.Countries)
	}
}

func stateOf(e *spread.Edge) string {
	switch {
	case e.Lost:
		return "lost"
	case e.Failure != "":
		return fmt.Sprintf("can not follow since %s: %s", moment(e.Failing), e.Failure)
	default:
		return "ok"
	}
}

// shown is a release as `releases show` tells of it.
type shown struct {
	release.Manifest
	Current bool           `json:"current"`
	Spread  spread.Release `json:"spread"`
}

// showRelease tells of one release, the current one unless an id is given.
func (c *cli) showRelease(ctx context.Context, e *environment, ids []string) error {
	head, err := e.releases.Head(ctx)
	if err != nil {
		return err
	}
	id := head.Current
	if len(ids) > 0 {
		id = ids[0]
	}
	loaded, err := loadRelease(ctx, e.releases, id)
	if err != nil {
		return err
	}
	if err := e.openSpread(ctx); err != nil {
		return err
	}
	r := shown{Manifest: loaded.Manifest(), Current: id == head.Current}
	if r.Spread, err = e.spread.Release(ctx, id); err != nil {
		return err
	}
	return c.print(r, func(w io.Writer) error {
		_, err := io.WriteString(w, r.text())
		return err
	})
}

func (r *shown) text() string {
	var b strings.Builder
	m := &r.Manifest
	fmt.Fprintf(&b, "release  %s\nparent   %s\nroot     %s\nas of    %s\nknown to %s\ncatalog  change %d\n"+
		"rows     %d\ndocuments %d\nobjects  %d in %d packs, %d bytes\neditions %d\ntransitions %d\n",
		m.ID, m.Parent, m.Root, m.AsOf.Format(time.RFC3339), m.HorizonEnd.Format(time.RFC3339), m.CatalogSequence,
		m.Counts.Rows, m.Counts.Documents, m.Counts.Objects, len(m.Packs)+1, m.Counts.Bytes, len(m.Editions), len(m.Patches))
	if s := r.Spread.Steps; s != nil {
		fmt.Fprintf(&b, "published %s\nsteps    render %s, write %s, publish %s\n",
			moment(s.Published), brief(s.Render), brief(s.Write), brief(s.Publish))
	}
	r.tellTimes(&b)
	r.tellEdges(&b)
	return b.String()
}

// tellEdges tells how far the release has spread.
func (r *shown) tellEdges(b *strings.Builder) {
	var serving, lost int
	var others []*spread.Edge
	for i := range r.Spread.Edges {
		switch e := &r.Spread.Edges[i]; {
		case e.Lost:
			lost++
		case e.Release == r.ID:
			serving++
		default:
			others = append(others, e)
		}
	}
	fmt.Fprintf(b, "edges    %d of %d serve it", serving, serving+len(others))
	if lost > 0 {
		fmt.Fprintf(b, "; %d lost", lost)
	}
	b.WriteString("\n")
	word := "other"
	if r.Current {
		word = "behind"
	}
	for _, e := range others {
		fmt.Fprintf(b, "%-8s %s serves %s since %s, heard of at %s: %s\n",
			word, e.Name, cmp.Or(e.Release, "nothing"), moment(e.Since), moment(e.Heard), stateOf(e))
	}
}

// tellTimes tells how long the steps took that edges do.
func (r *shown) tellTimes(b *strings.Builder) {
	for _, step := range []struct {
		name string
		of   func(*spread.Time) (took time.Duration, known bool)
	}{
		{"notify", func(t *spread.Time) (time.Duration, bool) { return t.Notified() }},
		{"fetch", func(t *spread.Time) (time.Duration, bool) { return t.Fetch, true }},
		{"swap", func(t *spread.Time) (time.Duration, bool) { return t.Swap, true }},
		{"in all", func(t *spread.Time) (time.Duration, bool) { return t.Total() }},
	} {
		type one struct {
			took time.Duration
			edge string
		}
		var times []one
		for i := range r.Spread.Times {
			if took, known := step.of(&r.Spread.Times[i]); known {
				times = append(times, one{took, r.Spread.Times[i].Edge})
			}
		}
		if len(times) == 0 {
			continue
		}
		slices.SortFunc(times, func(a, b one) int { return cmp.Compare(a.took, b.took) })
		slowest := times[len(times)-1]
		fmt.Fprintf(b, "%-8s median %s, slowest %s (%s), of %d\n",
			step.name, brief(times[len(times)/2].took), brief(slowest.took), slowest.edge, len(times))
	}
}

// brief rounds to what a person reads.
func brief(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
