package catalog

import (
	"context"
	"database/sql"
	"io/fs"
)

// Migrations returns the files that make the catalog's tables, for who backs them up.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }

// SequenceIn returns the number of the last change, as a transaction sees it.
func SequenceIn(ctx context.Context, tx *sql.Tx) (n int64, err error) {
	err = tx.QueryRowContext(ctx, lastNumber).Scan(&n)
	return n, err
}

// Restored is to be called in the transaction that has replaced the rows of the
// catalog's tables: what is derived from them is made again when it is next asked.
func Restored(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, indexIsAt, 0, 0)
	return err
}
