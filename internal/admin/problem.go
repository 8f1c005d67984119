package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// Problem is a problem document (RFC 9457): why a request was refused.
type Problem struct { //nolint:errname // the word of RFC 9457
	Type   string         `json:"type" doc:"what kind of problem it is, for programs to compare" example:"/problems/invalid"`
	Title  string         `json:"title" doc:"the same for all problems of a type"`
	Status int            `json:"status"`
	Detail string         `json:"detail" doc:"what is wrong here, and what to do"`
	Errors []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"what is wrong, field by field"`

	header http.Header
}

// FieldProblem is what is wrong with one part of a request.
type FieldProblem struct {
	Location string `json:"location" doc:"such as body.texts.name.en, body[3].year, query.limit" example:"body.texts.name.en"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty" doc:"what would be right"`
}

// Error makes p an error.
func (p *Problem) Error() string { return p.Detail }

// carrier takes a Problem through huma, which asks errors for their status.
type carrier struct {
	huma.StatusError

	problem *Problem
}

// ContentType is the media type of problem documents.
func (carrier) ContentType(string) string { return problemType }

// carried returns p as huma wants errors.
func carried(p *Problem) error {
	err := carrier{&huma.ErrorModel{Status: p.Status, Detail: p.Detail}, p}
	if p.header == nil {
		return err
	}
	return huma.ErrorWithHeaders(err, p.header)
}

const problemType = "application/problem+json"

// problems names the type of a problem by its status. One status has one type
// unless a caller says otherwise.
var problems = map[int]struct{ name, title string }{
	http.StatusBadRequest:            {"bad-request", "Malformed request"},
	http.StatusUnauthorized:          {"unauthorized", "Token needed"},
	http.StatusForbidden:             {"forbidden", "Not allowed"},
	http.StatusNotFound:              {"not-found", "Not found"},
	http.StatusMethodNotAllowed:      {"method-not-allowed", "Method not allowed"},
	http.StatusRequestTimeout:        {"timeout", "Request too slow"},
	http.StatusConflict:              {"conflict", "Conflict"},
	http.StatusPreconditionFailed:    {"changed", "Changed since it was read"},
	http.StatusRequestEntityTooLarge: {"too-large", "Request too large"},
	http.StatusUnsupportedMediaType:  {"unsupported-media-type", "Unsupported media type"},
	http.StatusUnprocessableEntity:   {"invalid", "Invalid request"},
	http.StatusPreconditionRequired:  {"precondition-required", "If-Match needed"},
	http.StatusTooManyRequests:       {"too-many", "Too many at once"},
	http.StatusInternalServerError:   {"internal", "Internal error"},
	http.StatusServiceUnavailable:    {"unavailable", "Unavailable"},
}

// problem returns the problem of a status.
func problem(status int, detail string, fields ...FieldProblem) *Problem {
	kind, ok := problems[status]
	if !ok {
		kind.name, kind.title = "error", cmp.Or(http.StatusText(status), "Error")
	}
	return &Problem{Type: "/problems/" + kind.name, Title: kind.title, Status: status, Detail: detail, Errors: fields}
}

// with adds a header to the answer.
func (p *Problem) with(name, value string) *Problem {
	if p.header == nil {
		p.header = make(http.Header)
	}
	p.header.Set(name, value)
	return p
}

// write answers with p outside of huma.
func (p *Problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // of strings and numbers
		panic(err)
	}
	h := w.Header()
	maps.Copy(h, p.header)
	h.Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// problemOf tells an error of the packages below. where is what the fields of a
// refused record are part of, such as "body"; "" where there is no record.
func (a *API) problemOf(err error, where string) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	switch ovenbird.CodeOf(err) {
	case ovenbird.Invalid:
		if where != "" {
			return problem(http.StatusUnprocessableEntity, "The record was refused.", fieldProblems(err, where)...)
		}
		return problem(http.StatusUnprocessableEntity, err.Error())
	case ovenbird.NotFound:
		if where != "" { // something that the record refers to
			return problem(http.StatusUnprocessableEntity, "The record was refused.", fieldProblems(err, where)...)
		}
		return problem(http.StatusNotFound, err.Error())
	case ovenbird.Conflict, ovenbird.Held:
		return problem(http.StatusConflict, err.Error())
	case ovenbird.Unavailable:
		return problem(http.StatusServiceUnavailable, err.Error()).with("Retry-After", "2")
	default:
		a.log.Error("admin request failed", "error", err)
		return problem(http.StatusInternalServerError, "Something is broken here; the log of the server says what.")
	}
}

// fieldProblems tells field by field why a record was refused.
func fieldProblems(err error, where string) []FieldProblem {
	var list []FieldProblem
	for _, e := range catalog.FieldErrors(err) {
		location := where
		if e.Field != "" {
			location += "." + e.Field
		}
		list = append(list, fieldProblem(location, e.Err.Error()))
	}
	return list
}

// fieldProblem splits a message at its last semicolon: the catalog's messages
// say there what would be right.
func fieldProblem(location, message string) FieldProblem {
	if i := strings.LastIndex(message, "; "); i > 0 {
		return FieldProblem{location, message[:i], message[i+2:]}
	}
	return FieldProblem{Location: location, Message: message}
}

// asProblem turns huma's errors into problems, on their way out. Their values
// are left out: whoever sent them knows them, and they can be long.
func asProblem(_ huma.Context, _ string, v any) (any, error) {
	if c, ok := v.(carrier); ok {
		return c.problem, nil
	}
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := problem(model.Status, model.Detail)
	for _, e := range model.Errors {
		if e == nil {
			continue
		}
		f := FieldProblem{Location: cmp.Or(e.Location, "body"), Message: e.Message}
		if e.Message == "unexpected property" {
			f.Message, f.Remedy = "unknown field", "leave it out; the OpenAPI document has the fields there are"
		}
		p.Errors = append(p.Errors, f)
	}
	if model.Status == http.StatusUnprocessableEntity {
		p.Detail = "The request does not have the form that the OpenAPI document says."
	}
	slices.SortStableFunc(p.Errors, func(x, y FieldProblem) int { return strings.Compare(x.Location, y.Location) })
	return p, nil
}
