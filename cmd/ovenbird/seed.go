package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"ovenbird/internal/site"
)

// seeds are the site's catalog files on their way into an environment.
type seeds struct {
	cli    *cli
	e      *environment
	seeded seeded
	done   map[string]string // what seeded has
}

func newSeeds(c *cli, e *environment) *seeds {
	return &seeds{cli: c, e: e, seeded: seeded{db: e.database, before: filepath.Join(e.dir, "seeded.json")}}
}

// importAll imports the files that were not imported into this environment as
// they are now. A file that did not change is left alone, so that edits made
// since stay. Rows that are refused stop nothing: what is right is served, and
// each start points to what is not, until the file is mended.
func (s *seeds) importAll(ctx context.Context) (err error) {
	if s.done, err = s.seeded.load(ctx); err != nil {
		return err
	}
	for _, file := range s.e.site.Content.Catalog {
		if err := s.file(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// file imports one file if it is new or has changed.
func (s *seeds) file(ctx context.Context, file site.CatalogFile) error {
	body, err := os.ReadFile(file.File)
	if err != nil {
		return fmt.Errorf("read the catalog file: %w", err)
	}
	// The name within the site: the same however --site is written.
	name, err := filepath.Rel(s.e.site.Dir, file.File)
	if err != nil {
		return fmt.Errorf("name the catalog file: %w", err)
	}
	name = filepath.ToSlash(name)
	rejects := filepath.Join(s.e.dir, "rejects", name+".ndjson")
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if s.done[name] == hash {
		if _, err := os.Stat(rejects); err == nil {
			s.cli.note("%s is served without the rows that were rejected; %s has each with line and reason", file.File, rejects)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(rejects), 0o750); err != nil {
		return fmt.Errorf("make the folder for rejects: %w", err)
	}
	imports, err := s.cli.importer(s.e, file.Mapping, rejects)
	if err != nil {
		return err
	}
	report, err := s.cli.importFile(ctx, imports, file.File)
	if err != nil {
		return err
	}
	s.cli.note("imported %s: %d records, %d changed, %d rejected", file.File, report.Records, report.Changed, report.Rejected)
	if report.Rejected > 0 {
		s.cli.note("%s: %s; the rest is served. Mend the file and start again", file.File, rejectedRows(report.Rejected, rejects))
	}
	// After each file: should the next fail, this one is not imported over edits
	// made until then.
	return s.seeded.save(ctx, name, hash)
}
