package webhook

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ovenbird/internal/database"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says what may be called.
type Config struct {
	// Private allows addresses in the own network, and plain HTTP: for development.
	Private bool
	// Ledger records what becomes of subscriptions; nil records nothing.
	Ledger *ledger.Store
}

// Store is the subscriptions and their outboxes in a database. Any number of
// goroutines and processes may use it.
type Store struct {
	cfg  Config
	db   *database.DB
	now  func() time.Time
	wake chan struct{} // holds one when there may be something to deliver
}

// New brings the tables of webhooks up to date and returns the subscriptions in
// them. now is the clock; nil means time.Now.
func New(ctx context.Context, cfg Config, db *database.DB, now func() time.Time) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the webhooks: %w", err)
	}
	if err := db.Migrate(ctx, "webhook", files); err != nil {
		return nil, fmt.Errorf("open the webhooks: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	return &Store{cfg: cfg, db: db, now: now, wake: make(chan struct{}, 1)}, nil
}

// notify says that there may be something to deliver.
func (s *Store) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // it is said already
	}
}

func notThere(id string) error {
	return ovenbird.Errorf(ovenbird.NotFound, "there is no webhook %q", id)
}

// Create makes a subscription, and returns it with its secret, which is not shown
// again.
func (s *Store) Create(ctx context.Context, by string, draw Draw) (made *Subscription, secret string, err error) {
	if draw.URL == nil || len(draw.Events) == 0 {
		return nil, "", ovenbird.Errorf(ovenbird.Invalid, "a webhook needs a URL and at least one event")
	}
	if err := draw.check(s.cfg.Private); err != nil {
		return nil, "", err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	made = &Subscription{
		ID: strings.ToLower(rand.Text()[:12]), URL: *draw.URL, Events: draw.Events, Active: draw.Active == nil || *draw.Active,
		CreatedAt: now, CreatedBy: by, NextAt: now, secret: newSecret(),
	}
	events, err := json.Marshal(made.Events)
	if err != nil {
		return nil, "", err
	}
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		const insert = `INSERT INTO webhook_subscriptions (id, url, events, secret, active, why, created_at, created_by, attempts, next_at,
			leased_by, leased_until) VALUES ($1, $2, $3, $4, $5, '', $6, $7, 0, $6, '', '')`
		_, err := tx.ExecContext(ctx, insert, made.ID, made.URL, string(events), made.secret, number(made.Active), stamp(now), by)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, "webhook.create", ledger.Author{Name: by}, nil, made)
	})
	if err != nil {
		return nil, "", fmt.Errorf("create a webhook: %w", err)
	}
	return made, made.secret, nil
}

// Update changes a subscription. To make one active again begins anew with what
// it has not got yet.
func (s *Store) Update(ctx context.Context, id string, draw Draw) (changed *Subscription, err error) {
	if err := draw.check(s.cfg.Private); err != nil {
		return nil, err
	}
	err = s.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		if changed, err = readSubscription(ctx, tx, id); err != nil {
			return err
		}
		before := *changed
		if draw.URL != nil {
			changed.URL = *draw.URL
		}
		if draw.Events != nil {
			changed.Events = draw.Events
		}
		if draw.Active != nil && *draw.Active != changed.Active {
			changed.Active, changed.Why, changed.Attempts = *draw.Active, "", 0
			changed.NextAt = s.now().UTC().Truncate(time.Millisecond)
		}
		events, err := json.Marshal(changed.Events)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE webhook_subscriptions SET url = $2, events = $3, active = $4, why = $5, attempts = $6,
			next_at = $7 WHERE id = $1`,
			id, changed.URL, string(events), number(changed.Active), changed.Why, changed.Attempts, stamp(changed.NextAt))
		if err != nil {
			return err
		}
		return s.record(ctx, tx, "webhook.update", ledger.Author{}, &before, changed)
	})
	if err != nil {
		return nil, fmt.Errorf("change webhook %s: %w", id, err)
	}
	s.notify()
	return changed, nil
}

// Delete removes a subscription and what it has not got yet.
func (s *Store) Delete(ctx context.Context, id string) error {
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		there, err := readSubscription(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.record(ctx, tx, "webhook.delete", ledger.Author{}, there, nil); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM webhook_deliveries WHERE subscription = $1`, id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM webhook_subscriptions WHERE id = $1`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete webhook %s: %w", id, err)
	}
	return nil
}

// Get returns a subscription.
func (s *Store) Get(ctx context.Context, id string) (found *Subscription, err error) {
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		found, err = readSubscription(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read webhook %s: %w", id, err)
	}
	return found, nil
}

// List returns all subscriptions, oldest first.
func (s *Store) List(ctx context.Context) (list []*Subscription, err error) {
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		list, err = subscriptions(ctx, tx, ` ORDER BY created_at, id`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the webhooks: %w", err)
	}
	return list, nil
}

// Test sends a subscriber an event that means nothing.
func (s *Store) Test(ctx context.Context, id string) error {
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		to, err := readSubscription(ctx, tx, id)
		if err != nil {
			return err
		}
		if !to.Active {
			return ovenbird.Errorf(ovenbird.Conflict, "webhook %s is not active: make it active first", id)
		}
		return s.enqueue(ctx, tx, Test, struct{}{}, to)
	})
	if err != nil {
		return fmt.Errorf("test webhook %s: %w", id, err)
	}
	s.notify()
	return nil
}

// Deliveries returns up to limit deliveries of a subscription with a number below
// before, which is 0 for the newest.
func (s *Store) Deliveries(ctx context.Context, id string, before int64, limit int) (list []Delivery, err error) {
	if before == 0 {
		before = 1 << 62
	}
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		list = nil
		if _, err := readSubscription(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, selectDeliveries+` AND number < $2 ORDER BY number DESC LIMIT $3`, id, before, limit)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err, below, has what matters
		for rows.Next() {
			d, err := scanDelivery(rows)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list the deliveries of webhook %s: %w", id, err)
	}
	return list, nil
}

// Add puts an event into the outbox of each active subscription to its type, in a
// transaction of what it tells of: both are committed, or neither. data is small,
// and becomes JSON.
func (s *Store) Add(ctx context.Context, tx *sql.Tx, t Type, data any) error {
	all, err := subscriptions(ctx, tx, ` WHERE active = 1 ORDER BY id`)
	if err != nil {
		return fmt.Errorf("tell of %s: %w", t, err)
	}
	to := slices.DeleteFunc(all, func(s *Subscription) bool { return !slices.Contains(s.Events, t) })
	if err := s.enqueue(ctx, tx, t, data, to...); err != nil {
		return fmt.Errorf("tell of %s: %w", t, err)
	}
	s.notify() // a little early; the service looks again within a second
	return nil
}

// message is the body of an event.
type message struct {
	Type      Type      `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

func (s *Store) enqueue(ctx context.Context, tx *sql.Tx, t Type, data any, to ...*Subscription) error {
	at := s.now().UTC().Truncate(time.Millisecond)
	body, err := json.Marshal(message{t, at, data})
	if err != nil {
		return err
	}
	id := "msg_" + rand.Text()
	for _, subscription := range to {
		// Writers take turns, so two never get the same number.
		_, err := tx.ExecContext(ctx, `INSERT INTO webhook_deliveries
			(subscription, number, id, type, at, body, state, attempts, tried_at, status, error)
			SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, 'pending', 0, '', 0, ''
			FROM webhook_deliveries WHERE subscription = $1`,
			subscription.ID, id, string(t), stamp(at), string(body))
		if err != nil {
			return err
		}
	}
	return nil
}

const selectSubscriptions = `SELECT id, url, events, secret, active, why, created_at, created_by, attempts, next_at
	FROM webhook_subscriptions`

func readSubscription(ctx context.Context, tx *sql.Tx, id string) (*Subscription, error) {
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return nil, notThere(id)
	}
	found, err := scanSubscription(tx.QueryRowContext(ctx, selectSubscriptions+` WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notThere(id)
	}
	return found, err
}

func subscriptions(ctx context.Context, tx *sql.Tx, rest string, args ...any) (list []*Subscription, err error) {
	rows, err := tx.QueryContext(ctx, selectSubscriptions+rest, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		s, err := scanSubscription(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

func scanSubscription(row interface{ Scan(dest ...any) error }) (*Subscription, error) {
	s := new(Subscription)
	var events, created, next string
	var active int
	if err := row.Scan(&s.ID, &s.URL, &events, &s.secret, &active, &s.Why, &created, &s.CreatedBy, &s.Attempts, &next); err != nil {
		return nil, err
	}
	s.Active = active == 1
	if err := json.Unmarshal([]byte(events), &s.Events); err != nil {
		return nil, err
	}
	var err error
	if s.CreatedAt, err = time.Parse(stampForm, created); err != nil {
		return nil, err
	}
	s.NextAt, err = time.Parse(stampForm, next)
	return s, err
}

const selectDeliveries = `SELECT number, id, type, at, state, attempts, tried_at, status, error, body FROM webhook_deliveries
	WHERE subscription = $1`

func scanDelivery(row interface{ Scan(dest ...any) error }) (d Delivery, err error) {
	var at, state, tried string
	if err := row.Scan(&d.Number, &d.ID, &d.Type, &at, &state, &d.Attempts, &tried, &d.Status, &d.Error, &d.body); err != nil {
		return d, err
	}
	d.Delivered = state == "delivered"
	if tried != "" {
		if d.TriedAt, err = time.Parse(stampForm, tried); err != nil {
			return d, err
		}
	}
	d.At, err = time.Parse(stampForm, at)
	return d, err
}

// stampForm is RFC 3339 with milliseconds, always three of them: text in it sorts
// like the instants.
const stampForm = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(stampForm) }

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
