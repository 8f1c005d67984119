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
// files is left alone: ErrNewer.
func (db *DB) Migrate(ctx context.Context, feature string, migrations fs.FS) error {
	store, err := goosedb.NewStore(goosedb.DialectSQLite3, feature+"_migrations")
	if err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	provider, err := goose.NewProvider(goosedb.DialectCustom, db.write, migrations,
		goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: read the version of %s: %w", feature, db.path, err)
	}
	if current > target {
		return fmt.Errorf("migrate %s: %s has version %d, this program knows %d: %w", feature, db.path, current, target, ErrNewer)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s to version %d: %w", feature, target, err)
	}
	return nil
}
