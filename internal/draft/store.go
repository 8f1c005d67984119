package draft

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps is what drafts stand on. The catalog has to be in DB.
type Deps struct {
	DB      *database.DB
	Catalog *catalog.Store
	Ledger  *ledger.Store    // records what becomes of drafts; nil records nothing
	Now     func() time.Time // nil means time.Now
	// Published is told of a draft in the transaction that publishes it: what it
	// writes is committed with that, and its error rolls it back. It may be called
	// again for the same draft. Nil is fine.
	Published func(ctx context.Context, tx *sql.Tx, d *Draft) error
}

// Store is the drafts in a database. Any number of goroutines and processes may
// use it.
type Store struct {
	deps Deps

	changed chan struct{} // holds one when a schedule may be different
}

// New brings the tables of drafts up to date and returns the drafts in them.
func New(ctx context.Context, deps Deps) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the drafts: %w", err)
	}
	if err := deps.DB.Migrate(ctx, "draft", files); err != nil {
		return nil, fmt.Errorf("open the drafts: %w", err)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Store{deps: deps, changed: make(chan struct{}, 1)}, nil
}

// now is in the precision in which instants are kept.
func (s *Store) now() time.Time { return s.deps.Now().UTC().Truncate(time.Millisecond) }

// Create makes a draft.
func (s *Store) Create(ctx context.Context, by Person, change Change) (*Draft, error) {
	now := s.now()
	d := &Draft{
		ID: now.Format("20060102150405") + "-" + strings.ToLower(rand.Text()[:10]), State: Open,
		CreatedAt: now, CreatedBy: by.Name,
	}
	change.Name = cmp.Or(change.Name, new(string)) // a draft has to have a name: "" is refused
	proposed, err := s.propose(ctx, change.Records)
	if err != nil {
		return nil, err
	}
	if err := s.change(d, by, &change, proposed); err != nil {
		return nil, err
	}
	err = s.deps.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := errors.Join(insert(ctx, tx, d), writeRecords(ctx, tx, d)); err != nil {
			return err
		}
		return s.record(ctx, tx, "draft.create", by.Name, nil, d)
	})
	if err != nil {
		return nil, fmt.Errorf("create draft %q: %w", d.Name, err)
	}
	s.notify()
	return d, nil
}

// Update changes a draft that has one of the tags; "*" is any.
func (s *Store) Update(ctx context.Context, by Person, id string, tags []string, change Change) (*Draft, error) {
	proposed, err := s.propose(ctx, change.Records)
	if err != nil {
		return nil, err
	}
	return s.edit(ctx, id, tags, func(ctx context.Context, tx *sql.Tx, d *Draft) error {
		if err := s.change(d, by, &change, proposed); err != nil {
			return err
		}
		return writeRecords(ctx, tx, d)
	})
}

// Cancel ends a draft that has one of the tags without publishing it.
func (s *Store) Cancel(ctx context.Context, by Person, id string, tags []string) (*Draft, error) {
	return s.edit(ctx, id, tags, func(_ context.Context, _ *sql.Tx, d *Draft) error {
		if err := mayEdit(d, by); err != nil {
			return err
		}
		d.State, d.ChangedAt, d.ChangedBy = Canceled, s.now(), by.Name
		d.Version++
		return nil
	})
}

// Delete removes a draft that has one of the tags. One that was published stays:
// the feed of changes names it.
func (s *Store) Delete(ctx context.Context, by Person, id string, tags []string) error {
	err := s.deps.DB.Tx(ctx, func(tx *sql.Tx) error {
		d, err := s.expected(ctx, tx, id, tags)
		if err != nil {
			return err
		}
		if d.State != Canceled {
			if err := mayEdit(d, by); err != nil {
				return err
			}
		}
		if err := s.record(ctx, tx, "draft.delete", by.Name, d, nil); err != nil {
			return err
		}
		for _, statement := range []string{`DELETE FROM draft_records WHERE draft = $1`, `DELETE FROM drafts WHERE id = $1`} {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete draft %s: %w", id, err)
	}
	s.notify()
	return nil
}

// edit changes a draft in a transaction.
func (s *Store) edit(
	ctx context.Context, id string, tags []string, change func(context.Context, *sql.Tx, *Draft) error,
) (d *Draft, err error) {
	err = s.deps.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		if d, err = s.expected(ctx, tx, id, tags); err != nil {
			return err
		}
		before := *d
		if err := change(ctx, tx, d); err != nil {
			return err
		}
		if err := update(ctx, tx, d); err != nil {
			return err
		}
		return s.recordEdit(ctx, tx, &before, d)
	})
	if err != nil {
		return nil, fmt.Errorf("change draft %s: %w", id, err)
	}
	s.notify()
	return d, nil
}

// expected reads a draft that has to have one of the tags.
func (s *Store) expected(ctx context.Context, tx *sql.Tx, id string, tags []string) (*Draft, error) {
	d, err := read(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(tags, catalog.AnyTag) && !slices.Contains(tags, d.Tag()) {
		return nil, ovenbird.Errorf(ovenbird.Conflict, "%w", ErrVersion)
	}
	return d, nil
}

// mayEdit refuses those who may not change a draft as it is. What will be
// published by itself nobody changes who may not publish.
func mayEdit(d *Draft, by Person) error {
	switch {
	case !d.editable():
		return ovenbird.Errorf(ovenbird.Conflict, "draft %s is %s, which is for ever", d.ID, d.State)
	case d.State == Scheduled && !by.Publishes:
		return fmt.Errorf("it is scheduled: %w", ErrNotAllowed)
	}
	return nil
}

// change makes d what a change says.
func (s *Store) change(d *Draft, by Person, change *Change, proposed []Record) error {
	if err := mayEdit(d, by); err != nil {
		return err
	}
	if d.State == Failed { // its instant has passed: it takes somebody to say another
		d.PublishAt, d.ScheduledBy = time.Time{}, ""
	}
	if change.Name != nil {
		if err := checkName(*change.Name); err != nil {
			return err
		}
		d.Name = *change.Name
	}
	if change.PublishAt != nil {
		d.PublishAt, d.ScheduledBy = change.PublishAt.UTC().Truncate(time.Millisecond), ""
	}
	if change.Replace {
		d.Records = nil
	}
	d.Records = merge(d.Records, proposed)
	if len(d.Records) > MaxRecords {
		return ovenbird.Errorf(ovenbird.Invalid, "a draft may hold %d records, this one would have %d: make several",
			MaxRecords, len(d.Records))
	}
	d.Count, d.State, d.Why = len(d.Records), Open, ""
	if !d.PublishAt.IsZero() {
		if !by.Publishes {
			return fmt.Errorf("to say when it is published: %w", ErrNotAllowed)
		}
		d.State, d.ScheduledBy = Scheduled, by.Name
	}
	d.ChangedAt, d.ChangedBy = s.now(), by.Name
	d.Version++
	return nil
}

func checkName(name string) error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || strings.TrimSpace(name) != name || len(name) > maxName || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, unprintable) {
		return ovenbird.Errorf(ovenbird.Invalid,
			"%.60q can not be the name of a draft: use up to %d printable bytes, and no space at the ends", name, maxName)
	}
	return nil
}

// merge puts proposed records in place of those about the same things, and the
// others behind.
func merge(records, proposed []Record) []Record {
	for _, p := range proposed {
		i := slices.IndexFunc(records, func(r Record) bool { return r.Type == p.Type && r.ID == p.ID })
		if i < 0 {
			records = append(records, p)
		} else {
			records[i] = p
		}
	}
	return records
}

// propose reads what edits are made on, and refuses those that can not be drafted.
func (s *Store) propose(ctx context.Context, list []Proposal) ([]Record, error) {
	refused := &RefusalError{}
	records := make([]Record, 0, len(list))
	seen := make(map[string]bool)
	for i, p := range list {
		r, err := s.proposal(ctx, &p)
		name := string(r.Type) + " " + r.ID
		if err == nil && seen[name] {
			err = ovenbird.Errorf(ovenbird.Invalid, "there is a record about this already; make it one")
		}
		seen[name] = true
		switch {
		case err == nil:
			records = append(records, r)
		case ovenbird.CodeOf(err) == ovenbird.Internal || ovenbird.CodeOf(err) == ovenbird.Unavailable:
			return nil, err
		default:
			refused.Records = append(refused.Records, Refused{Place: i, Type: r.Type, ID: r.ID, Err: err})
		}
	}
	if len(refused.Records) > 0 {
		return nil, refused
	}
	return records, nil
}

func (s *Store) proposal(ctx context.Context, p *Proposal) (Record, error) {
	parsed, err := catalog.ParseRecord(p.Line)
	r := Record{Type: parsed.Type, ID: parsed.ID, Line: slices.Clone(p.Line)}
	if err != nil {
		return r, err
	}
	if parsed.Type == catalog.TypeItem {
		return r, ovenbird.Errorf(ovenbird.Invalid, "a draft holds no collection_item; draft the collection with all its items")
	}
	there, ok, err := s.deps.Catalog.One(ctx, parsed.Type, parsed.ID)
	if err != nil {
		return r, err
	}
	if ok {
		r.Base = []byte(there.Form)
	}
	if p.Tag != "" && (!ok || catalog.Tag(there.Form) != p.Tag) {
		return r, ovenbird.Errorf(ovenbird.Conflict, "%w", catalog.ErrChanged)
	}
	return r, nil
}

// notify says that a schedule may be different.
func (s *Store) notify() {
	select {
	case s.changed <- struct{}{}:
	default: // it is said already
	}
}

// Get returns a draft with its records.
func (s *Store) Get(ctx context.Context, id string) (d *Draft, err error) {
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		d, err = read(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read draft %s: %w", id, err)
	}
	return d, nil
}

// List returns up to limit drafts without their records, newest first: those in a
// state, or all where it is "", that come after the one with the id before, which
// is "" for the first.
func (s *Store) List(ctx context.Context, state State, before string, limit int) ([]*Draft, error) {
	before = cmp.Or(before, "9") // ids begin with a year
	var list []*Draft
	err := s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, selectDrafts+` WHERE id < $1 AND (state = $2 OR $2 = '') ORDER BY id DESC LIMIT $3`,
			before, string(state), limit)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err, below, has what matters
		for rows.Next() {
			d, err := scan(rows)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list the drafts: %w", err)
	}
	return list, nil
}

// read reads a draft with its records.
func read(ctx context.Context, tx *sql.Tx, id string) (*Draft, error) {
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return nil, notThere(id)
	}
	d, err := scan(tx.QueryRowContext(ctx, selectDrafts+` WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notThere(id)
	}
	if err != nil {
		return nil, err
	}
	d.Records, err = readRecords(ctx, tx, id)
	return d, err
}
