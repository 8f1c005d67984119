package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
)

// ErrNewer is in the chain of what Migrate returns for tables that a newer
// version of the program has made.
var ErrNewer = errors.New("the database was made by a newer version of ovenbird; use that version or a newer one, or restore a backup")

// Migrate brings the tables of one feature up to date with the SQL files in
// migrations (goose's format: NNNNN_name.sql). Each feature counts its own
// versions, in the table <feature>_migrations. A database that is ahead of the
// files is left alone: ErrNewer. Several processes may do so at once: one does
// it, the others wait.
func (db *DB) Migrate(ctx context.Context, feature string, migrations fs.FS) error {
	return db.migrate(ctx, feature, migrations, goose.MaxVersion)
}

// MigrateTo is Migrate up to a version, for what was made when it was the newest.
func (db *DB) MigrateTo(ctx context.Context, feature string, migrations fs.FS, version int64) error {
	return db.migrate(ctx, feature, migrations, version)
}

func (db *DB) migrate(ctx context.Context, feature string, migrations fs.FS, version int64) error {
	store, err := goosedb.NewStore(db.backend.goose(), feature+"_migrations")
	if err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	provider, err := goose.NewProvider(goosedb.DialectCustom, db.write, migrations,
		goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	err = db.backend.alone(ctx, db.read, func() error {
		return db.insist(ctx, func() (bool, error) {
			err := up(ctx, provider, version)
			return db.backend.busy(err), err
		})
	})
	if err != nil {
		return fmt.Errorf("migrate %s in %s: %w", feature, db.Name(), err)
	}
	return nil
}

func up(ctx context.Context, provider *goose.Provider, version int64) error {
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version: %w", err)
	}
	if current > target {
		return fmt.Errorf("it has version %d, this program knows %d: %w", current, target, ErrNewer)
	}
	if _, err := provider.UpTo(ctx, version); err != nil {
		return fmt.Errorf("to version %d: %w", min(target, version), err)
	}
	return nil
}
