package draft

import (
	"context"
	"database/sql"
	"fmt"

	"ovenbird/internal/metric"
)

var draftsFamily = metric.Family{
	Name: "ovenbird_drafts", Kind: metric.Gauge, Labels: []string{"state"},
	Help: "Drafts that wait: open, scheduled, or failed when they were due.",
}

// Report tells how many drafts wait.
func (s *Store) Report(ctx context.Context, to metric.Sink) error {
	counts := map[State]int{Open: 0, Scheduled: 0, Failed: 0}
	err := s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		for state := range counts {
			var n int
			if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM drafts WHERE state = $1`, string(state)).Scan(&n); err != nil {
				return err
			}
			counts[state] = n
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count the drafts: %w", err)
	}
	for state, n := range counts {
		to.Value(draftsFamily, float64(n), string(state))
	}
	return nil
}
