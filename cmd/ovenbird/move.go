package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/backup"
	"ovenbird/internal/bake"
	"ovenbird/internal/database"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/site"
)

func (c *cli) move() *cobra.Command {
	var to string
	var force bool
	cmd := &cobra.Command{
		Use:   "move --to URL",
		Short: "Move the environment's database to PostgreSQL, and prove that all of it came",
		Long: "Move copies everything to the PostgreSQL database of the URL, then compares the two: every table row by row, the\n" +
			"catalog, its export, and what a bake makes of it. The database that it leaves stays as it is. Stop `ovenbird up`\n" +
			"before; afterwards start it with the new database, as OVENBIRD_DATABASE of the environment or as --database.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return ovenbird.Errorf(ovenbird.Invalid, "say where to: --to postgres://USER@HOST:PORT/NAME")
			}
			if err := site.CheckDatabase(to); err != nil {
				return ovenbird.Errorf(ovenbird.Invalid, "--to: %w", err)
			}
			return c.alone(cmd.Context(), func(e *environment) error { return c.moveTo(cmd.Context(), e, to, force) })
		},
	}
	cmd.Flags().StringVar(&to, "to", "",
		"PostgreSQL database, postgres://USER@HOST:PORT/NAME, with the password in PGPASSWORD or ~/.pgpass")
	cmd.Flags().BoolVar(&force, "force", false, "replace everything in a database that has content")
	return cmd
}

func (c *cli) moveTo(ctx context.Context, e *environment, url string, force bool) (err error) {
	if url == e.url {
		return ovenbird.Errorf(ovenbird.Invalid, "--to is where the environment's database is already")
	}
	cfg, err := backupConfig()
	if err != nil {
		return err
	}
	there := *e
	there.url = url
	if there.database, err = database.Open(ctx, database.Config{URL: url}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, there.database.Close()) }()
	if err := there.openCatalog(ctx); err != nil { // which makes the tables that are not in a backup
		return err
	}
	dir, err := os.MkdirTemp(e.dir, "move-")
	if err != nil {
		return fmt.Errorf("make a folder for the copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "backup")
	m, err := backup.WriteFile(ctx, cfg, e.database, path)
	if err != nil {
		return err
	}
	if _, err := backup.Restore(ctx, cfg, there.database, path, force); err != nil {
		return err
	}
	if err := there.openCatalog(ctx); err != nil { // and so make the index of words
		return err
	}
	proof, err := compare(ctx, e, &there, cfg)
	if err != nil {
		return err
	}
	if proof.Sequence != m.Sequence {
		return ovenbird.Errorf(ovenbird.Conflict,
			"somebody wrote to %s during the move; stop that and move again, with --force", e.database.Name())
	}
	if err := there.recordMove(ctx, c.author(ctx), e.database.Name()); err != nil {
		return err
	}
	return c.print(proof, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "moved %s to %s\n  tables   %d rows, all alike\n  catalog  alike at change %d\n"+
			"  export   alike, sha256 %s\n  bake     alike, root %s\n",
			e.database.Name(), there.database.Name(), proof.Rows, proof.Sequence, proof.Export, proof.Root)
		c.note("now set OVENBIRD_DATABASE of the environment, or give --database, and start ovenbird up; %s stays as it is",
			e.database.Name())
		return err
	})
}

// recordMove records in the ledger of the database that is used from now on where
// it comes from. What was signed of the other one holds for it: it is the same.
func (e *environment) recordMove(ctx context.Context, by ledger.Author, from string) error {
	if err := e.openLedgerAs(ctx, by); err != nil {
		return err
	}
	return e.ledger.Add(ctx, ledger.Event{Action: "database.move", Target: e.database.Name(), Why: "moved from " + from})
}

// proof is what two databases have in common.
type proof struct {
	Sequence int64  `json:"sequence"`
	Rows     int64  `json:"rows"`
	Export   string `json:"export_sha256"`
	Root     string `json:"root"` // of a bake as of AsOf
	AsOf     string `json:"as_of"`
}

// compare holds two environments of one site against each other; a difference is an error.
func compare(ctx context.Context, a, b *environment, cfg backup.Config) (proof, error) {
	var tables [2]*backup.Manifest
	var snapshots [2]*ovenbird.Snapshot
	var proofs [2]proof
	asOf := time.Now().UTC().Truncate(time.Second)
	for i, e := range []*environment{a, b} {
		var err error
		if tables[i], err = backup.Survey(ctx, cfg, e.database); err != nil {
			return proof{}, err
		}
		if snapshots[i], err = e.catalog.Snapshot(ctx); err != nil {
			return proof{}, err
		}
		if proofs[i], err = prove(ctx, e, snapshots[i], asOf); err != nil {
			return proof{}, err
		}
		proofs[i].Sequence, proofs[i].Rows = tables[i].Sequence, tables[i].Rows()
	}
	different := tables[0].Differences(tables[1])
	if !reflect.DeepEqual(snapshots[0], snapshots[1]) {
		different = append(different, "the catalogs differ")
	}
	if proofs[0] != proofs[1] {
		different = append(different, fmt.Sprintf("%+v is not %+v", proofs[0], proofs[1]))
	}
	if different != nil {
		return proof{}, ovenbird.Errorf(ovenbird.Conflict,
			"the two databases do not hold the same; did somebody write meanwhile? %q", different)
	}
	return proofs[0], nil
}

// prove makes of a catalog what others make of it.
func prove(ctx context.Context, e *environment, snapshot *ovenbird.Snapshot, asOf time.Time) (proof, error) {
	export := sha256.New()
	err := e.catalog.Export(ctx, func(line []byte) error {
		_, err := export.Write(append(line, '\n'))
		return err
	})
	if err != nil {
		return proof{}, err
	}
	state, err := bake.Full(ctx, program(e.site), snapshot, asOf, hashing{})
	if err != nil {
		return proof{}, fmt.Errorf("bake to compare: %w", err)
	}
	root := state.Content.Tree.Root()
	return proof{Export: hex.EncodeToString(export.Sum(nil)), Root: hex.EncodeToString(root[:]), AsOf: asOf.Format(time.RFC3339)}, nil
}

// hashing takes objects of a bake that nobody will read.
type hashing struct{}

func (hashing) Add(body []byte) (release.Hash, error) { return release.HashOf(body), nil }
