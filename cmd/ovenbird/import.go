package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

func (c *cli) importFiles() *cobra.Command {
	var mapping, rejects string
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Import records from NDJSON, or rows from CSV or TSV through a mapping",
		Long: "Import reads NDJSON, or CSV and TSV through a mapping file, compressed with gzip or not; - is standard input.\n" +
			"What is already in the catalog is left as it is. Bad rows go to the rejects file, the others in.",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // every write was committed
			return c.importAll(cmd.Context(), e, files, mapping, rejects)
		},
	}
	cmd.Flags().StringVar(&mapping, "mapping", "", "mapping file (YAML) for CSV and TSV")
	cmd.Flags().StringVar(&rejects, "rejects", "rejects.ndjson", "file for rows that are refused")
	return cmd
}

// importAll imports files. Where one can not be read on, the report says how far
// it came, and those after it are not begun.
func (c *cli) importAll(ctx context.Context, e *environment, files []string, mapping, rejects string) error {
	imports, err := c.importer(e, mapping, rejects)
	if err != nil {
		return err
	}
	var rejected int64
	for _, file := range files {
		report, failed := c.importFile(ctx, imports, file)
		rejected += report.Rejected
		if failed != nil && report.Rows == 0 {
			return failed
		}
		if err := errors.Join(failed, c.print(report, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s: %d rows, %d records, %d changed, %d rejected\n",
				file, report.Rows, report.Records, report.Changed, report.Rejected)
			return err
		})); err != nil {
			return err
		}
	}
	if rejected > 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "%s", rejectedRows(rejected, rejects))
	}
	return nil
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

// importer returns an importer into an environment. It shows the first rows that
// it refuses.
func (c *cli) importer(e *environment, mapping, rejects string) (*importer.Importer, error) {
	told := 0
	config := importer.Config{RejectsPath: rejects, OnReject: func(r importer.Reject) {
		told++
		if told <= toldRejects {
			c.note("rejected %s", r)
		}
	}}
	if mapping != "" {
		m, err := importer.LoadMapping(mapping)
		if err != nil {
			return nil, err
		}
		config.Mapping = m
	}
	return importer.New(config, importer.Deps{Catalog: e.catalog})
}

// importFile imports one file and shows progress.
func (c *cli) importFile(ctx context.Context, imports *importer.Importer, file string) (importer.Report, error) {
	source, closer, err := importer.Open(file, c.stdin)
	if err != nil {
		return importer.Report{}, err
	}
	shown := time.Now()
	report, err := imports.Run(ctx, source, func(r importer.Report) {
		if time.Since(shown) > time.Second {
			shown = time.Now()
			c.note("importing %s: %d rows%s, %d changed, %d rejected", file, r.Rows, share(r), r.Changed, r.Rejected)
		}
	})
	return report, errors.Join(err, closer.Close())
}

// share says how much of the file was read, where its size is known.
func share(r importer.Report) string {
	if r.Size <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%d%%)", 100*r.Read/r.Size)
}
