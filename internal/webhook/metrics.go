package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ovenbird/internal/metric"
)

var (
	pendingFamily = metric.Family{
		Name: "ovenbird_webhooks_pending", Kind: metric.Gauge,
		Help: "Messages in the outbox that their subscribers have not taken yet.",
	}
	oldestFamily = metric.Family{
		Name: "ovenbird_webhooks_oldest_pending_seconds", Kind: metric.Gauge,
		Help: "Age of the oldest message that its subscriber has not taken yet; 0 where there is none.",
	}
	subscriptionsFamily = metric.Family{
		Name: "ovenbird_webhook_subscriptions", Kind: metric.Gauge, Labels: []string{"state"},
		Help: "Subscriptions, by whether they are active or disabled.",
	}
)

// Report tells how much waits in the outbox, and for how long.
func (s *Store) Report(ctx context.Context, to metric.Sink) error {
	const (
		pending       = `SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`
		oldest        = `SELECT MIN(at) FROM webhook_deliveries WHERE state = 'pending'`
		subscriptions = `SELECT COUNT(*), COALESCE(SUM(active), 0) FROM webhook_subscriptions`
	)
	var waiting, all, active int
	var since sql.NullString
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		return errors.Join(
			tx.QueryRowContext(ctx, pending).Scan(&waiting), tx.QueryRowContext(ctx, oldest).Scan(&since),
			tx.QueryRowContext(ctx, subscriptions).Scan(&all, &active))
	})
	if err != nil {
		return fmt.Errorf("count what waits in the outbox: %w", err)
	}
	age := 0.0
	if since.Valid {
		at, err := time.Parse(time.RFC3339, since.String)
		if err != nil {
			return fmt.Errorf("count what waits in the outbox: %w", err)
		}
		age = s.now().Sub(at).Seconds()
	}
	to.Value(pendingFamily, float64(waiting))
	to.Value(oldestFamily, max(0, age))
	to.Value(subscriptionsFamily, float64(active), "active")
	to.Value(subscriptionsFamily, float64(all-active), "disabled")
	return nil
}
