package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

type explainInput struct {
	ID          string    `path:"id" maxLength:"128"`
	Country     string    `query:"country" required:"true" maxLength:"2" example:"FI"`
	Application string    `query:"application" required:"true" maxLength:"256" doc:"an application, or an edition such as web/fi"`
	At          time.Time `query:"at" doc:"as of this instant; absent: now"`
}

// Explanation says why a title is shown or hidden.
type Explanation struct {
	facts.Explanation
	At              time.Time `json:"at"`
	CatalogSequence int64     `json:"catalog_sequence" doc:"of the last change that it considers"`
}

type explainOutput struct{ Body Explanation }

func (a *API) registerExplanations() {
	register(a, Viewer, huma.Operation{
		OperationID: "explain-title", Method: http.MethodGet, Path: "/titles/{id}/explanation", Tags: []string{"titles"},
		Summary: "Why a title is shown or hidden", Description: "Of the catalog as it is now, which may not be baked yet.",
		Errors: []int{http.StatusNotFound},
	}, a.explainTitle)
}

func (a *API) explainTitle(ctx context.Context, in *explainInput) (*explainOutput, error) {
	view, country, err := a.view(ctx, in.Country, in.Application, in.At)
	if err != nil {
		return nil, err
	}
	title := view.Snapshot().Titles[ovenbird.TitleID(in.ID)]
	if title == nil {
		return nil, problem(http.StatusNotFound, "There is no title with this id.")
	}
	return &explainOutput{Explanation{view.Explain(title, country), view.At, view.Snapshot().Sequence}}, nil
}
