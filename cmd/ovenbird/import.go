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
			var rejected int64
			for _, file := range files {
				report, err := c.importFile(cmd.Context(), e, file, mapping, rejects)
				if err != nil {
					return err
				}
				rejected += report.Rejected
				if err := c.print(report, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s: %d rows, %d records, %d changed, %d rejected\n",
						file, report.Rows, report.Records, report.Changed, report.Rejected)
					return err
				}); err != nil {
					return err
				}
			}
			if rejected > 0 {
				return ovenbird.Errorf(ovenbird.Invalid, "%d rows were rejected; %s has each with line and reason", rejected, rejects)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&mapping, "mapping", "", "mapping file (YAML) for CSV and TSV")
	cmd.Flags().StringVar(&rejects, "rejects", "rejects.ndjson", "file for rows that are refused")
	return cmd
}

// importFile imports one file and shows progress.
func (c *cli) importFile(ctx context.Context, e *environment, file, mapping, rejects string) (importer.Report, error) {
	config := importer.Config{RejectsPath: rejects}
	if mapping != "" {
		m, err := importer.LoadMapping(mapping)
		if err != nil {
			return importer.Report{}, err
		}
		config.Mapping = m
	}
	source, closer, err := importer.Open(file, c.stdin)
	if err != nil {
		return importer.Report{}, err
	}
	imports, err := importer.New(config, importer.Deps{Catalog: e.catalog})
	if err != nil {
		return importer.Report{}, errors.Join(err, closer.Close())
	}
	var shown time.Time
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
