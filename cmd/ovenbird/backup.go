package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/admin"
	"ovenbird/internal/backup"
	"ovenbird/internal/catalog"
	"ovenbird/internal/draft"
	"ovenbird/internal/engine"
	"ovenbird/internal/importer"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/source"
	"ovenbird/internal/webhook"
)

func (c *cli) backup() *cobra.Command {
	var verify bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write everything in the environment's database to one file",
		Long: "Backup writes the catalog with its feed of changes, drafts, the ledger of imports, sources, webhooks,\n" +
			"tokens and the audit, as of one moment, while others write. The file appears when it is complete, and replaces\n" +
			"one that is there.\n" +
			"It holds secrets of webhooks: keep it to yourself. Releases and the engine's state are not in it: a bake makes them\n" +
			"again.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) (err error) {
			if verify {
				m, err := backup.Verify(list[0])
				if err != nil {
					return err
				}
				return c.tellBackup(m)
			}
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.close()) }()
			return c.backUp(cmd.Context(), e, list[0])
		},
	}
	cmd.Flags().BoolVar(&verify, "verify", false, "check that FILE is a whole backup, and say what it holds")
	return cmd
}

func (c *cli) backUp(ctx context.Context, e *environment, path string) error {
	cfg, err := backupConfig()
	if err != nil {
		return err
	}
	start := time.Now()
	m, err := backup.WriteFile(ctx, cfg, e.database, path)
	if err != nil {
		return err
	}
	took := time.Since(start)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	c.note("backed up %s to %s: %.1f MB in %s", e.database.Name(), path, float64(info.Size())/1e6, took.Round(time.Millisecond))
	return c.tellBackup(m)
}

// tellBackup says what a backup or a database holds.
func (c *cli) tellBackup(m *backup.Manifest) error {
	return c.print(m, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "change %d, %s, %d rows\n", m.Sequence, m.Made.Format(time.RFC3339), m.Rows())
		for i := range m.Tables {
			t := &m.Tables[i]
			_, failed := fmt.Fprintf(w, "  %-20s %9d  %.16s\n", t.Name, t.Rows, t.Hash)
			err = errors.Join(err, failed)
		}
		return err
	})
}

// backupConfig says what of a database is in a backup: all but the index of
// words, which is made again, and what edges report, which is of the moment.
func backupConfig() (backup.Config, error) {
	cfg := backup.Config{Program: "ovenbird " + programVersion(), Sequence: catalog.SequenceIn, Derived: catalog.Restored}
	for _, feature := range []struct {
		name  string
		files func() (fs.FS, error)
	}{
		{"catalog", catalog.Migrations},
		{"importer", importer.Migrations},
		{"source", source.Migrations},
		{"admin", admin.Migrations},
		{"draft", draft.Migrations},
		{"ledger", ledger.Migrations},
		{"webhook", webhook.Migrations},
		{"site", func() (fs.FS, error) { return fs.Sub(migrations, "migrations") }},
	} {
		files, err := feature.files()
		if err != nil {
			return backup.Config{}, err
		}
		cfg.Features = append(cfg.Features, backup.Feature{Name: feature.name, Migrations: files})
	}
	return cfg, nil
}

func (c *cli) restore() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the environment's database hold what a backup does",
		Long: "Restore checks the whole file, then puts its rows in the place of those that are there, all or none. A database with\n" +
			"content is left alone without --force. Stop `ovenbird up` before, on all machines; the first bake afterwards makes\n" +
			"everything. The audit says that it was restored, and what of it was given up.\n" +
			"A backup of SQLite restores to PostgreSQL, and the other way round.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if _, err := backup.Verify(list[0]); err != nil { // before anything is made
				return err
			}
			return c.alone(cmd.Context(), func(e *environment) error { return c.restoreTo(cmd.Context(), e, list[0], force) })
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace everything in a database that has content")
	return cmd
}

func (c *cli) restoreTo(ctx context.Context, e *environment, path string, force bool) error {
	cfg, err := backupConfig()
	if err != nil {
		return err
	}
	if err := e.openBucket(ctx, cmp.Or(c.bucket, e.settings.Bucket)); err != nil {
		return err
	}
	var m *backup.Manifest
	err = c.restoring(ctx, e, "restored from "+filepath.Base(path), func() (err error) {
		m, err = backup.Restore(ctx, cfg, e.database, path, force)
		return err
	})
	if err != nil {
		return err
	}
	if err := e.openCatalog(ctx); err != nil { // and so make the index of words
		return err
	}
	c.note("restored %s to %s", path, e.database.Name())
	return c.tellBackup(m)
}

// alone runs fn with the environment while no other process runs its engine.
func (c *cli) alone(ctx context.Context, fn func(*environment) error) (err error) {
	e, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	unlock, err := e.lock()
	if errors.Is(err, engine.ErrRunning) {
		return ovenbird.Errorf(ovenbird.Conflict, "stop ovenbird up before: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return fn(e)
}

// programVersion is that of the module, as the build knows it.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}
