package admin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// resource is one of the three kinds of records, whose operations differ only
// in what they are about.
type resource[T any] struct {
	api      *API
	typ      catalog.RecordType
	plural   string // in addresses and tags
	singular string
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func (a *API) registerRecords() {
	titles := resource[Title]{a, catalog.TypeTitle, "titles", "title"}
	licenses := resource[License]{a, catalog.TypeLicense, "licenses", "license"}
	collections := resource[Collection]{a, catalog.TypeCollection, "collections", "collection"}
	register(a, Viewer, titles.list("list-titles", "A page in any order that stays the same from page to page."), a.listTitles)
	register(a, Viewer, licenses.list("list-licenses", ""), a.listLicenses)
	register(a, Viewer, collections.list("list-collections", ""), a.listCollections)
	titles.register()
	licenses.register()
	collections.register()
}

func (x resource[T]) schema() *huma.Schema {
	return x.api.huma.OpenAPI().Components.Schemas.Schema(typeOf[T](), true, "")
}

func (x resource[T]) operation(method, verb, summary string, errs ...int) huma.Operation {
	return huma.Operation{
		OperationID: verb + "-" + x.singular, Method: method, Path: "/" + x.plural + "/{id}", Tags: []string{x.plural},
		Summary: fmt.Sprintf(summary, x.singular), Errors: errs, MaxBodyBytes: maxBody,
	}
}

func (x resource[T]) list(id, more string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: "/" + x.plural, Tags: []string{x.plural}, Summary: "List " + x.plural,
		Description: strings.TrimSpace(more + " Ordered by id. A page may have fewer entries than asked for, even none, where a filter " +
			"lets little through: the list has ended where `next` is absent. What is there all the time is on exactly one page, " +
			"whatever is edited meanwhile."),
		Errors: []int{http.StatusUnprocessableEntity},
	}
}

func (x resource[T]) register() {
	const (
		invalid  = http.StatusUnprocessableEntity
		notFound = http.StatusNotFound
		changed  = http.StatusPreconditionFailed
		missing  = http.StatusPreconditionRequired
		busy     = http.StatusConflict
		large    = http.StatusRequestEntityTooLarge
		media    = http.StatusUnsupportedMediaType
	)
	read := x.operation(http.MethodGet, "get", "Read a %s", notFound)
	read.Responses = map[string]*huma.Response{"304": {Description: "It still has the tag of If-None-Match"}}
	register(x.api, Viewer, read, x.get)
	put := x.operation(http.MethodPut, "put", "Create or replace a %s", invalid, changed, missing, busy, large, media)
	put.Description = "The body is complete: what is absent gets its zero value. `If-None-Match: *` creates only, `If-Match` replaces."
	put.Responses = map[string]*huma.Response{"201": {
		Description: "Created",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: x.schema()}},
		Headers: map[string]*huma.Header{
			"ETag": {Schema: &huma.Schema{Type: huma.TypeString}}, "Location": {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}}
	register(x.api, Editor, put, x.put)
	merge := x.operation(http.MethodPatch, "patch", "Change fields of a %s", invalid, notFound, changed, missing, busy, large, media)
	merge.Description = "A JSON Merge Patch (RFC 7396): what is absent stays, what is null goes, lists are replaced whole."
	register(x.api, Editor, merge, x.patch)
	remove := x.operation(http.MethodDelete, "delete", "Delete a %s", invalid, notFound, changed, missing, busy)
	remove.Description = "Refused while something hangs on it. The id stays taken."
	register(x.api, Editor, remove, x.remove)
}

// Address is where a record is.
type Address struct {
	ID string `path:"id" maxLength:"128" doc:"letters, digits and -_.~:@+"`
}

type getInput struct {
	Address
	IfNoneMatch string `header:"If-None-Match" doc:"answers 304 where what is there still has this tag"`
}

// Conditions are the headers of a write.
type Conditions struct {
	IdempotencyHeader
	IfMatch string `header:"If-Match" doc:"the ETag that was read, or * for whatever is there"`
}

type putInput[T any] struct {
	Address
	Conditions
	IfNoneMatch string `header:"If-None-Match" doc:"*: only where there is nothing"`
	Body        record[T]
}

type patchInput[T any] struct {
	Address
	Conditions
	Body patch[T] `contentType:"application/merge-patch+json"`
}

type deleteInput struct {
	Address
	Conditions
}

type recordOutput[T any] struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     record[T]
}

func (x resource[T]) get(ctx context.Context, in *getInput) (*recordOutput[T], error) {
	if ovenbird.CheckID(in.ID) != nil {
		return nil, x.notThere(in.ID)
	}
	entry, ok, err := x.api.catalog.One(ctx, x.typ, in.ID)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, x.notThere(in.ID)
	}
	tag := etag(entry.Form)
	if in.IfNoneMatch == "*" || holds(in.IfNoneMatch, tag) {
		return &recordOutput[T]{Status: http.StatusNotModified, ETag: tag}, nil
	}
	return &recordOutput[T]{Status: http.StatusOK, ETag: tag, Body: record[T]{entry.Form}}, nil
}

func (x resource[T]) notThere(id string) *Problem {
	return problem(http.StatusNotFound, fmt.Sprintf("There is no %s %q.", x.singular, id))
}

func (x resource[T]) put(ctx context.Context, in *putInput[T]) (*recordOutput[T], error) {
	r, p := x.record(in.ID, catalog.Put, in.Body.json, in.IfMatch, in.IfNoneMatch)
	if p != nil {
		return nil, p
	}
	return x.write(ctx, r)
}

func (x resource[T]) patch(ctx context.Context, in *patchInput[T]) (*recordOutput[T], error) {
	r, p := x.record(in.ID, catalog.Merge, in.Body.json, in.IfMatch, "")
	if p != nil {
		return nil, p
	}
	return x.write(ctx, r)
}

func (x resource[T]) remove(ctx context.Context, in *deleteInput) (*struct{}, error) {
	r, p := x.record(in.ID, catalog.Delete, []byte("{}"), in.IfMatch, "")
	if p != nil {
		return nil, p
	}
	_, err := x.write(ctx, r)
	return nil, err
}

// record makes the record that a request asks to write.
func (x resource[T]) record(id string, op catalog.Op, body []byte, ifMatch, ifNoneMatch string) (catalog.Record, *Problem) {
	if p := checkID("path.id", id); p != nil {
		return catalog.Record{}, p
	}
	expect, p := expectation(ifMatch, ifNoneMatch)
	if p != nil {
		return catalog.Record{}, p
	}
	r, err := catalog.RecordOf(x.typ, id, op, body)
	if err != nil {
		return catalog.Record{}, x.api.problemOf(err, "body")
	}
	r.Expect = expect
	return r, nil
}

// checkID refuses what can not be an id.
func checkID(location, id string) *Problem {
	if err := ovenbird.CheckID(id); err != nil {
		return problem(http.StatusUnprocessableEntity, "There can be no such id.", fieldProblem(location, err.Error()))
	}
	return nil
}

// write applies one record and keeps the answer, where the request has a key, in
// the same transaction.
func (x resource[T]) write(ctx context.Context, r catalog.Record) (*recordOutput[T], error) {
	var out *recordOutput[T]
	try := attemptOf(ctx)
	results, err := x.api.catalog.Apply(ctx, catalog.Batch{
		Actor: bearer(ctx).Name, Records: []catalog.Record{r},
		Also: func(ctx context.Context, tx *sql.Tx, results []catalog.Result) error {
			refused := results[0].Err != nil
			if !refused {
				out = x.output(&r, &results[0])
			}
			if refused || try == nil {
				return nil //nolint:nilerr // the refusal is in the results
			}
			return try.keep(ctx, tx, out.answer())
		},
	})
	if err != nil {
		return nil, err
	}
	if err := results[0].Err; err != nil {
		return nil, x.refusal(&r, err)
	}
	return out, nil
}

// refusal tells why a record was refused.
func (x resource[T]) refusal(r *catalog.Record, err error) *Problem {
	const again = "Get it again, and repeat the edit on what it is now."
	switch {
	case errors.Is(err, catalog.ErrChanged):
		return problem(http.StatusPreconditionFailed, "It has changed since it was read. "+again)
	case errors.Is(err, catalog.ErrExists):
		return problem(http.StatusPreconditionFailed, fmt.Sprintf("There is a %s %q already. %s", x.singular, r.ID, again))
	case errors.Is(err, catalog.ErrMissing) && r.Op == catalog.Put:
		return problem(http.StatusPreconditionFailed, fmt.Sprintf("There is no %s %q any more.", x.singular, r.ID))
	case errors.Is(err, catalog.ErrMissing):
		return x.notThere(r.ID)
	case r.Op == catalog.Delete:
		return problem(http.StatusUnprocessableEntity, "It can not be deleted: "+err.Error()+".")
	default:
		return x.api.problemOf(err, "body")
	}
}

func (x resource[T]) output(r *catalog.Record, result *catalog.Result) *recordOutput[T] {
	if r.Op == catalog.Delete {
		return &recordOutput[T]{Status: http.StatusNoContent}
	}
	out := &recordOutput[T]{Status: http.StatusOK, ETag: etag(result.Form), Body: record[T]{result.Form}}
	if result.Action == catalog.Created {
		out.Status, out.Location = http.StatusCreated, Prefix+"/"+x.plural+"/"+url.PathEscape(r.ID)
	}
	return out
}

// answer is what huma makes of an output.
func (out *recordOutput[T]) answer() answer {
	given := answer{Status: out.Status, Headers: make(map[string]string)}
	if out.Status == http.StatusNoContent {
		return given
	}
	given.Headers["Content-Type"], given.Headers["ETag"] = "application/json", out.ETag
	if out.Location != "" {
		given.Headers["Location"] = out.Location
	}
	given.Body = append(append(given.Body, out.Body.json...), '\n')
	return given
}

// etag is the strong tag of a record.
func etag(form []byte) string { return `"` + catalog.Tag(form) + `"` }

// expectation reads the conditions of a write (RFC 9110, section 13.1). One that
// does not say what it expects is refused, so that nobody overwrites what they
// have not seen (RFC 6585, section 3).
func expectation(ifMatch, ifNoneMatch string) (catalog.Expectation, *Problem) {
	switch {
	case ifMatch != "" && ifNoneMatch != "":
		return catalog.Expectation{}, problem(http.StatusBadRequest, "Send If-Match or If-None-Match, not both.")
	case ifNoneMatch == "*":
		return catalog.Expectation{Absent: true}, nil
	case ifNoneMatch != "":
		return catalog.Expectation{}, problem(http.StatusBadRequest, "If-None-Match of a write can only be *: there may be nothing yet.")
	case ifMatch == "":
		return catalog.Expectation{}, problem(http.StatusPreconditionRequired,
			"Say what you expect to find: If-Match with the ETag that you read, If-Match: * to overwrite whatever is there, "+
				"or, to create, If-None-Match: *.")
	case ifMatch == "*":
		return catalog.Expectation{Tags: []string{catalog.AnyTag}}, nil
	}
	tags, ok := parseTags(ifMatch)
	if !ok {
		return catalog.Expectation{}, problem(http.StatusBadRequest, `If-Match has to be a list of tags in quotes, such as "a1b2".`)
	}
	return catalog.Expectation{Tags: tags}, nil
}

// parseTags reads a list of entity tags. Weak ones are passed over, because
// If-Match compares strongly; where only those were, no tag will match.
func parseTags(s string) (tags []string, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		inner, weak := strings.CutPrefix(part, "W/")
		if len(inner) < 2 || inner[0] != '"' || inner[len(inner)-1] != '"' || strings.Contains(inner[1:len(inner)-1], `"`) {
			return nil, false
		}
		if tag := inner[1 : len(inner)-1]; !weak && tag != catalog.AnyTag {
			tags = append(tags, tag)
		}
	}
	if tags == nil {
		tags = []string{""}
	}
	return tags, true
}

// holds reports whether If-None-Match names a tag; it compares weakly.
func holds(list, tag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.TrimPrefix(strings.TrimSpace(part), "W/") == tag {
			return true
		}
	}
	return false
}
