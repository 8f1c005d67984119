package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/catalog"
	"ovenbird/internal/draft"
	"ovenbird/internal/ovenbird"
)

// drafts are the operations on drafts.
type drafts struct {
	api   *API
	store *draft.Store
}

func (a *API) registerDrafts(store *draft.Store) {
	x := drafts{a, store}
	const (
		notFound = http.StatusNotFound
		conflict = http.StatusConflict
		changed  = http.StatusPreconditionFailed
		missing  = http.StatusPreconditionRequired
		invalid  = http.StatusUnprocessableEntity
	)
	op := func(id, method, path, summary, more string, errs ...int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: method, Path: "/drafts" + path, Tags: []string{"drafts"},
			Summary: summary, Description: more, Errors: errs,
		}
	}
	large := func(op huma.Operation) huma.Operation {
		op.MaxBodyBytes, op.BodyReadTimeout = maxBulk, bulkTimeout
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge)
		return op
	}
	const when = "To say `publish_at` takes the role publisher, and so does each change to a draft that is scheduled."
	create := large(op("create-draft", http.MethodPost, "", "Make a draft",
		"Nothing of it is in the catalog until it is published. "+when, conflict, invalid))
	create.DefaultStatus = http.StatusCreated
	register(a, Editor, create, x.create)
	register(a, Viewer, op("list-drafts", http.MethodGet, "", "List drafts, newest first", "", invalid), x.list)
	register(a, Viewer, op("get-draft", http.MethodGet, "/{id}", "Read a draft", "", notFound), x.get)
	register(a, Editor, large(op("put-draft", http.MethodPut, "/{id}", "Replace what a draft holds", "What is absent goes. "+when,
		notFound, conflict, changed, missing, invalid)), x.put)
	register(a, Editor, op("patch-draft", http.MethodPatch, "/{id}", "Rename or schedule a draft",
		"A JSON Merge Patch (RFC 7396): `publish_at` null takes the schedule away. "+when,
		notFound, conflict, changed, missing, invalid), x.patch)
	remove := op("delete-draft", http.MethodDelete, "/{id}", "Delete a draft", "One that was published stays.",
		notFound, conflict, changed, missing)
	register(a, Editor, remove, x.remove)
	register(a, Editor, large(op("add-draft-records", http.MethodPost, "/{id}/records", "Add records to a draft",
		"One about something that the draft has a record about takes its place.", notFound, conflict, changed, invalid)), x.add)
	register(a, Viewer, op("preview-draft", http.MethodGet, "/{id}/preview", "See what a draft would change now",
		"The records are written and rolled back, so this is what publishing would do.", notFound, conflict, invalid), x.preview)
	register(a, Publisher, op("publish-draft", http.MethodPost, "/{id}/publish", "Publish a draft now",
		"All of it or nothing. A record that has changed since it was drafted refuses the draft (409). To publish again what is published "+
			"does nothing.", notFound, conflict, changed, invalid), x.publish)
	register(a, Editor, op("cancel-draft", http.MethodPost, "/{id}/cancel", "Give a draft up", when, notFound, conflict, changed), x.cancel)
}

// DraftSummary is a draft without its records.
type DraftSummary struct {
	ID          string    `json:"id"`
	ETag        string    `json:"etag" doc:"for If-Match"`
	Name        string    `json:"name"`
	State       string    `json:"state" enum:"open,scheduled,published,failed,canceled"`
	Count       int       `json:"count" doc:"of the records"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by"`
	ChangedAt   time.Time `json:"changed_at"`
	ChangedBy   string    `json:"changed_by"`
	PublishAt   time.Time `json:"publish_at,omitzero" doc:"absent: when somebody publishes it"`
	ScheduledBy string    `json:"scheduled_by,omitempty"`
	PublishedAt time.Time `json:"published_at,omitzero"`
	PublishedBy string    `json:"published_by,omitempty"`
	LateMillis  int64     `json:"late_ms,omitempty" doc:"how long after publish_at it was published"`
	Changes     int       `json:"changes,omitempty" doc:"how many records changed the catalog"`
	Why         string    `json:"why,omitempty" doc:"why it failed"`
}

// Draft is a group of edits that are published as one.
type Draft struct {
	DraftSummary
	Records []DraftRecord `json:"records" nullable:"false"`
}

// DraftRecord is one edit.
type DraftRecord struct {
	ETag   string `json:"etag,omitempty" maxLength:"64" doc:"of what the edit was made on; absent: what is there now, or nothing"`
	Record line   `json:"record"`
}

// DraftContent is what a draft holds.
type DraftContent struct {
	Name      string        `json:"name" minLength:"1" maxLength:"200"`
	PublishAt time.Time     `json:"publish_at,omitzero" doc:"when it is to be published by itself; if that is past, at once"`
	Records   []DraftRecord `json:"records,omitempty" nullable:"false" maxItems:"1000"`
}

// DraftFields are what can be patched of a draft.
type DraftFields struct {
	Name      string    `json:"name" minLength:"1" maxLength:"200"`
	PublishAt time.Time `json:"publish_at,omitzero"`
}

// DraftAdditions are records for a draft.
type DraftAdditions struct {
	Records []DraftRecord `json:"records" nullable:"false" minItems:"1" maxItems:"1000"`
}

// line is a line of an import file, as it is.
type line struct{ json.RawMessage }

// Schema says what every line has.
func (line) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"type", "id"}, AdditionalProperties: true,
		Description: "A line of an import file: a complete record, a merge patch, or a delete, as its op says.",
		Properties: map[string]*huma.Schema{
			"type": {Type: huma.TypeString, Enum: []any{"title", "license", "collection"}},
			"op":   {Type: huma.TypeString, Enum: []any{"put", "merge", "delete"}, Default: "put"},
			"id":   {Type: huma.TypeString},
		},
	}
}

type (
	// DraftAddress is where a draft is.
	DraftAddress struct {
		ID string `path:"id" maxLength:"128"`
	}
	draftInput struct {
		IdempotencyHeader
		Body DraftContent
	}
	draftPut struct {
		DraftAddress
		Conditions
		Body DraftContent
	}
	draftPatch struct {
		DraftAddress
		Conditions
		Body patch[DraftFields] `contentType:"application/merge-patch+json"`
	}
	draftAdd struct {
		DraftAddress
		Conditions
		Body DraftAdditions
	}
	draftAction struct {
		DraftAddress
		Conditions
	}
	draftOutput struct {
		ETag     string `header:"ETag"`
		Location string `header:"Location"`
		Body     Draft
	}
	draftQuery struct {
		State  string `query:"state" enum:"open,scheduled,published,failed,canceled"`
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"entries on a page, at most"`
		Cursor string `query:"cursor" maxLength:"256" doc:"the next of the page before"`
	}
	// DraftList is a page of drafts.
	DraftList struct {
		Items []DraftSummary `json:"items" nullable:"false"`
		Next  string         `json:"next,omitempty" doc:"cursor of the next page; absent where the list has ended"`
	}
	draftsOutput struct{ Body DraftList }
)

func summaryOf(d *draft.Draft) DraftSummary {
	return DraftSummary{
		ID: d.ID, ETag: `"` + d.Tag() + `"`, Name: d.Name, State: string(d.State), Count: d.Count,
		CreatedAt: d.CreatedAt, CreatedBy: d.CreatedBy, ChangedAt: d.ChangedAt, ChangedBy: d.ChangedBy,
		PublishAt: d.PublishAt, ScheduledBy: d.ScheduledBy, PublishedAt: d.PublishedAt, PublishedBy: d.PublishedBy,
		LateMillis: d.Late().Milliseconds(), Changes: d.Changes, Why: d.Why,
	}
}

// told turns what happened to a draft into an answer.
func (x drafts) told(d *draft.Draft, err error) (*draftOutput, error) {
	if err != nil {
		return nil, x.problem(err, "records[%d]")
	}
	out := &draftOutput{Body: Draft{DraftSummary: summaryOf(d), Records: make([]DraftRecord, 0, len(d.Records))}}
	out.ETag = out.Body.ETag
	for _, r := range d.Records {
		given := DraftRecord{Record: line{r.Line}}
		if r.Base != nil {
			given.ETag = etag(r.Base)
		}
		out.Body.Records = append(out.Body.Records, given)
	}
	return out, nil
}

// person is who asks.
func person(ctx context.Context) draft.Person {
	token := bearer(ctx)
	return draft.Person{Name: token.Name, Publishes: token.Role.May(Publisher)}
}

// proposals reads the edits of a request.
func proposals(records []DraftRecord) ([]draft.Proposal, error) {
	list := make([]draft.Proposal, len(records))
	for i, r := range records {
		list[i].Line = r.Record.RawMessage
		if r.ETag == "" {
			continue
		}
		tags, ok := parseTags(r.ETag)
		if !ok || len(tags) != 1 || tags[0] == "" {
			return nil, problem(http.StatusUnprocessableEntity, "An edit is made on one record.", FieldProblem{
				fmt.Sprintf("body.records[%d].etag", i), "it is no tag", `send the etag that was read, such as "a1b2" with its quotes`,
			})
		}
		list[i].Tag = tags[0]
	}
	return list, nil
}

func (x drafts) create(ctx context.Context, in *draftInput) (*draftOutput, error) {
	list, err := proposals(in.Body.Records)
	if err != nil {
		return nil, err
	}
	change := draft.Change{Name: &in.Body.Name, Records: list}
	if !in.Body.PublishAt.IsZero() {
		change.PublishAt = &in.Body.PublishAt
	}
	made, err := x.store.Create(ctx, person(ctx), change)
	if err != nil {
		return nil, x.problem(err, "body.records[%d].record")
	}
	out, err := x.told(made, nil)
	out.Location = Prefix + "/drafts/" + made.ID
	return out, err
}

func (x drafts) list(ctx context.Context, in *draftQuery) (*draftsOutput, error) {
	before, err := parseCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, err := x.store.List(ctx, draft.State(in.State), before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := DraftList{Items: make([]DraftSummary, 0, len(list))}
	for _, d := range list[:min(len(list), in.Limit)] {
		out.Items = append(out.Items, summaryOf(d))
	}
	if len(list) > in.Limit {
		out.Next = cursorOf(list[in.Limit-1].ID)
	}
	return &draftsOutput{out}, nil
}

func (x drafts) get(ctx context.Context, in *DraftAddress) (*draftOutput, error) {
	return x.told(x.store.Get(ctx, in.ID))
}

func (x drafts) put(ctx context.Context, in *draftPut) (*draftOutput, error) {
	list, err := proposals(in.Body.Records)
	if err != nil {
		return nil, err
	}
	return x.update(ctx, in.ID, in.IfMatch, draft.Change{
		Name: &in.Body.Name, PublishAt: &in.Body.PublishAt, Records: list, Replace: true,
	})
}

func (x drafts) patch(ctx context.Context, in *draftPatch) (*draftOutput, error) {
	var body struct {
		Name      *string         `json:"name"`
		PublishAt json.RawMessage `json:"publish_at"`
	}
	if err := json.Unmarshal(in.Body.json, &body); err != nil {
		return nil, problem(http.StatusBadRequest, err.Error())
	}
	change := draft.Change{Name: body.Name}
	if body.PublishAt != nil { // null is there, too, and leaves the zero instant
		change.PublishAt = new(time.Time)
		if err := json.Unmarshal(body.PublishAt, change.PublishAt); err != nil {
			return nil, problem(http.StatusUnprocessableEntity, "There is no such instant.", FieldProblem{
				"body.publish_at", err.Error(), "use RFC 3339, such as 2026-03-01T18:00:00Z",
			})
		}
	}
	return x.update(ctx, in.ID, in.IfMatch, change)
}

// update changes a draft that the request has seen.
func (x drafts) update(ctx context.Context, id, ifMatch string, change draft.Change) (*draftOutput, error) {
	expect, p := expectation(ifMatch, "")
	if p != nil {
		return nil, p
	}
	d, err := x.store.Update(ctx, person(ctx), id, expect.Tags, change)
	if err != nil {
		return nil, x.problem(err, "body.records[%d].record")
	}
	return x.told(d, nil)
}

// add needs no condition: what it does to a draft it does to any version of it.
func (x drafts) add(ctx context.Context, in *draftAdd) (*draftOutput, error) {
	list, err := proposals(in.Body.Records)
	if err != nil {
		return nil, err
	}
	return x.update(ctx, in.ID, orAny(in.IfMatch), draft.Change{Records: list})
}

func (x drafts) remove(ctx context.Context, in *draftAction) (*struct{}, error) {
	expect, p := expectation(in.IfMatch, "")
	if p != nil {
		return nil, p
	}
	if err := x.store.Delete(ctx, person(ctx), in.ID, expect.Tags); err != nil {
		return nil, x.problem(err, "")
	}
	return nil, nil
}

func (x drafts) publish(ctx context.Context, in *draftAction) (*draftOutput, error) {
	expect, p := expectation(orAny(in.IfMatch), "")
	if p != nil {
		return nil, p
	}
	return x.told(x.store.Publish(ctx, person(ctx), in.ID, expect.Tags))
}

func (x drafts) cancel(ctx context.Context, in *draftAction) (*draftOutput, error) {
	expect, p := expectation(orAny(in.IfMatch), "")
	if p != nil {
		return nil, p
	}
	return x.told(x.store.Cancel(ctx, person(ctx), in.ID, expect.Tags))
}

// orAny is for operations that may say what they expect and need not.
func orAny(ifMatch string) string {
	if ifMatch == "" {
		return catalog.AnyTag
	}
	return ifMatch
}

// problem tells why something was not done with a draft. place is where its
// records are, with %d for the number.
func (x drafts) problem(err error, place string) *Problem {
	refused, isRefused := errors.AsType[*draft.RefusalError](err)
	switch {
	case errors.Is(err, draft.ErrVersion):
		return problem(http.StatusPreconditionFailed,
			"The draft has changed since it was read. Get it again, and repeat the edit on what it is now.")
	case errors.Is(err, draft.ErrNotAllowed):
		return problem(http.StatusForbidden, fmt.Sprintf("This needs the role %s: %v.", Publisher, err))
	case !isRefused:
		return x.api.problemOf(err, "")
	}
	p := problem(http.StatusUnprocessableEntity, fmt.Sprintf("Nothing was written: %d records were refused.", len(refused.Records)))
	if ovenbird.CodeOf(err) == ovenbird.Conflict {
		p = problem(http.StatusConflict, "Nothing was written: records have changed since the draft was made of them.")
	}
	for i := range refused.Records {
		p.Errors = append(p.Errors, refusedFields(&refused.Records[i], place)...)
	}
	return p
}

// refusedFields tells why a record of a draft was refused.
func refusedFields(r *draft.Refused, place string) []FieldProblem {
	where := fmt.Sprintf(place, r.Place)
	if ovenbird.CodeOf(r.Err) == ovenbird.Invalid || len(r.Since) == 0 {
		return fieldProblems(r.Err, where)
	}
	p := FieldProblem{where, fmt.Sprintf("%s %s: %v", r.Type, r.ID, r.Err), "get it again, and draft the edit on what it is now"}
	list := []FieldProblem{p}
	for _, d := range r.Since {
		list = append(list, FieldProblem{Location: where + "." + d.Field, Message: "it has changed since it was drafted: " + changeText(d)})
	}
	return list
}

// maxValue is how much of a value, in bytes, a message shows.
const maxValue = 100

func changeText(d draft.Difference) string {
	text := func(v json.RawMessage) string {
		switch {
		case v == nil:
			return "nothing"
		case len(v) > maxValue:
			return "something long"
		}
		return string(v)
	}
	return fmt.Sprintf("it was %s, and is %s", text(d.Before), text(d.After))
}

// DraftPreview is what publishing a draft would do now.
type DraftPreview struct {
	ETag      string        `json:"etag" doc:"of the draft"`
	Publishes bool          `json:"publishes" doc:"whether nothing would be refused"`
	Records   []DraftEffect `json:"records" nullable:"false" doc:"one for each, in order"`
}

// DraftEffect is what one record would do.
type DraftEffect struct {
	Type   string         `json:"type"`
	ID     string         `json:"id"`
	Action string         `json:"action" enum:"created,updated,deleted,none,refused"`
	Fields []FieldChange  `json:"fields,omitempty" nullable:"false" doc:"what would be different"`
	Errors []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"why it would be refused"`
}

// FieldChange is a field before and after.
type FieldChange struct {
	Field  string          `json:"field" example:"texts.name.en"`
	Before json.RawMessage `json:"before,omitempty" doc:"absent: it is not there"`
	After  json.RawMessage `json:"after,omitempty" doc:"absent: it goes"`
}

type previewOutput struct{ Body DraftPreview }

func (x drafts) preview(ctx context.Context, in *DraftAddress) (*previewOutput, error) {
	look, err := x.store.Preview(ctx, in.ID)
	if err != nil {
		return nil, x.problem(err, "records[%d]")
	}
	out := DraftPreview{ETag: `"` + look.Draft.Tag() + `"`, Records: make([]DraftEffect, 0, len(look.Records))}
	for _, r := range look.Records {
		effect := DraftEffect{Type: string(r.Type), ID: r.ID, Action: string(r.Action)}
		switch {
		case r.Refused != nil:
			effect.Action, effect.Errors = "refused", refusedFields(r.Refused, "records[%d]")
		case r.Action == "":
			effect.Action = "none"
		}
		for _, f := range r.Fields {
			effect.Fields = append(effect.Fields, FieldChange{f.Field, f.Before, f.After})
		}
		out.Records = append(out.Records, effect)
	}
	out.Publishes = len(out.Records) > 0 &&
		!slices.ContainsFunc(look.Records, func(r draft.Outlook) bool { return r.Refused != nil })
	return &previewOutput{out}, nil
}
