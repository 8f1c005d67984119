package shape

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"ovenbird/internal/ovenbird"
)

// maxTokens keeps the validator, which compares fields in pairs, quick.
const maxTokens = 5000

// maxErrors is how many errors of one shape are told at once.
const maxErrors = 10

// parse reads a shape and checks all that can be checked without compiling it.
func parse(d Document) (*ast.OperationDefinition, ast.FragmentDefinitionList, error) {
	source := &ast.Source{Name: d.Source.Name, Input: d.Source.Text}
	document, err := parser.ParseQueryWithTokenLimit(source, maxTokens)
	if err != nil {
		return nil, nil, syntaxError(d.Source, err)
	}
	if err := checkDocument(d, document); err != nil {
		return nil, nil, err
	}
	if errs := validator.ValidateWithRules(schema(), document, nil); len(errs) > 0 {
		return nil, nil, validationErrors(d.Source, errs)
	}
	return document.Operations[0], document.Fragments, nil
}

// place turns a parser's position into ours.
func place(p *ast.Position) ovenbird.Place {
	return ovenbird.Place{File: p.Src.Name, Line: p.Line, Column: p.Column}
}

func syntaxError(s Source, err error) error {
	syntax, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		return ovenbird.ErrorAt(ovenbird.Place{File: s.Name}, "%v", err)
	}
	at := errorPlace(s, syntax)
	if strings.Contains(syntax.Message, "token limit") {
		return ovenbird.ErrorAt(at, "the shape has more than %d tokens; split the document into several", maxTokens)
	}
	return ovenbird.ErrorAt(at, "not GraphQL: %s; a shape looks like { collections { name } }", phrase(syntax.Message))
}

func errorPlace(s Source, err *gqlerror.Error) ovenbird.Place {
	at := ovenbird.Place{File: s.Name}
	if len(err.Locations) > 0 {
		at.Line, at.Column = err.Locations[0].Line, err.Locations[0].Column
	}
	return at
}

// validationErrors turns the validator's errors into ours.
func validationErrors(s Source, list gqlerror.List) error {
	var errs []error
	for _, err := range list {
		message := phrase(err.Message)
		if remedy, ok := remedies[err.Rule]; ok && !strings.Contains(message, "; did you mean") {
			message += "; " + remedy
		}
		errs = append(errs, ovenbird.ErrorAt(errorPlace(s, err), "%s", message))
	}
	return join(errs)
}

// join returns the first errors of a shape in the order of the file, or nil
// where there are none.
func join(errs []error) error {
	slices.SortStableFunc(errs, func(a, b error) int {
		p, q := placeOf(a), placeOf(b)
		return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
	})
	return errors.Join(errs[:min(len(errs), maxErrors)]...)
}

func placeOf(err error) ovenbird.Place {
	if e, ok := errors.AsType[*ovenbird.Error](err); ok {
		return e.Place
	}
	return ovenbird.Place{}
}

// remedies says what to do about what the validator only states, by its rule.
var remedies = map[string]string{
	"FieldsOnCorrectType":        "`ovenbird schema` prints what there is",
	"KnownArgumentNames":         "`ovenbird schema` prints what there is",
	"KnownFragmentNames":         "define it in the same file",
	"KnownTypeNames":             "`ovenbird schema` prints what there is",
	"NoUndefinedVariables":       "only the document's own key is a variable",
	"NoUnusedFragments":          "spread it or remove it",
	"NoUnusedVariables":          "it says which document this is, like title(id: $title)",
	"PossibleFragmentSpreads":    "spread it on its own type",
	"ProvidedRequiredArguments":  "give it a value",
	"ScalarLeafs":                "remove the braces",
	"UniqueArgumentNames":        "keep one of them",
	"UniqueFragmentNames":        "rename one of them",
	"UniqueVariableNames":        "keep one of them",
	"ValuesOfCorrectType":        "`ovenbird schema` prints the types",
	"VariablesInAllowedPosition": "use the key where the schema asks for its type",
	"FragmentsOnCompositeTypes":  "fragments are on types with fields, such as Title",
}

// sentenceEnd is where one sentence of a message ends and the next begins.
var sentenceEnd = regexp.MustCompile(`\. ([A-Z])`)

// unknownField is how the validator says that a type lacks a field.
var unknownField = regexp.MustCompile(`^cannot query field ("[^"]*") on type "([^"]*)"`)

// phrase turns the sentences of the parser and validator into one phrase of the
// kind that our errors are.
func phrase(sentences string) string {
	text := strings.TrimSuffix(strings.TrimSpace(sentences), ".")
	text = sentenceEnd.ReplaceAllStringFunc(text, func(end string) string { return "; " + strings.ToLower(end[2:]) })
	if first, size := utf8.DecodeRuneInString(text); size > 0 {
		text = string(unicode.ToLower(first)) + text[size:]
	}
	return unknownField.ReplaceAllString(text, "field $1 does not exist on $2")
}
