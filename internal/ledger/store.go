package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ovenbird/internal/ovenbird"
)

// Store is the ledger in a database. Any number of goroutines and processes may
// use it. A nil one records nothing.
type Store struct{ deps Deps }

// New brings the tables of the ledger up to date and returns it.
func New(ctx context.Context, deps Deps) (*Store, error) {
	files, err := Migrations()
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	if err := deps.DB.Migrate(ctx, "ledger", files); err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	if deps.Feed == nil {
		deps.Feed = noFeed{}
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Store{deps}, nil
}

// unknown is the actor of what nobody says who did.
const unknown = "unknown"

// Append records a change in the transaction that makes it: both are committed,
// or neither. Write transactions take turns, so records do not cross.
func (s *Store) Append(ctx context.Context, tx *sql.Tx, e Event) error {
	if s == nil {
		return nil
	}
	r, err := s.draw(ctx, e)
	if err != nil {
		return fmt.Errorf("record %s %s: %w", e.Action, e.Target, err)
	}
	const take = `UPDATE ledger_head SET sequence = sequence + 1 RETURNING sequence, hash`
	if err := tx.QueryRowContext(ctx, take).Scan(&r.sequence, &r.previous); err != nil {
		return fmt.Errorf("record %s %s: number the record: %w", e.Action, e.Target, err)
	}
	r.hash = text(r.digest())
	if err := r.insert(ctx, tx); err != nil {
		return fmt.Errorf("record %s %s: %w", e.Action, e.Target, err)
	}
	return nil
}

// Add records a change that is made already, elsewhere than in the database.
func (s *Store) Add(ctx context.Context, e Event) error {
	if s == nil {
		return nil
	}
	return s.deps.DB.Tx(ctx, func(tx *sql.Tx) error { return s.Append(ctx, tx, e) })
}

// AddOnce is Add, unless a record has the same action and target already.
func (s *Store) AddOnce(ctx context.Context, e Event) error {
	if s == nil {
		return nil
	}
	return s.deps.DB.Tx(ctx, func(tx *sql.Tx) error {
		var there int
		const count = `SELECT count(*) FROM ledger_records WHERE action = $1 AND target = $2`
		if err := tx.QueryRowContext(ctx, count, e.Action, e.Target).Scan(&there); err != nil || there > 0 {
			return err
		}
		return s.Append(ctx, tx, e)
	})
}

// draw makes the row of an event, but for its place in the chain.
func (s *Store) draw(ctx context.Context, e Event) (r row, err error) {
	if e.Action == "" {
		return r, ovenbird.Errorf(ovenbird.Internal, "an event without an action")
	}
	author := e.Author
	author.Name = cmp.Or(author.Name, actorIn(ctx), s.deps.Author.Name, unknown)
	if author.Commit == "" {
		author.Commit, author.Dirty = s.deps.Author.Commit, s.deps.Author.Dirty
	}
	r = row{
		at: text(s.deps.Now().UTC().Format(stampForm)), actor: text(author.Name), action: text(e.Action), target: text(e.Target),
		revision: text(author.Commit), dirty: text("0"), why: text(e.Why),
	}
	if author.Dirty {
		r.dirty = text("1")
	}
	if r.before, err = encode(e.Before); err != nil {
		return r, err
	}
	r.after, err = encode(e.After)
	return r, err
}

func encode(v any) (sql.NullString, error) {
	if v == nil {
		return sql.NullString{}, nil
	}
	b, err := json.Marshal(v)
	return text(string(b)), err
}

func (r *row) insert(ctx context.Context, tx *sql.Tx) error {
	const insert = `INSERT INTO ledger_records (` + columns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	dirty := 0
	if r.dirty.String == "1" {
		dirty = 1
	}
	_, err := tx.ExecContext(ctx, insert, r.sequence, r.at, r.actor, r.action, r.target, r.revision, dirty, r.why, r.before, r.after,
		r.previous, r.hash)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE ledger_head SET hash = $1`, r.hash)
	return err
}

// Get returns one entry of a chain.
func (s *Store) Get(ctx context.Context, chain Chain, sequence int64) (e Entry, err error) {
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		list, err := s.page(ctx, tx, chain, Filter{}, sequence+1, 1)
		if err == nil && (len(list) == 0 || list[0].Sequence != sequence) {
			return ovenbird.Errorf(ovenbird.NotFound,
				"there is no entry %d in the %s; `ovenbird audit` lists those there are", sequence, chain)
		}
		if err == nil {
			e = list[0]
		}
		return err
	})
	if err != nil {
		return e, fmt.Errorf("read the audit: %w", err)
	}
	return e, nil
}

// Last returns the newest record with an action; ok is false where there is none.
func (s *Store) Last(ctx context.Context, action string) (e Entry, ok bool, err error) {
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) error {
		const newest = `SELECT ` + columns + ` FROM ledger_records WHERE action = $1 ORDER BY sequence DESC LIMIT 1`
		r, err := scanRow(tx.QueryRowContext(ctx, newest, action))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		e, ok = r.entry(), err == nil
		return err
	})
	if err != nil {
		return e, false, fmt.Errorf("look for the last %s: %w", action, err)
	}
	return e, ok, nil
}
