package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
)

// retries is how long after each failed attempt the next one comes: the last
// comes about a day after the first.
var retries = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 8 * time.Hour, 8 * time.Hour,
}

// delay is how long to wait after so many failed attempts, from 1; ok is false
// where there is no other. Those that failed together do not come back together.
func delay(attempts int) (d time.Duration, ok bool) {
	if attempts > len(retries) {
		return 0, false
	}
	d = retries[attempts-1]
	return d + rand.N(d/5), true //nolint:gosec // nobody gains by guessing it
}

// lane is the right to deliver to one subscription, until a lease ends.
type lane struct {
	store  *Store
	holder string // the process
	lease  time.Duration
	id     string // of the subscription
}

// claim takes a subscription that has something to deliver, and nobody to do it;
// nil where there is none.
func (s *Store) claim(ctx context.Context, holder string, lease time.Duration) (*lane, error) {
	waiting := func(tx *sql.Tx) ([]*Subscription, error) {
		return subscriptions(ctx, tx, ` AS s WHERE active = 1 AND next_at <= $1 AND leased_until <= $1 AND EXISTS
			(SELECT 1 FROM webhook_deliveries AS d WHERE d.subscription = s.id AND d.state = 'pending') ORDER BY next_at, id LIMIT 1`,
			stamp(s.now()))
	}
	var found []*Subscription
	// Mostly there is none, and nobody has to wait for a look.
	err := s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		found, err = waiting(tx)
		return err
	})
	if err == nil && len(found) > 0 {
		err = s.db.Tx(ctx, func(tx *sql.Tx) (err error) {
			if found, err = waiting(tx); err != nil || len(found) == 0 {
				return err
			}
			_, err = tx.ExecContext(ctx, `UPDATE webhook_subscriptions SET leased_by = $2, leased_until = $3 WHERE id = $1`,
				found[0].ID, holder, stamp(s.now().Add(lease)))
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("look for webhooks to deliver: %w", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &lane{s, holder, lease, found[0].ID}, nil
}

// errNotOurs says that somebody else may deliver now, or nobody.
var errNotOurs = errors.New("the lease is over")

// renew begins the lease anew where it is still ours.
func (l *lane) renew(ctx context.Context, tx *sql.Tx) error {
	result, err := tx.ExecContext(ctx, `UPDATE webhook_subscriptions SET leased_until = $3 WHERE id = $1 AND leased_by = $2`,
		l.id, l.holder, stamp(l.store.now().Add(l.lease)))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errNotOurs, err)
	}
	return nil
}

// next returns what is to be delivered next; nil where there is nothing.
func (l *lane) next(ctx context.Context) (to *Subscription, d *Delivery, err error) {
	err = l.store.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		if err := l.renew(ctx, tx); err != nil {
			return err
		}
		if to, err = readSubscription(ctx, tx, l.id); err != nil {
			return err
		}
		found, err := scanDelivery(tx.QueryRowContext(ctx, selectDeliveries+` AND state = 'pending' ORDER BY number LIMIT 1`, l.id))
		d = &found
		if errors.Is(err, sql.ErrNoRows) || !to.Active {
			d, err = nil, nil
		}
		return err
	})
	return to, d, err
}

// settle notes what became of an attempt, and reports whether to go on with the
// next delivery: not before this one has arrived.
func (l *lane) settle(ctx context.Context, to *Subscription, d *Delivery, got outcome) (on bool, err error) {
	err = l.store.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := l.renew(ctx, tx); err != nil {
			return err
		}
		now := l.store.now()
		state := "delivered"
		if on = got.err == ""; !on {
			state = "pending"
		}
		_, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1, tried_at = $4, status = $5,
			error = $6
			WHERE subscription = $1 AND number = $2`, l.id, d.Number, state, stamp(now), got.status, got.err)
		if err != nil {
			return err
		}
		attempts, next, active, why := 0, now, true, ""
		if !on {
			attempts = to.Attempts + 1
			next, active, why = verdict(attempts, got, now)
		}
		_, err = tx.ExecContext(ctx, `UPDATE webhook_subscriptions SET attempts = $2, next_at = $3, active = $4, why = $5 WHERE id = $1`,
			l.id, attempts, stamp(next), number(active), why)
		if err != nil || active {
			return err
		}
		disabled := *to
		disabled.Active, disabled.Why = false, why
		return l.store.record(ctx, tx, "webhook.disable", ledger.Author{}, to, &disabled)
	})
	return on, err
}

// verdict says how it goes on after a failed attempt.
func verdict(attempts int, got outcome, now time.Time) (next time.Time, active bool, why string) {
	if got.status == http.StatusGone {
		return now, false, "it answered 410: it is gone, and wants nothing more"
	}
	wait, ok := delay(attempts)
	if !ok {
		return now, false, fmt.Sprintf("%d attempts to deliver failed, over about a day; the last: %s", attempts, got.err)
	}
	return now.Add(wait), true, ""
}

// release gives the lease back.
func (l *lane) release(ctx context.Context) error {
	return l.store.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE webhook_subscriptions SET leased_by = '', leased_until = '' WHERE id = $1 AND leased_by = $2`,
			l.id, l.holder)
		return err
	})
}

// drain delivers in order until there is nothing more or something fails.
func (l *lane) drain(ctx context.Context, c *caller) (err error) {
	defer func() {
		// Even where the process stops: another takes over at once.
		err = errors.Join(err, l.release(context.WithoutCancel(ctx)))
	}()
	for {
		to, d, err := l.next(ctx)
		if errors.Is(err, errNotOurs) || ovenbird.CodeOf(err) == ovenbird.NotFound || err == nil && d == nil {
			return nil
		}
		if err != nil {
			return err
		}
		got := c.call(ctx, to, d)
		if ctx.Err() != nil && got.err != "" {
			return nil // it is this process that ended the call, not the subscriber
		}
		// What has arrived is noted even where the process stops.
		on, err := l.settle(context.WithoutCancel(ctx), to, d, got)
		if errors.Is(err, errNotOurs) || err == nil && !on {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
