package webhook

import (
	"cmp"
	"context"
	"database/sql"

	"ovenbird/internal/ledger"
)

// recorded is what the ledger keeps of a subscription: not its secret.
type recorded struct {
	URL    string `json:"url"`
	Events []Type `json:"events"`
	Active bool   `json:"active"`
	Why    string `json:"why,omitempty"`
}

// record records what became of a subscription, in the transaction that does it.
// before or after is nil where there is none.
func (s *Store) record(ctx context.Context, tx *sql.Tx, action string, by ledger.Author, before, after *Subscription) error {
	e := ledger.Event{Action: action, Author: by, Target: cmp.Or(before, after).ID}
	if before != nil {
		e.Before = recorded{before.URL, before.Events, before.Active, before.Why}
	}
	if after != nil {
		e.After = recorded{after.URL, after.Events, after.Active, after.Why}
	}
	return s.cfg.Ledger.Append(ctx, tx, e)
}
