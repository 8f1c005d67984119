package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ovenbird/internal/engine"
	"ovenbird/internal/importer"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
)

// importFlags are the flags of import.
type importFlags struct {
	mapping, rejects, source, format, zone string
	complete, allowShrink, dryRun, titles  bool
	shrink                                 float64
}

func (c *cli) importFiles() *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Import records from NDJSON, or rows from CSV, TSV or MDDF Avails through a mapping",
		Long: "Import reads NDJSON, CSV and TSV through a mapping file, or MDDF Avails, gzipped or not; - is standard input.\n" +
			"What is already in the catalog is left as it is. Bad rows go to the rejects file, the others in.\n" +
			"An import that was killed goes on where it stopped when it is run again.\n\n" +
			"With --source and --complete, each file is all that the source delivers: what it delivered before and what is not in\n" +
			"the file is removed, unless that is suspiciously much.",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // every write was committed
			if flags.dryRun {
				return c.importDry(cmd.Context(), e, files, flags)
			}
			if err := c.openLedger(cmd.Context(), e); err != nil {
				return err
			}
			return c.traced(cmd.Context(), "import command", e, func(ctx context.Context) error {
				return e.importRecorded(ctx, files, func() error { return c.importAll(ctx, e, files, flags) })
			})
		},
	}
	set := cmd.Flags()
	set.StringVar(&flags.mapping, "mapping", "", "mapping file (YAML) for CSV, TSV and Avails")
	set.StringVar(&flags.rejects, "rejects", "rejects.ndjson", "file for rows that are refused")
	set.StringVar(&flags.source, "source", "", "name of who delivers, to know which records are whose")
	set.BoolVar(&flags.complete, "complete", false, "each file is all that the source delivers: remove what is not in it any more")
	set.Float64Var(&flags.shrink, "shrink", 0.2, "share of a source's records that may vanish with one file")
	set.BoolVar(&flags.allowShrink, "allow-shrink", false, "let any share vanish")
	set.BoolVar(&flags.dryRun, "dry-run", false, "say what would change, and change nothing; with --json each change, one a line")
	set.StringVar(&flags.format, "format", "", "avails: the files are MDDF Avails XML")
	set.StringVar(&flags.zone, "zone", "", "where the times of Avails are that say no zone, such as UTC or America/Los_Angeles")
	set.BoolVar(&flags.titles, "titles", false, "make titles of what Avails say of them, too")
	return cmd
}

// importRecorded records who has imported what, and which entries of the feed that
// made: those name the import, not the person.
func (e *environment) importRecorded(ctx context.Context, files []string, run func() error) error {
	type at struct {
		Sequence int64 `json:"catalog_sequence"`
	}
	before, err := e.catalog.Sequence(ctx)
	if err != nil {
		return err
	}
	failed := run()
	after, err := e.catalog.Sequence(ctx)
	if err == nil && after != before {
		err = e.ledger.Add(ctx, ledger.Event{
			Action: "catalog.import", Target: strings.Join(files, " "), Before: at{before}, After: at{after},
		})
	}
	return errors.Join(failed, err)
}

// importAll imports files. Where one can not be read on, the report says how far
// it came, and those after it are not begun.
func (c *cli) importAll(ctx context.Context, e *environment, files []string, flags importFlags) error {
	deliveries, err := importer.OpenLedger(ctx, e.database)
	if err != nil {
		return err
	}
	config, err := c.importConfig(e, flags)
	if err != nil {
		return err
	}
	config.StateDir = filepath.Join(e.dir, "imports")
	unlock, err := engine.Lock(filepath.Join(e.dir, "imports.lock"))
	if errors.Is(err, engine.ErrRunning) {
		c.note("another import is running: this one would begin from the start if it is killed")
		config.StateDir, unlock = "", func() error { return nil }
	} else if err != nil {
		return err
	}
	imports, err := importer.New(config, importer.Deps{Catalog: e.catalog, Ledger: deliveries})
	if err != nil {
		return errors.Join(err, unlock())
	}
	err = c.importInto(ctx, imports, files, flags)
	if ctx.Err() == nil {
		err = errors.Join(err, e.catalog.Index(ctx)) // or the next search would do it
	}
	return errors.Join(err, unlock())
}

// importInto imports files with an importer and reports on each.
func (c *cli) importInto(ctx context.Context, imports *importer.Importer, files []string, flags importFlags) error {
	var rejected int64
	for _, file := range files {
		report, failed := c.importFile(ctx, imports, file)
		rejected += report.Rejected
		if failed != nil && report.Rows == 0 {
			return failed
		}
		if err := errors.Join(failed, c.importReport(file, report, flags.dryRun)); err != nil {
			return err
		}
	}
	if rejected > 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "%s", rejectedRows(rejected, flags.rejects))
	}
	return nil
}

// importReport prints what an import did, or would do.
func (c *cli) importReport(file string, r importer.Report, dry bool) error {
	if dry && c.json {
		return c.line(map[string]any{"report": r})
	}
	return c.print(r, func(w io.Writer) error {
		would := ""
		if dry {
			would = "would be "
		}
		_, err := fmt.Fprintf(w, "%s: %d rows, %d records, %s%d changed, %d rejected\n",
			file, r.Rows, r.Records, would, r.Changed, r.Rejected)
		for _, t := range []struct {
			name string
			importer.Counts
		}{{"titles", r.Titles}, {"licenses", r.Licenses}, {"collections", r.Collections}, {"collection items", r.Items}} {
			if t.Counts != (importer.Counts{}) {
				_, more := fmt.Fprintf(w, "  %s: %d created, %d updated, %d deleted\n", t.name, t.Created, t.Updated, t.Deleted)
				err = errors.Join(err, more)
			}
		}
		if r.Vanished > 0 {
			_, more := fmt.Fprintf(w, "  of them %d because the source does not deliver them any more\n", r.Vanished)
			err = errors.Join(err, more)
		}
		return err
	})
}

// rejectedRows says where refused rows are.
func rejectedRows(count int64, path string) string {
	if count == 1 {
		return fmt.Sprintf("1 row was rejected; %s has it with line and reason", path)
	}
	return fmt.Sprintf("%d rows were rejected; %s has each with line and reason", count, path)
}

// toldRejects is how many refused rows a person is shown; the file has them all.
const toldRejects = 5

// importer returns an importer into an environment that remembers nothing.
func (c *cli) importer(e *environment, mapping, rejects string) (*importer.Importer, error) {
	config, err := c.importConfig(e, importFlags{mapping: mapping, rejects: rejects})
	if err != nil {
		return nil, err
	}
	return importer.New(config, importer.Deps{Catalog: e.catalog})
}

// importConfig turns flags into a configuration. It shows the first rows that
// are refused.
func (c *cli) importConfig(e *environment, flags importFlags) (importer.Config, error) {
	told := 0
	config := importer.Config{
		RejectsPath: flags.rejects, Source: flags.source, Complete: flags.complete, Shrink: flags.shrink, AllowShrink: flags.allowShrink,
		OnReject: func(r importer.Reject) {
			told++
			if told <= toldRejects {
				c.note("rejected %s", r)
			}
		},
	}
	if flags.source != "" {
		config.Actor = "import " + flags.source
	}
	var err error
	if flags.mapping != "" {
		if config.Mapping, err = importer.LoadMapping(flags.mapping); err != nil {
			return config, err
		}
	}
	switch flags.format {
	case "":
		if flags.zone != "" || flags.titles {
			err = ovenbird.Errorf(ovenbird.Invalid, "--zone and --titles are for --format avails")
		}
	case "avails":
		err = c.availsConfig(e, flags, &config)
	default:
		err = ovenbird.Errorf(ovenbird.Invalid, "--format %q: use avails, or leave it out for NDJSON, CSV and TSV", flags.format)
	}
	return config, err
}

// importFile imports one file and shows progress.
func (c *cli) importFile(ctx context.Context, imports *importer.Importer, file string) (importer.Report, error) {
	source, closer, err := importer.Open(file, c.stdin)
	if err != nil {
		return importer.Report{}, err
	}
	shown := c.newProgress("importing " + file)
	report, err := imports.Run(ctx, source, shown.importing)
	shown.end()
	return report, errors.Join(err, closer.Close())
}
