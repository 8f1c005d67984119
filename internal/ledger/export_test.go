package ledger

import (
	"context"
	"database/sql"

	"ovenbird/internal/bucket"
)

// Remake gives the records from a number on new hashes, and the head with them.
func Remake(ctx context.Context, tx *sql.Tx, from int64) error {
	var list []row
	err := eachRow(ctx, tx, 0, func(r *row) error { list = append(list, *r); return nil })
	if err != nil {
		return err
	}
	for i := range list {
		r := &list[i]
		if r.sequence < from {
			continue
		}
		if i > 0 {
			r.previous = list[i-1].hash
		}
		r.hash = text(r.digest())
		_, err := tx.ExecContext(ctx, `UPDATE ledger_records SET previous = $1, hash = $2 WHERE sequence = $3`, r.previous, r.hash, r.sequence)
		if err != nil {
			return err
		}
	}
	last := list[len(list)-1]
	_, err = tx.ExecContext(ctx, `UPDATE ledger_head SET hash = $1`, last.hash)
	return err
}

// VerifyIn is Verify of what a transaction sees.
func VerifyIn(ctx context.Context, cfg VerifyConfig, store *Store, objects *bucket.Bucket, tx *sql.Tx) (*Report, error) {
	v := newVerification(cfg, store)
	if err := v.readNotes(ctx, objects); err != nil {
		return nil, err
	}
	return v.report, v.run(ctx, tx)
}
