package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// TokenList is the tokens of an environment.
type TokenList struct {
	Items []Token `json:"items" nullable:"false" doc:"oldest first, also those that expired or were revoked"`
}

type (
	tokensOutput struct{ Body TokenList }
	tokenOutput  struct{ Body Token }
	tokenInput   struct {
		IdempotencyHeader
		ID string `path:"id" maxLength:"128"`
	}
)

// registerTokens adds what can be done with tokens from afar. They are made on
// the machine, with the command, so that no secret is in an answer.
func (a *API) registerTokens() {
	register(a, Viewer, huma.Operation{
		OperationID: "get-own-token", Method: http.MethodGet, Path: "/token", Tags: []string{"tokens"},
		Summary: "What the token sent may do",
	}, func(ctx context.Context, _ *struct{}) (*tokenOutput, error) { return &tokenOutput{bearer(ctx)}, nil })
	register(a, Admin, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/tokens", Tags: []string{"tokens"}, Summary: "List the tokens",
	}, func(ctx context.Context, _ *struct{}) (*tokensOutput, error) {
		list, err := a.Tokens.List(ctx)
		return &tokensOutput{TokenList{append([]Token{}, list...)}}, err
	})
	register(a, Admin, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/tokens/{id}", Tags: []string{"tokens"},
		Summary: "Make a token good for nothing, for ever", Errors: []int{http.StatusNotFound, http.StatusConflict},
		DefaultStatus: http.StatusOK,
	}, func(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
		token, err := a.Tokens.Revoke(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &tokenOutput{token}, nil
	})
}
