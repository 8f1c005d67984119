package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

func (c *cli) export() *cobra.Command {
	var output string
	var types []string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the catalog as the NDJSON that import reads",
		Long: "Export writes every title, license and collection, published or not, as of one moment: one record a line, in an\n" +
			"order and form that depend on the catalog alone. Importing it into an empty environment makes the same catalog.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			wanted, err := exportTypes(types)
			if err != nil {
				return err
			}
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.close()) }()
			if output == "" || output == "-" {
				return c.exportTo(cmd.Context(), e, c.stdout, wanted)
			}
			return c.exportFile(cmd.Context(), e, output, wanted)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write when all is there, compressed where its name ends in .gz")
	cmd.Flags().StringSliceVar(&types, "type", nil, "only records of these types: title, license, collection")
	return cmd
}

func exportTypes(names []string) ([]catalog.RecordType, error) {
	var types []catalog.RecordType
	known := []catalog.RecordType{catalog.TypeTitle, catalog.TypeLicense, catalog.TypeCollection}
	for _, name := range names {
		if !slices.Contains(known, catalog.RecordType(name)) {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "--type %q: use title, license or collection, which has its items with it", name)
		}
		types = append(types, catalog.RecordType(name))
	}
	return types, nil
}

// exportFile writes beside the file and renames at the end: what is there is
// the old file or the new one, never half of it.
func (c *cli) exportFile(ctx context.Context, e *environment, path string, types []catalog.RecordType) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("make the file to export to: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := c.exportCompressed(ctx, e, file, strings.HasSuffix(path, ".gz"), types); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}

func (c *cli) exportCompressed(ctx context.Context, e *environment, w io.Writer, zip bool, types []catalog.RecordType) error {
	if !zip {
		return c.exportTo(ctx, e, w, types)
	}
	zipped := gzip.NewWriter(w)
	if err := c.exportTo(ctx, e, zipped, types); err != nil {
		return err
	}
	return zipped.Close()
}

// exportTo writes the records, and how it goes where it takes long.
func (c *cli) exportTo(ctx context.Context, e *environment, w io.Writer, types []catalog.RecordType) error {
	out := bufio.NewWriterSize(w, 64<<10)
	records, start := 0, time.Now()
	shown := start
	err := e.catalog.Export(ctx, func(line []byte) error {
		records++
		if now := time.Now(); records%1000 == 0 && now.Sub(shown) > 2*time.Second {
			shown = now
			c.note("exporting: %d records, %.0f a second", records, float64(records)/now.Sub(start).Seconds())
		}
		_, err := out.Write(append(line, '\n'))
		return err
	}, types...)
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	c.note("exported %d records", records)
	return nil
}
