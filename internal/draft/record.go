package draft

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"ovenbird/internal/ledger"
)

// recorded is what the ledger keeps of a draft. What its records change stands in
// the catalog's feed once it is published.
type recorded struct {
	Name      string    `json:"name"`
	State     State     `json:"state"`
	Version   int64     `json:"version"`
	Records   int       `json:"records"`
	PublishAt time.Time `json:"publish_at,omitzero"`
	Changes   int       `json:"changes,omitempty"`
	Why       string    `json:"why,omitempty"`
}

// record records what became of a draft, in the transaction that does it. before or
// after is nil where there is none.
func (s *Store) record(ctx context.Context, tx *sql.Tx, action, by string, before, after *Draft) error {
	e := ledger.Event{Action: action, Author: ledger.Author{Name: by}, Target: cmp.Or(before, after).ID}
	if before != nil {
		e.Before = recordedOf(before)
	}
	if after != nil {
		e.After = recordedOf(after)
	}
	return s.deps.Ledger.Append(ctx, tx, e)
}

func recordedOf(d *Draft) recorded {
	return recorded{
		Name: d.Name, State: d.State, Version: d.Version, Records: d.Count, PublishAt: d.PublishAt, Changes: d.Changes, Why: d.Why,
	}
}

// recordEdit records an edit by what it made of the draft. That one failed is
// nobody's doing.
func (s *Store) recordEdit(ctx context.Context, tx *sql.Tx, before, after *Draft) error {
	switch after.State {
	case Canceled:
		return s.record(ctx, tx, "draft.cancel", after.ChangedBy, before, after)
	case Failed:
		return s.record(ctx, tx, "draft.fail", "", before, after)
	default:
		return s.record(ctx, tx, "draft.update", after.ChangedBy, before, after)
	}
}
