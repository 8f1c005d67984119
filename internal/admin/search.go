package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/catalog"
)

type searchInput struct {
	Q      string `query:"q" required:"true" maxLength:"1000" doc:"words in any text and language; the last may be the beginning of one"`
	Type   string `query:"type" enum:"title,collection"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" maxLength:"512" doc:"the next of the page before"`
}

// SearchHit is a title or a collection with a text that has what was looked for.
type SearchHit struct {
	Type   string `json:"type" enum:"title,collection"`
	ID     string `json:"id"`
	Kind   string `json:"kind,omitempty" doc:"of a title"`
	Field  string `json:"field"`
	Locale string `json:"locale"`
	Text   string `json:"text"`
}

// SearchHits is a page of what a search finds.
type SearchHits struct {
	Items []SearchHit `json:"items" nullable:"false" doc:"what has the words in a name first"`
	Next  string      `json:"next,omitempty" doc:"cursor of the next page; absent where that was all"`
}

type searchOutput struct{ Body SearchHits }

func (a *API) registerSearch() {
	register(a, Viewer, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: "/search", Tags: []string{"titles", "collections"},
		Summary: "Find titles and collections by words, the best first", Errors: []int{http.StatusUnprocessableEntity},
	}, a.search)
}

func (a *API) search(ctx context.Context, in *searchInput) (*searchOutput, error) {
	found, err := a.catalog.Search(ctx, catalog.Search{
		Text: in.Q, Type: catalog.RecordType(in.Type), After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := SearchHits{Items: make([]SearchHit, 0, len(found.Hits)), Next: found.Next}
	for _, h := range found.Hits {
		out.Items = append(out.Items, SearchHit{string(h.Type), h.ID, string(h.Kind), string(h.Field), string(h.Locale), h.Text})
	}
	return &searchOutput{out}, nil
}
