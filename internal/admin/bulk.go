package admin

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/catalog"
)

// maxRecords is how many records one request may hold. They are written in one
// transaction, which others wait for; an import has no such limit.
const maxRecords = 10_000

type bulkInput struct {
	IdempotencyHeader
	Atomic      bool   `query:"atomic" doc:"write all or nothing"`
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte `contentType:"application/x-ndjson"`
}

// BulkResult says what became of the records of a request.
type BulkResult struct {
	Changed   int            `json:"changed"`
	Unchanged int            `json:"unchanged" doc:"the catalog was like that already"`
	Refused   int            `json:"refused"`
	Results   []RecordResult `json:"results" nullable:"false" doc:"one for each record, in order"`
}

// RecordResult says what became of one record.
type RecordResult struct {
	Type   string         `json:"type,omitempty"`
	ID     string         `json:"id,omitempty" doc:"of a collection_item: collection/title"`
	Status string         `json:"status" enum:"changed,unchanged,refused"`
	Errors []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"why it was refused"`
}

type bulkOutput struct{ Body BulkResult }

func (a *API) registerBulk() {
	recordSchema := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"type"}, AdditionalProperties: true,
		Description: "A line of an import file: a complete record, a merge patch, or a delete, as its op says.",
		Properties: map[string]*huma.Schema{
			"type": {Type: huma.TypeString, Enum: []any{"title", "license", "collection", "collection_item"}},
			"op":   {Type: huma.TypeString, Enum: []any{"put", "merge", "delete"}, Default: "put"},
			"id":   {Type: huma.TypeString},
		},
	}
	register(a, Editor, huma.Operation{
		OperationID: "write-records", Method: http.MethodPost, Path: "/records", Tags: []string{"records"},
		Summary: "Write many records in one transaction",
		Description: fmt.Sprintf("Up to %d records, as NDJSON or as a JSON array, in the form of import files. One may refer to another "+
			"further down. Without `atomic`, a record that is refused stops only those that depend on it. Nothing is expected of what "+
			"is there: to change what somebody else may be editing, use the operations on one record.", maxRecords),
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeArray, Items: recordSchema}},
		}},
		SkipValidateBody: true, // the catalog says it record by record
		MaxBodyBytes:     maxBulk, BodyReadTimeout: bulkTimeout,
		Errors: []int{
			http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity,
		},
	}, a.writeRecords)
}

func (a *API) writeRecords(ctx context.Context, in *bulkInput) (*bulkOutput, error) {
	lines, err := splitRecords(in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	b := newBulk(lines)
	if in.Atomic && b.out.Refused > 0 {
		return nil, b.refusal()
	}
	try := attemptOf(ctx)
	_, err = a.catalog.Apply(ctx, catalog.Batch{
		Actor: bearer(ctx).Name, Records: b.records, Atomic: in.Atomic,
		Also: func(ctx context.Context, tx *sql.Tx, results []catalog.Result) error {
			b.take(results)
			if try == nil {
				return nil
			}
			body, err := json.Marshal(b.out)
			if err != nil {
				return err
			}
			return try.keep(ctx, tx, answer{http.StatusOK, map[string]string{"Content-Type": "application/json"}, append(body, '\n')})
		},
	})
	if results := catalog.RefusedResults(err); results != nil {
		b.take(results)
		return nil, b.refusal()
	}
	if err != nil {
		return nil, err
	}
	return &bulkOutput{b.out}, nil
}

// splitRecords takes a body apart into records.
func splitRecords(contentType string, body []byte) ([]json.RawMessage, error) {
	mediaType, _, _ := strings.Cut(contentType, ";")
	var lines []json.RawMessage
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "application/json":
		if err := json.Unmarshal(body, &lines); err != nil {
			return nil, problem(http.StatusBadRequest, "The body is no JSON array of records.",
				FieldProblem{Location: "body", Message: err.Error()})
		}
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				lines = append(lines, line)
			}
		}
	default:
		return nil, problem(http.StatusUnsupportedMediaType, "Send records as application/x-ndjson or application/json.")
	}
	if len(lines) > maxRecords {
		return nil, problem(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("A request may hold %d records, this one has %d: send several, or use ovenbird import.", maxRecords, len(lines)))
	}
	return lines, nil
}

// bulk is many records on their way through the catalog.
type bulk struct {
	records []catalog.Record
	at      []int // the place in the request of each of records
	out     BulkResult
}

// newBulk parses records. Those that are none are refused.
func newBulk(lines []json.RawMessage) *bulk {
	b := &bulk{out: BulkResult{Results: make([]RecordResult, len(lines))}}
	for i, line := range lines {
		r, err := catalog.ParseRecord(line)
		if err != nil {
			b.refuse(i, err)
			continue
		}
		result := &b.out.Results[i]
		result.Type, result.ID = string(r.Type), r.ID
		if r.Item != nil {
			result.ID = r.Item.Collection + "/" + r.Item.Title
		}
		b.records = append(b.records, r)
		b.at = append(b.at, i)
	}
	return b
}

func (b *bulk) refuse(i int, err error) {
	b.out.Results[i].Status = "refused"
	b.out.Results[i].Errors = fieldProblems(err, fmt.Sprintf("body[%d]", i))
	b.out.Refused++
}

// take notes what became of the records. It may be called again, with others.
func (b *bulk) take(results []catalog.Result) {
	b.out.Changed, b.out.Unchanged, b.out.Refused = 0, 0, len(b.out.Results)-len(b.records)
	for i, result := range results {
		to := &b.out.Results[b.at[i]]
		to.Errors = nil
		switch {
		case result.Err != nil:
			b.refuse(b.at[i], result.Err)
		case result.Changed:
			to.Status = "changed"
			b.out.Changed++
		default:
			to.Status = "unchanged"
			b.out.Unchanged++
		}
	}
}

// refusal is the problem of a batch that was to be written whole.
func (b *bulk) refusal() *Problem {
	p := problem(http.StatusUnprocessableEntity, fmt.Sprintf("Nothing was written: %d of %d records were refused.",
		b.out.Refused, len(b.out.Results)))
	for _, result := range b.out.Results {
		p.Errors = append(p.Errors, result.Errors...)
	}
	return p
}
