package admin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/ledger"
)

type (
	auditQuery struct {
		Since  time.Time `query:"since" doc:"from this instant on"`
		Until  time.Time `query:"until" doc:"before this instant"`
		Actor  string    `query:"actor" maxLength:"256"`
		Action string    `query:"action" maxLength:"128" doc:"a pattern" example:"token.*"`
		Target string    `query:"target" maxLength:"256"`
		Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"entries on a page, at most"`
		Cursor string    `query:"cursor" maxLength:"256" doc:"the next of the page before"`
	}
	// AuditList is a page of the audit.
	AuditList struct {
		Items []ledger.Entry `json:"items" nullable:"false" doc:"newest first, of the ledger and of the feed of changes"`
		Next  string         `json:"next,omitempty" doc:"cursor of the next page; absent where the list has ended"`
	}
	auditOutput struct{ Body AuditList }
)

func (a *API) registerAudit() {
	register(a, Admin, huma.Operation{
		OperationID: "audit", Method: http.MethodGet, Path: "/audit", Tags: []string{"audit"},
		Summary:     "See who changed what, when, before and after",
		Description: "Whether all of it is what was written, `ovenbird audit verify` says.",
		Errors:      []int{http.StatusUnprocessableEntity},
	}, a.audit)
}

func (a *API) audit(ctx context.Context, in *auditQuery) (*auditOutput, error) {
	text, err := parseCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	var from ledger.Position
	if text != "" {
		if n, err := fmt.Sscanf(text, "%d.%d", &from.Ledger, &from.Feed); err != nil || n != 2 {
			return nil, problem(http.StatusUnprocessableEntity, "The cursor is none of this list.")
		}
	}
	filter := ledger.Filter{Since: in.Since, Until: in.Until, Actor: in.Actor, Action: in.Action, Target: in.Target}
	list, next, err := a.ledger.List(ctx, filter, from, in.Limit)
	if err != nil {
		return nil, err
	}
	out := AuditList{Items: append([]ledger.Entry{}, list...)}
	if len(list) == in.Limit {
		out.Next = cursorOf(fmt.Sprintf("%d.%d", next.Ledger, next.Feed))
	}
	return &auditOutput{out}, nil
}
