package shape

import (
	_ "embed"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
)

//go:embed schema.graphql
var sdl string

// SDL returns the schema that shapes select from, in the GraphQL schema
// definition language.
func SDL() string { return sdl }

// schema parses the SDL once; nobody changes what it returns.
var schema = sync.OnceValue(func() *ast.Schema {
	parsed, err := validator.LoadSchema(validator.Prelude, &ast.Source{Name: "schema.graphql", Input: sdl})
	if err != nil {
		panic("shape: the embedded schema does not load: " + err.Error())
	}
	return parsed
})
