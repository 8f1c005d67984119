package draft

import (
	"context"
	"database/sql"
	"time"
)

// stampForm is RFC 3339 with milliseconds, always three of them: text in it sorts
// like the instants.
const stampForm = "2006-01-02T15:04:05.000Z"

const selectDrafts = `SELECT id, name, state, version, records, created_at, created_by, changed_at, changed_by, publish_at, scheduled_by,
	published_at, published_by, changes, why FROM drafts`

func scan(row interface{ Scan(dest ...any) error }) (*Draft, error) {
	d := new(Draft)
	var created, changed string
	var publish, published sql.NullString
	err := row.Scan(&d.ID, &d.Name, &d.State, &d.Version, &d.Count, &created, &d.CreatedBy, &changed, &d.ChangedBy, &publish,
		&d.ScheduledBy, &published, &d.PublishedBy, &d.Changes, &d.Why)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		text string
		at   *time.Time
	}{{created, &d.CreatedAt}, {changed, &d.ChangedAt}, {publish.String, &d.PublishAt}, {published.String, &d.PublishedAt}} {
		if f.text == "" {
			continue
		}
		if *f.at, err = time.Parse(stampForm, f.text); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(stampForm)
}

func insert(ctx context.Context, tx *sql.Tx, d *Draft) error {
	const statement = `INSERT INTO drafts (id, name, state, version, records, created_at, created_by, changed_at, changed_by, publish_at,
		scheduled_by, published_at, published_by, changes, why) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, '', 0, '')`
	_, err := tx.ExecContext(ctx, statement, d.ID, d.Name, string(d.State), d.Version, d.Count, stamp(d.CreatedAt), d.CreatedBy,
		stamp(d.ChangedAt), d.ChangedBy, stamp(d.PublishAt), d.ScheduledBy)
	return err
}

func update(ctx context.Context, tx *sql.Tx, d *Draft) error {
	const statement = `UPDATE drafts SET name = $2, state = $3, version = $4, records = $5, changed_at = $6, changed_by = $7,
		publish_at = $8, scheduled_by = $9, published_at = $10, published_by = $11, changes = $12, why = $13 WHERE id = $1`
	_, err := tx.ExecContext(ctx, statement, d.ID, d.Name, string(d.State), d.Version, d.Count, stamp(d.ChangedAt), d.ChangedBy,
		stamp(d.PublishAt), d.ScheduledBy, stamp(d.PublishedAt), d.PublishedBy, d.Changes, d.Why)
	return err
}

// writeRecords writes the records of a draft in place of those that are there.
func writeRecords(ctx context.Context, tx *sql.Tx, d *Draft) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM draft_records WHERE draft = $1`, d.ID); err != nil {
		return err
	}
	add, err := tx.PrepareContext(ctx, `INSERT INTO draft_records (draft, place, type, id, record, base) VALUES ($1, $2, $3, $4, $5, $6)`)
	if err != nil {
		return err
	}
	defer add.Close() //nolint:errcheck // the transaction closes it too
	for i, r := range d.Records {
		base := sql.NullString{String: string(r.Base), Valid: r.Base != nil}
		if _, err := add.ExecContext(ctx, d.ID, i, string(r.Type), r.ID, string(r.Line), base); err != nil {
			return err
		}
	}
	return nil
}

func readRecords(ctx context.Context, tx *sql.Tx, id string) ([]Record, error) {
	rows, err := tx.QueryContext(ctx, `SELECT type, id, record, base FROM draft_records WHERE draft = $1 ORDER BY place`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err, below, has what matters
	var list []Record
	for rows.Next() {
		var r Record
		var line string
		var base sql.NullString
		if err := rows.Scan(&r.Type, &r.ID, &line, &base); err != nil {
			return nil, err
		}
		r.Line = []byte(line)
		if base.Valid {
			r.Base = []byte(base.String)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}
