package main

import (
	"context"
	"log/slog"
	"time"

	"ovenbird/internal/draft"
	"ovenbird/internal/lifecycle"
)

// addDrafts opens the drafts, and adds what publishes those that are scheduled to
// what runs.
func (e *environment) addDrafts(ctx context.Context, group *lifecycle.Group, log *slog.Logger, now func() time.Time) (err error) {
	if e.drafts, err = draft.New(ctx, draft.Deps{DB: e.database, Catalog: e.catalog, Now: now}); err != nil {
		return err
	}
	scheduler, err := draft.NewScheduler(draft.SchedulerDeps{Drafts: e.drafts, Now: now, Log: log})
	if err != nil {
		return err
	}
	group.Add("drafts", scheduler)
	return nil
}
