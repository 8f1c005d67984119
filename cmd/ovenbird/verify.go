package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/audit"
	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

func (c *cli) verify() *cobra.Command {
	config := audit.Config{}
	var all bool
	var treeURL string
	cmd := &cobra.Command{
		Use:   "verify [RELEASE]",
		Short: "Audit a release, and an edge, by a model that shares no code with the bake",
		Long: "Verify works out anew, slowly and plainly, who may see what and when, and compares every document of a sample of\n" +
			"variations byte for byte with the release: at its instant, at transitions ahead, and right before them. It reads\n" +
			"everything the release refers to and checks its hashes. With --edge it asks a running edge for every document of\n" +
			"these variations too, and for those that only other countries have. With --tree it reads all files of these\n" +
			"variations in a tree (`ovenbird releases publish-tree`), copies and leftovers too, and with --all the names of all.\n\n" +
			"It judges by the catalog as it is: if that has changed since the release was made, bake first.\n" +
			"Exit code 0: all is as it has to be. 1: something is not, or the audit could not be done.",
		Example: "  ovenbird verify --all\n  ovenbird verify --variations 20 --edge http://127.0.0.1:8080",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if all {
				config.Variations, config.Instants = 0, -1
			}
			if config.Seed == 0 {
				config.Seed = rand.Uint64() //nolint:gosec // it is printed: a draw to repeat, not a secret
			}
			return c.audit(cmd.Context(), strings.Join(list, ""), treeURL, all, config)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&config.Variations, "variations", 10, "how many variations to draw; 0 means all")
	flags.IntVar(&config.Instants, "instants", 3, "how many transitions ahead to draw for each variation; -1 means all")
	flags.BoolVar(&all, "all", false, "all variations at all transitions")
	flags.Uint64Var(&config.Seed, "seed", 0, "what decides the draw, to repeat one; printed in the report")
	flags.StringVar(&config.Edge, "edge", "", "address of an edge to ask too; it must believe the country in the address")
	flags.StringVar(&treeURL, "tree", "", "a tree of plain files to read too: a folder or s3://NAME/PREFIX?region=REGION")
	return cmd
}

// audit audits the release with an id, or the one that is served.
func (c *cli) audit(ctx context.Context, id, treeURL string, all bool, config audit.Config) error {
	e, err := c.openWithReleases(ctx)
	if err != nil {
		return err
	}
	defer e.close() //nolint:errcheck // nothing was written
	audited, err := e.releaseToAudit(ctx, id)
	if err != nil {
		return err
	}
	snapshot, err := e.catalog.Snapshot(ctx)
	if err != nil {
		return err
	}
	m := audited.Manifest()
	if m.Site != e.site.Content.Hash {
		return ovenbird.Errorf(ovenbird.Conflict, "release %s is of another state of the site's configuration; bake, and verify that", m.ID)
	}
	rules := audit.Rules(&e.site.Content)
	judge, err := model.New(rules, snapshot)
	if err != nil {
		return err
	}
	began := time.Now()
	config.Progress = c.auditProgress()
	config.Edge = strings.TrimSuffix(config.Edge, "/")
	deps := audit.Deps{Model: judge, Site: &rules, Release: audited}
	var report *audit.Report
	if treeURL == "" {
		report, err = audit.Run(ctx, config, deps)
	} else {
		report, err = auditTree(ctx, config, deps, treeURL, all)
	}
	if err != nil {
		return err
	}
	if err := c.print(report, func(w io.Writer) error { return writeAudit(w, report, time.Since(began)) }); err != nil {
		return err
	}
	if !report.Good() && snapshot.Sequence != m.CatalogSequence {
		return ovenbird.Errorf(ovenbird.Conflict, "release %s is of change %d of the catalog, which is at %d now: "+
			"it may be what was right then; bake, and verify that", m.ID, m.CatalogSequence, snapshot.Sequence)
	}
	if !report.Good() {
		return ovenbird.Errorf(ovenbird.Internal, "%d documents are not as they have to be; repeat with --seed %d",
			len(report.Violations)+report.More, report.Seed)
	}
	return nil
}

func (e *environment) releaseToAudit(ctx context.Context, id string) (*release.Release, error) {
	head, err := e.releases.Head(ctx)
	if err != nil {
		return nil, err
	}
	kept, ok := head.CurrentRelease()
	if id == "" && !ok {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no release yet; `ovenbird bake` makes one")
	}
	if id != "" {
		kept, ok = head.Release(id)
	}
	if !ok {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no release %s; `ovenbird releases list` shows those there are", id)
	}
	return e.releases.Load(ctx, kept.Ref)
}

// auditProgress shows how far a long audit is.
func (c *cli) auditProgress() func(done, of int) {
	last := time.Now()
	return func(done, of int) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			c.note("%d of %d variations", done, of)
		}
	}
}

func writeAudit(w io.Writer, r *audit.Report, took time.Duration) error {
	for _, v := range r.Violations {
		_, err := fmt.Fprintf(w, "%s %s: /%s/%s/%s at %s\n", v.Where, v.Kind, v.Country, v.Edition, v.Path, v.At.Format(time.RFC3339Nano))
		if err != nil {
			return err
		}
		if v.Kind == audit.Copy {
			if _, err := fmt.Fprintf(w, "  %s\n", v.Found); err != nil {
				return err
			}
		}
		if v.Kind != audit.Different {
			continue
		}
		if _, err := fmt.Fprintf(w, "  expected …%s…\n  found    …%s…\n", v.Expected, v.Found); err != nil {
			return err
		}
	}
	verdict := "as it has to be"
	if !r.Good() {
		verdict = fmt.Sprintf("%d violations", len(r.Violations)+r.More)
	}
	_, err := fmt.Fprintf(w,
		"release %s: %s\n  %d documents in %d of %d variations at %d instants in all, %d requests to the edge, in %s (seed %d)\n",
		r.Release, verdict, r.Documents, r.Variations, r.Of, r.Sights, r.Asked, took.Round(time.Millisecond), r.Seed)
	return err
}
