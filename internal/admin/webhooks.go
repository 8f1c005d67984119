package admin

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/webhook"
)

// webhooks are the operations on webhooks.
type webhooks struct{ store *webhook.Store }

func (a *API) registerWebhooks(store *webhook.Store) {
	x := webhooks{store}
	const (
		notFound = http.StatusNotFound
		conflict = http.StatusConflict
		invalid  = http.StatusUnprocessableEntity
	)
	op := func(id, method, path, summary, more string, errs ...int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: method, Path: "/webhooks" + path, Tags: []string{"webhooks"},
			Summary: summary, Description: more, Errors: errs,
		}
	}
	create := op("create-webhook", http.MethodPost, "", "Subscribe to events",
		"Messages are signed as Standard Webhooks says. The answer has the secret, which is not shown again.", conflict, invalid)
	create.DefaultStatus = http.StatusCreated
	register(a, Admin, create, x.create)
	register(a, Admin, op("list-webhooks", http.MethodGet, "", "List the subscriptions", ""), x.list)
	register(a, Admin, op("get-webhook", http.MethodGet, "/{id}", "Read a subscription", "", notFound), x.get)
	register(a, Admin, op("patch-webhook", http.MethodPatch, "/{id}", "Change a subscription",
		"A JSON Merge Patch (RFC 7396). One that was disabled and is made active again gets what it has not got.",
		notFound, conflict, invalid), x.patch)
	register(a, Admin, op("delete-webhook", http.MethodDelete, "/{id}", "Delete a subscription", "", notFound, conflict), x.remove)
	test := op("test-webhook", http.MethodPost, "/{id}/test", "Send an event that means nothing", "Of the type `webhook.test`.",
		notFound, conflict)
	test.DefaultStatus = http.StatusAccepted
	register(a, Admin, test, x.test)
	register(a, Admin, op("list-webhook-deliveries", http.MethodGet, "/{id}/deliveries", "See what a subscriber got, newest first",
		"Of the last seven days.", notFound, invalid), x.deliveries)
}

// Webhook is a subscription.
type Webhook struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	Events    []string  `json:"events" nullable:"false"`
	Active    bool      `json:"active"`
	Why       string    `json:"why,omitempty" doc:"why it was disabled"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	Failed    int       `json:"failed_attempts" doc:"in a row, at the delivery that is next"`
	NextAt    time.Time `json:"next_attempt_at,omitzero" doc:"after an attempt that failed"`
	Secret    string    `json:"secret,omitempty" doc:"for checking signatures; only in the answer that makes the subscription"`
}

// WebhookContent is what a subscription is made of.
type WebhookContent struct {
	URL    string   `json:"url" minLength:"1" maxLength:"2048" doc:"https, a public address" example:"https://example.com/ovenbird"`
	Events []string `json:"events" nullable:"false" minItems:"1" enum:"release.published,catalog.changed,draft.published"`
	Active *bool    `json:"active,omitempty" doc:"absent: true"`
}

// WebhookFields are what can be changed of a subscription.
type WebhookFields struct {
	URL    *string   `json:"url,omitempty" minLength:"1" maxLength:"2048"`
	Events *[]string `json:"events,omitempty" nullable:"false" minItems:"1" enum:"release.published,catalog.changed,draft.published"`
	Active *bool     `json:"active,omitempty"`
}

// WebhookDelivery is one event on its way to one subscriber.
type WebhookDelivery struct {
	ID       string    `json:"id" doc:"of the message, the same at each attempt: webhook-id"`
	Type     string    `json:"type"`
	At       time.Time `json:"at" doc:"when it happened"`
	Status   string    `json:"status" enum:"pending,delivered"`
	Attempts int       `json:"attempts"`
	TriedAt  time.Time `json:"tried_at,omitzero" doc:"the last attempt; absent: not yet"`
	Answer   int       `json:"answer,omitempty" doc:"HTTP status of the last attempt; absent: there was none"`
	Error    string    `json:"error,omitempty" doc:"of the last attempt"`
}

type (
	// WebhookAddress is where a subscription is.
	WebhookAddress struct {
		ID string `path:"id" maxLength:"128"`
	}
	webhookInput struct {
		IdempotencyHeader
		Body WebhookContent
	}
	webhookPatch struct {
		WebhookAddress
		IdempotencyHeader
		Body WebhookFields `contentType:"application/merge-patch+json"`
	}
	webhookAction struct {
		WebhookAddress
		IdempotencyHeader
	}
	webhookOutput struct {
		Location string `header:"Location"`
		Body     Webhook
	}
	// WebhookList is all subscriptions.
	WebhookList struct {
		Items []Webhook `json:"items" nullable:"false" doc:"oldest first"`
	}
	webhooksOutput struct{ Body WebhookList }
	deliveryQuery  struct {
		WebhookAddress
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"entries on a page, at most"`
		Cursor string `query:"cursor" maxLength:"256" doc:"the next of the page before"`
	}
	// WebhookDeliveryList is a page of deliveries.
	WebhookDeliveryList struct {
		Items []WebhookDelivery `json:"items" nullable:"false"`
		Next  string            `json:"next,omitempty" doc:"cursor of the next page; absent where the list has ended"`
	}
	deliveriesOutput struct{ Body WebhookDeliveryList }
)

func webhookOf(s *webhook.Subscription) Webhook {
	w := Webhook{
		ID: s.ID, URL: s.URL, Active: s.Active, Why: s.Why, CreatedAt: s.CreatedAt, CreatedBy: s.CreatedBy, Failed: s.Attempts,
		Events: make([]string, 0, len(s.Events)),
	}
	for _, e := range s.Events {
		w.Events = append(w.Events, string(e))
	}
	if s.Active && s.Attempts > 0 {
		w.NextAt = s.NextAt
	}
	return w
}

func eventTypes(names []string) []webhook.Type {
	types := make([]webhook.Type, len(names))
	for i, name := range names {
		types[i] = webhook.Type(name)
	}
	return types
}

func (x webhooks) create(ctx context.Context, in *webhookInput) (*webhookOutput, error) {
	made, secret, err := x.store.Create(ctx, bearer(ctx).Name, webhook.Draw{
		URL: &in.Body.URL, Events: eventTypes(in.Body.Events), Active: in.Body.Active,
	})
	if err != nil {
		return nil, err
	}
	out := &webhookOutput{Location: Prefix + "/webhooks/" + made.ID, Body: webhookOf(made)}
	out.Body.Secret = secret
	return out, nil
}

func (x webhooks) list(ctx context.Context, _ *struct{}) (*webhooksOutput, error) {
	all, err := x.store.List(ctx)
	out := WebhookList{Items: make([]Webhook, 0, len(all))}
	for _, s := range all {
		out.Items = append(out.Items, webhookOf(s))
	}
	return &webhooksOutput{out}, err
}

func (x webhooks) get(ctx context.Context, in *WebhookAddress) (*webhookOutput, error) {
	found, err := x.store.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &webhookOutput{Body: webhookOf(found)}, nil
}

func (x webhooks) patch(ctx context.Context, in *webhookPatch) (*webhookOutput, error) {
	draw := webhook.Draw{URL: in.Body.URL, Active: in.Body.Active}
	if in.Body.Events != nil {
		draw.Events = eventTypes(*in.Body.Events)
	}
	changed, err := x.store.Update(ctx, in.ID, draw)
	if err != nil {
		return nil, err
	}
	return &webhookOutput{Body: webhookOf(changed)}, nil
}

func (x webhooks) remove(ctx context.Context, in *webhookAction) (*struct{}, error) {
	return nil, x.store.Delete(ctx, in.ID)
}

func (x webhooks) test(ctx context.Context, in *webhookAction) (*struct{}, error) {
	return nil, x.store.Test(ctx, in.ID)
}

func (x webhooks) deliveries(ctx context.Context, in *deliveryQuery) (*deliveriesOutput, error) {
	text, err := parseCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	var before int64
	if text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return nil, problem(http.StatusUnprocessableEntity, "The cursor is none of this list.")
		}
	}
	list, err := x.store.Deliveries(ctx, in.ID, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := WebhookDeliveryList{Items: make([]WebhookDelivery, 0, len(list))}
	for _, d := range list[:min(len(list), in.Limit)] {
		told := WebhookDelivery{
			ID: d.ID, Type: string(d.Type), At: d.At, Status: "pending", Attempts: d.Attempts, TriedAt: d.TriedAt,
			Answer: d.Status, Error: d.Error,
		}
		if d.Delivered {
			told.Status = "delivered"
		}
		out.Items = append(out.Items, told)
	}
	if len(list) > in.Limit {
		out.Next = cursorOf(strconv.FormatInt(list[in.Limit-1].Number, 10))
	}
	return &deliveriesOutput{out}, nil
}
