package spread

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"ovenbird/internal/database"
	"ovenbird/internal/ovenbird"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// lostAfter is how long an edge has not been heard of when it is taken for
	// lost: it says that it is alive every Beat.
	lostAfter = 2*Beat + 2*time.Minute
	// forgottenAfter is how long an edge is remembered.
	forgottenAfter = 24 * time.Hour
	// maxEdges is how many edges are remembered: those heard of last.
	maxEdges = 10_000
	// maxReleases is of how many releases the steps are remembered.
	maxReleases = 50
)

// Beat is how often an edge says that it is alive when there is nothing else to say.
const Beat = 5 * time.Minute

// Store is what is known of edges and releases, in a database. Any number of
// goroutines and processes may use it.
type Store struct {
	db  *database.DB
	now func() time.Time
}

// New brings the tables up to date and returns what is in them. now is the clock;
// nil means time.Now.
func New(ctx context.Context, db *database.DB, now func() time.Time) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the reports of edges: %w", err)
	}
	if err := db.Migrate(ctx, "spread", files); err != nil {
		return nil, fmt.Errorf("open the reports of edges: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	return &Store{db: db, now: now}, nil
}

// Steps is how long the steps of making a release took.
type Steps struct {
	Published time.Time     `json:"published_at"` // when the head named it
	Render    time.Duration `json:"render_ns"`
	Write     time.Duration `json:"write_ns"`
	Publish   time.Duration `json:"publish_ns"`
}

// Baked notes how long the steps of a release took, and forgets releases of long
// ago. What was noted already stays.
func (s *Store) Baked(ctx context.Context, release string, steps Steps) error {
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		const insert = `INSERT INTO spread_releases (release, published_at, render_ns, write_ns, publish_ns)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (release) DO NOTHING`
		_, err := tx.ExecContext(ctx, insert, release, stamp(steps.Published),
			steps.Render.Nanoseconds(), steps.Write.Nanoseconds(), steps.Publish.Nanoseconds())
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM spread_releases WHERE release NOT IN
			(SELECT release FROM spread_releases ORDER BY published_at DESC, release LIMIT $1)`, maxReleases)
		return err
	})
	if err != nil {
		return fmt.Errorf("note the steps of release %s: %w", release, err)
	}
	return nil
}

// save writes reports, in the order in which they came.
func (s *Store) save(ctx context.Context, reports []received) error {
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		for i := range reports {
			if err := saveOne(ctx, tx, &reports[i]); err != nil {
				return fmt.Errorf("edge %s: %w", reports[i].Edge, err)
			}
		}
		return nil
	})
}

func saveOne(ctx context.Context, tx *sql.Tx, r *received) error {
	if r.Leaving {
		_, err := tx.ExecContext(ctx, `DELETE FROM spread_edges WHERE name = $1`, r.Edge)
		return err
	}
	const upsert = `INSERT INTO spread_edges (name, countries, release, since, heard_at, skew_ns, failure, failing_since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (name) DO UPDATE SET countries = excluded.countries, release = excluded.release, since = excluded.since,
			heard_at = excluded.heard_at, skew_ns = excluded.skew_ns, failure = excluded.failure, failing_since = excluded.failing_since`
	_, err := tx.ExecContext(ctx, upsert, r.Edge, joined(r.Countries), r.Release, stamp(r.here(r.Since)), stamp(r.at),
		r.skew().Nanoseconds(), r.Failure, stamp(r.here(r.Failing)))
	if err != nil || r.Release == "" {
		return err
	}
	known := ""
	if r.Previous != "" {
		known = stamp(r.here(r.Known))
	}
	const insert = `INSERT INTO spread_times (release, edge, at, known_at, fetch_ns, swap_ns) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (release, edge) DO NOTHING`
	_, err = tx.ExecContext(ctx, insert, r.Release, r.Edge, stamp(r.at), known, r.Fetch.Nanoseconds(), r.Swap.Nanoseconds())
	return err
}

// prune forgets edges that nobody has heard of for long, and the times of
// releases that are forgotten. A release of which edges tell is not forgotten
// before its own process had the time to tell of it.
func (s *Store) prune(ctx context.Context) error {
	now := s.now()
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		_, old := tx.ExecContext(ctx, `DELETE FROM spread_edges WHERE heard_at < $1`, stamp(now.Add(-forgottenAfter)))
		_, many := tx.ExecContext(ctx, `DELETE FROM spread_edges WHERE name IN
			(SELECT name FROM spread_edges ORDER BY heard_at DESC, name LIMIT $1 OFFSET $2)`, maxEdges, maxEdges)
		_, times := tx.ExecContext(ctx, `DELETE FROM spread_times WHERE at < $1 AND release NOT IN (SELECT release FROM spread_releases)`,
			stamp(now.Add(-time.Minute)))
		return errors.Join(old, many, times)
	})
}

// Edge is what is known of an edge. Instants are by this side's clock.
type Edge struct {
	Name      string             `json:"name"`
	Countries []ovenbird.Country `json:"countries,omitempty"` // none means all
	Release   string             `json:"release,omitempty"`   // that it serves; "" before the first
	Since     time.Time          `json:"since,omitzero"`      // when it began to
	Heard     time.Time          `json:"heard_at"`            // when it reported last
	// Skew is how far its clock is behind this one; negative where it is ahead. The
	// time that its report was on its way is in it.
	Skew    time.Duration `json:"clock_skew_ns"`
	Failure string        `json:"failure,omitempty"` // why it can not follow
	Failing time.Time     `json:"failing_since,omitzero"`
	Lost    bool          `json:"lost,omitempty"` // nothing has been heard of it for too long
}

// Edges returns the edges that were heard of within a day, by name. One that was
// stopped orderly is not among them.
func (s *Store) Edges(ctx context.Context) (list []Edge, err error) {
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		list, err = s.edges(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the edges: %w", err)
	}
	return list, nil
}

func (s *Store) edges(ctx context.Context, tx *sql.Tx) (list []Edge, err error) {
	now := s.now()
	rows, err := tx.QueryContext(ctx, `SELECT name, countries, release, since, heard_at, skew_ns, failure, failing_since
		FROM spread_edges WHERE heard_at >= $1 ORDER BY name`, stamp(now.Add(-forgottenAfter)))
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	for rows.Next() {
		var e Edge
		var countries, since, heard, failing string
		if err := rows.Scan(&e.Name, &countries, &e.Release, &since, &heard, &e.Skew, &e.Failure, &failing); err != nil {
			return nil, err
		}
		for code := range strings.SplitSeq(countries, ",") {
			if code != "" {
				e.Countries = append(e.Countries, ovenbird.Country(code))
			}
		}
		if e.Since, e.Heard, e.Failing, err = instants(since, heard, failing); err != nil {
			return nil, err
		}
		e.Lost = now.Sub(e.Heard) > lostAfter
		list = append(list, e)
	}
	return list, rows.Err()
}

func joined(countries []ovenbird.Country) string {
	codes := make([]string, len(countries))
	for i, code := range countries {
		codes[i] = string(code)
	}
	return strings.Join(codes, ",")
}

// stampForm is RFC 3339 with microseconds, always six digits of them.
const stampForm = "2006-01-02T15:04:05.000000Z"

// stamp formats an instant; the zero one is "".
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stampForm)
}

func instant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(stampForm, s)
}

func instants(first, second, third string) (a, b, c time.Time, err error) {
	a, errA := instant(first)
	b, errB := instant(second)
	c, errC := instant(third)
	return a, b, c, errors.Join(errA, errB, errC)
}
