package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ovenbird/internal/database"
	"ovenbird/internal/importer"
)

// importDry imports files into a copy of the catalog, and says what that did.
// Everything is as it would be, guards and references included, but the catalog
// is not touched and nobody who writes to it is held up.
func (c *cli) importDry(ctx context.Context, e *environment, files []string, flags importFlags) (err error) {
	dir, err := os.MkdirTemp(e.dir, "dry-run-*")
	if err != nil {
		return fmt.Errorf("make a folder for the trial: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := database.Open(ctx, database.Config{Path: filepath.Join(dir, "catalog.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ledger, err := importer.OpenLedger(ctx, e.database)
	if err != nil {
		return err
	}
	trial := *e
	if trial.catalog, err = e.catalog.Trial(ctx, db); err != nil {
		return err
	}
	if ledger, err = ledger.Trial(ctx, db); err != nil {
		return err
	}
	config, err := c.importConfig(&trial, flags)
	if err != nil {
		return err
	}
	imports, err := importer.New(config, importer.Deps{Catalog: trial.catalog, Ledger: ledger})
	if err != nil {
		return err
	}
	before, err := trial.catalog.Sequence(ctx)
	if err != nil {
		return err
	}
	failed := c.importInto(ctx, imports, files, flags)
	if c.json {
		failed = errors.Join(failed, c.printChanges(ctx, &trial, before))
	}
	return failed
}

// printChanges prints the feed after a change, one entry a line.
func (c *cli) printChanges(ctx context.Context, e *environment, after int64) error {
	for {
		list, err := e.catalog.Changes(ctx, after, 1000)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			if err := c.line(list[i]); err != nil {
				return err
			}
		}
		after = list[len(list)-1].Sequence
	}
}

// line prints data as JSON on one line.
func (c *cli) line(data any) error {
	encoder := json.NewEncoder(c.stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(data)
}
