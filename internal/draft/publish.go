package draft

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// RefusalError is why none of a draft's records were taken. Its code is Conflict where
// something has changed since it was drafted.
type RefusalError struct{ Records []Refused }

// Refused is one record that was refused.
type Refused struct {
	Place int // among the records, from 0
	Type  catalog.RecordType
	ID    string
	Err   error
	// Since is what has changed since it was drafted, where that is why.
	Since []Difference
}

// maxTold is how many refused records a message names.
const maxTold = 5

// Error names the first records.
func (r *RefusalError) Error() string {
	var b strings.Builder
	for i, record := range r.Records[:min(len(r.Records), maxTold)] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "record %d, %s %s: %v", record.Place+1, record.Type, record.ID, record.Err)
		for j, d := range record.Since {
			b.WriteString([]string{" (", ", "}[min(j, 1)] + d.Field)
		}
		if len(record.Since) > 0 {
			b.WriteString(")")
		}
	}
	if more := len(r.Records) - maxTold; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unwrap gives the refusal its code.
func (r *RefusalError) Unwrap() []error {
	code := ovenbird.Invalid
	for _, record := range r.Records {
		if conflicts(record.Err) {
			code = ovenbird.Conflict
		}
	}
	return []error{ovenbird.Errorf(code, "refused")}
}

// conflicts reports whether a record found something else than was there when it
// was drafted.
func conflicts(err error) bool {
	return errors.Is(err, catalog.ErrChanged) || errors.Is(err, catalog.ErrExists) || errors.Is(err, catalog.ErrMissing)
}

// Publish publishes a draft that has one of the tags now: all its records, or
// none and a *RefusalError, which changes nothing about the draft. To publish again
// what was published succeeds.
func (s *Store) Publish(ctx context.Context, by Person, id string, tags []string) (*Draft, error) {
	d, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if d.State == Published {
		return d, nil
	}
	if err := s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error { _, err := s.expected(ctx, tx, id, tags); return err }); err != nil {
		return nil, fmt.Errorf("publish draft %s: %w", id, err)
	}
	if !by.Publishes {
		return nil, fmt.Errorf("publish draft %s: %w", id, ErrNotAllowed)
	}
	if err := mayEdit(d, by); err != nil {
		return nil, err
	}
	if err := s.publish(ctx, d, by.Name); err != nil {
		return nil, fmt.Errorf("publish draft %s: %w", id, err)
	}
	s.notify()
	return d, nil
}

// publish writes the records and that they are written, in one transaction. d is
// as it was read; if anything about it has changed since, nothing happens.
func (s *Store) publish(ctx context.Context, d *Draft, by string) error {
	records, err := s.parsed(d)
	if err != nil {
		return err
	}
	read := *d
	_, err = s.deps.Catalog.Apply(ctx, catalog.Batch{
		Actor: fmt.Sprintf("%s (draft %s)", by, d.ID), Records: records, Atomic: true,
		Also: func(ctx context.Context, tx *sql.Tx, results []catalog.Result) error {
			*d = read // it may run again
			if _, err := s.expected(ctx, tx, d.ID, []string{d.Tag()}); err != nil {
				return err
			}
			d.State, d.PublishedAt, d.PublishedBy = Published, s.now(), by
			d.Version++
			for _, result := range results {
				if result.Changed {
					d.Changes++
				}
			}
			err := errors.Join(update(ctx, tx, d), s.record(ctx, tx, "draft.publish", by, &read, d))
			if err != nil || s.deps.Published == nil {
				return err
			}
			return s.deps.Published(ctx, tx, d)
		},
	})
	if results := catalog.RefusedResults(err); results != nil {
		return s.refusal(ctx, d, results)
	}
	return err
}

// parsed returns the records as the catalog takes them. They were parsed once
// before, but perhaps by another version of the program.
func (s *Store) parsed(d *Draft) ([]catalog.Record, error) {
	if len(d.Records) == 0 {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "draft %s has no records: there is nothing to publish", d.ID)
	}
	refused := &RefusalError{}
	records := make([]catalog.Record, len(d.Records))
	for i, r := range d.Records {
		parsed, err := r.parse()
		if err != nil {
			refused.Records = append(refused.Records, Refused{Place: i, Type: r.Type, ID: r.ID, Err: err})
		}
		records[i] = parsed
	}
	if len(refused.Records) > 0 {
		return nil, refused
	}
	return records, nil
}

// refusal says which records were refused, and what they found.
func (s *Store) refusal(ctx context.Context, d *Draft, results []catalog.Result) error {
	refused := &RefusalError{}
	for i, result := range results {
		if result.Err == nil {
			continue
		}
		record, err := s.refused(ctx, d, i, result.Err)
		if err != nil {
			return err
		}
		refused.Records = append(refused.Records, record)
	}
	return refused
}

func (s *Store) refused(ctx context.Context, d *Draft, place int, why error) (Refused, error) {
	r := &d.Records[place]
	refused := Refused{Place: place, Type: r.Type, ID: r.ID, Err: why}
	if !conflicts(why) {
		return refused, nil
	}
	there, _, err := s.deps.Catalog.One(ctx, r.Type, r.ID)
	if err != nil {
		return refused, err
	}
	refused.Since, err = differences(r.Base, []byte(there.Form))
	return refused, err
}

// Look is what a draft would do.
type Look struct {
	Draft   *Draft
	Records []Outlook // one for each record, in order
}

// Outlook is what one record would do.
type Outlook struct {
	Type   catalog.RecordType
	ID     string
	Action catalog.Action // "" where it would do nothing, or is refused
	// Fields are what would be different.
	Fields []Difference
	// Refused is why it would be refused; nil where it would not.
	Refused *Refused
}

// errTrial rolls a trial back.
var errTrial = errors.New("only a trial")

// Preview says what publishing a draft would do now. It writes the records, each
// as far as it goes, in a transaction that is rolled back: nothing can tell more
// exactly, and nobody sees any of it.
func (s *Store) Preview(ctx context.Context, id string) (*Look, error) {
	d, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	look := &Look{Draft: d}
	if len(d.Records) == 0 {
		return look, nil
	}
	records, err := s.parsed(d)
	if err != nil {
		return nil, err
	}
	var results []catalog.Result
	_, err = s.deps.Catalog.Apply(ctx, catalog.Batch{
		Actor: "preview", Records: records,
		Also: func(_ context.Context, _ *sql.Tx, tried []catalog.Result) error {
			results = tried
			return errTrial
		},
	})
	if !errors.Is(err, errTrial) {
		return nil, fmt.Errorf("try draft %s: %w", id, err)
	}
	for i, result := range results {
		outlook, err := s.outlook(ctx, d, i, &result)
		if err != nil {
			return nil, fmt.Errorf("try draft %s: %w", id, err)
		}
		look.Records = append(look.Records, outlook)
	}
	return look, nil
}

func (s *Store) outlook(ctx context.Context, d *Draft, place int, result *catalog.Result) (Outlook, error) {
	r := &d.Records[place]
	outlook := Outlook{Type: r.Type, ID: r.ID}
	if result.Err != nil {
		refused, err := s.refused(ctx, d, place, result.Err)
		outlook.Refused = &refused
		return outlook, err
	}
	if !result.Changed {
		return outlook, nil
	}
	outlook.Action = result.Action
	var err error
	outlook.Fields, err = differences(r.Base, []byte(result.Form))
	return outlook, err
}

// PublishDue publishes the drafts whose instant has come, and returns the instant
// of the next, zero where there is none. What is refused becomes Failed. An error
// is one of the machine: those drafts are due still.
func (s *Store) PublishDue(ctx context.Context) (done []*Draft, next time.Time, err error) {
	ids, err := s.due(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	var failed error
	for _, id := range ids {
		d, err := s.publishDue(ctx, id)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("publish draft %s: %w", id, err))
		} else if d != nil {
			done = append(done, d)
		}
	}
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		var at sql.NullString
		err := tx.QueryRowContext(ctx, `SELECT min(publish_at) FROM drafts WHERE state = 'scheduled'`).Scan(&at)
		if err != nil || !at.Valid {
			return err
		}
		next, err = time.Parse(stampForm, at.String)
		return err
	})
	return done, next, errors.Join(failed, err)
}

// due returns the drafts whose instant has come, in order.
func (s *Store) due(ctx context.Context) (ids []string, err error) {
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx,
			`SELECT id FROM drafts WHERE state = 'scheduled' AND publish_at <= $1 ORDER BY publish_at, id`, stamp(s.now()))
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err, below, has what matters
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("look for drafts that are due: %w", err)
	}
	return ids, nil
}

// publishDue publishes one draft that is due. It returns nil where another
// process, or a person, was faster.
func (s *Store) publishDue(ctx context.Context, id string) (*Draft, error) {
	d, err := s.Get(ctx, id)
	if ovenbird.CodeOf(err) == ovenbird.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if d.State != Scheduled || d.PublishAt.After(s.now()) {
		return nil, nil
	}
	version := d.Tag()
	err = s.publish(ctx, d, d.ScheduledBy)
	switch ovenbird.CodeOf(err) {
	case "":
		return d, nil
	case ovenbird.Invalid, ovenbird.NotFound, ovenbird.Conflict:
	default:
		return nil, err
	}
	why := err.Error()
	// Where another process has published it, what this one found is of no interest.
	d, err = s.edit(ctx, id, []string{version}, func(_ context.Context, _ *sql.Tx, d *Draft) error {
		d.State, d.Why, d.ChangedAt = Failed, why, s.now()
		d.Version++
		return nil
	})
	if code := ovenbird.CodeOf(err); code == ovenbird.Conflict || code == ovenbird.NotFound {
		return nil, nil
	}
	return d, err
}
