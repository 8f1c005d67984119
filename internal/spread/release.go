package spread

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Release is how far a release has spread.
type Release struct {
	// Steps is how long it took to make and to publish it; nil where that is not
	// known, or not any more.
	Steps *Steps `json:"steps,omitempty"`
	// Edges are all that there are.
	Edges []Edge `json:"edges"`
	// Times is how it came to edges, those gone since among them.
	Times []Time `json:"times"`
}

// Time is how a release came to an edge.
type Time struct {
	Edge string `json:"edge"`
	// Notify is how long after the release was published the edge knew of it; nil
	// where that can not be told. Clocks are compared by the edge's report, so the
	// time that this was on its way is in it.
	Notify *time.Duration `json:"notify_ns,omitempty"`
	Fetch  time.Duration  `json:"fetch_ns"`
	Swap   time.Duration  `json:"swap_ns"`
}

// Notified returns Notify, and whether it is known.
func (t *Time) Notified() (took time.Duration, known bool) {
	if t.Notify == nil {
		return 0, false
	}
	return *t.Notify, true
}

// Total returns how long after it was published the edge served the release, and
// whether that is known.
func (t *Time) Total() (took time.Duration, known bool) {
	notify, known := t.Notified()
	return notify + t.Fetch + t.Swap, known
}

// Release returns how far a release has spread. One of which nothing is known is
// no error.
func (s *Store) Release(ctx context.Context, id string) (found Release, err error) {
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		if found.Steps, err = readSteps(ctx, tx, id); err != nil {
			return err
		}
		if found.Edges, err = s.edges(ctx, tx); err != nil {
			return err
		}
		found.Times, err = times(ctx, tx, id, found.Steps)
		return err
	})
	if err != nil {
		return Release{}, fmt.Errorf("look up how far release %s has spread: %w", id, err)
	}
	return found, nil
}

func readSteps(ctx context.Context, tx *sql.Tx, id string) (*Steps, error) {
	var steps Steps
	var published string
	err := tx.QueryRowContext(ctx, `SELECT published_at, render_ns, write_ns, publish_ns FROM spread_releases WHERE release = $1`, id).
		Scan(&published, &steps.Render, &steps.Write, &steps.Publish)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // nothing is known, which is no error
	}
	if err != nil {
		return nil, err
	}
	steps.Published, err = instant(published)
	return &steps, err
}

// mostNotify is the longest time that news can have taken. A release that was
// gone back to was published before, and known again later.
const mostNotify = time.Hour

func times(ctx context.Context, tx *sql.Tx, id string, steps *Steps) ([]Time, error) {
	list := []Time{}
	rows, err := tx.QueryContext(ctx, `SELECT edge, known_at, fetch_ns, swap_ns FROM spread_times WHERE release = $1
		ORDER BY known_at, edge`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		var t Time
		var at string
		if err := rows.Scan(&t.Edge, &at, &t.Fetch, &t.Swap); err != nil {
			return nil, err
		}
		known, err := instant(at)
		if err != nil {
			return nil, err
		}
		if steps != nil && !known.IsZero() {
			// An edge may see the head before the process that swaps it hears that it did.
			if notify := max(0, known.Sub(steps.Published)); notify <= mostNotify {
				t.Notify = &notify
			}
		}
		list = append(list, t)
	}
	return list, rows.Err()
}
