package main

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"ovenbird/internal/draft"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/webhook"
)

// openWebhooks opens the webhooks and returns what delivers them. Receivers hold
// signatures against their own clocks, so this has the right time, whatever
// instant the rest pretends it is.
func (e *environment) openWebhooks(ctx context.Context, log *slog.Logger) (_ *webhook.Service, err error) {
	cfg := webhook.Config{Private: e.settings.PrivateWebhooks, Ledger: e.ledger}
	if e.webhooks, err = webhook.New(ctx, cfg, e.database, time.Now); err != nil {
		return nil, err
	}
	return webhook.NewService(webhook.ServiceConfig{}, webhook.Deps{
		Store: e.webhooks, Catalog: e.catalog, Releases: e.releases, Log: log,
	})
}

// addDrafts opens the drafts, and adds what publishes those that are scheduled to
// what runs.
func (e *environment) addDrafts(ctx context.Context, group *lifecycle.Group, log *slog.Logger, now func() time.Time) (err error) {
	e.drafts, err = draft.New(ctx, draft.Deps{DB: e.database, Catalog: e.catalog, Ledger: e.ledger, Now: now, Published: e.tellDraft})
	if err != nil {
		return err
	}
	scheduler, err := draft.NewScheduler(draft.SchedulerDeps{Drafts: e.drafts, Now: now, Log: log})
	if err != nil {
		return err
	}
	group.Add("drafts", scheduler)
	return nil
}

// draftPublished is what subscribers are told of a draft.
type draftPublished struct {
	Draft   string `json:"draft"`
	Name    string `json:"name"`
	By      string `json:"by"`
	Records int    `json:"records"`
	Changes int    `json:"changes"`
	Late    int64  `json:"late_ms,omitempty"`
}

// tellDraft tells subscribers of a draft in the transaction that publishes it.
func (e *environment) tellDraft(ctx context.Context, tx *sql.Tx, d *draft.Draft) error {
	return e.webhooks.Add(ctx, tx, webhook.DraftPublished, draftPublished{
		Draft: d.ID, Name: d.Name, By: d.PublishedBy, Records: d.Count, Changes: d.Changes, Late: d.Late().Milliseconds(),
	})
}
