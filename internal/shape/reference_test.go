package shape

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"ovenbird/internal/ovenbird"
)

const (
	referenceSeed  = 20260310
	referenceCases = 2000
)

// referenceCase is one document of one world, as both sides get it.
type referenceCase struct {
	world *world
	key   Key
	shape string
	keys  Keys
}

// answer is what the reference implementation makes of a case.
type answer struct {
	Errors    []string                     `json:"errors"`
	Documents map[ovenbird.Country]*string `json:"documents"`
}

// TestEqualToReferenceImplementation executes generated shapes over generated
// catalogs here and with the GraphQL reference implementation in JavaScript,
// whose resolvers read the raw catalog by themselves, and compares the bytes of
// every country's document.
func TestEqualToReferenceImplementation(t *testing.T) {
	if testing.Short() {
		t.Skip("starts another program")
	}
	cases := referenceCasesOf(rand.New(rand.NewPCG(referenceSeed, 0)), referenceCases)
	t.Logf("seed %d, %d cases", referenceSeed, len(cases))
	answers := askReference(t, messages(cases))
	documents := 0
	for i, c := range cases {
		if len(answers[i].Errors) > 0 {
			t.Fatalf("case %d: the reference refuses a shape: %q\n%s", i, answers[i].Errors, c.shape)
		}
		plan, err := compiled(c.key, c.shape)
		if err != nil {
			t.Fatalf("case %d: %v\n%s", i, err, c.shape)
		}
		got, err := compose(NewRenderer(c.world.view()), plan, c.keys, c.world.edition.Countries)
		if err != nil {
			t.Fatalf("case %d: %v\n%s", i, err, c.shape)
		}
		for country, want := range answers[i].Documents {
			compareToReference(t, i, c, country, got, want)
			if want != nil {
				documents++
			}
		}
	}
	t.Logf("%d documents are equal", documents)
	if documents < len(cases) {
		t.Errorf("only %d documents exist in %d cases: the cases test too little", documents, len(cases))
	}
}

func compareToReference(t *testing.T, i int, c referenceCase, country ovenbird.Country, got map[ovenbird.Country]string, want *string) {
	t.Helper()
	text, exists := got[country]
	switch {
	case want == nil && exists:
		t.Fatalf("case %d: the document exists in %s, and does not in the reference\nshape %s\nkeys %+v\ngot %s", i, country, c.shape, c.keys, text)
	case want != nil && !exists:
		t.Fatalf("case %d: no document in %s\nshape %s\nkeys %+v\nwant %s", i, country, c.shape, c.keys, *want)
	case want != nil && text != *want:
		dump, err := json.MarshalIndent(c.world.dump(), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		t.Fatalf("case %d, %s:\nshape %s\nkeys %+v\n got %s\nwant %s\nworld %s", i, country, c.shape, c.keys, text, *want, dump)
	}
}

func referenceCasesOf(random *rand.Rand, n int) []referenceCase {
	cases := make([]referenceCase, n)
	for i := range cases {
		w := newWorld(random.IntN)
		key := pickOne(random.IntN, allKeys()...)
		cases[i] = referenceCase{w, key, newShape(random.IntN, w, key), w.keys(random.IntN)}
	}
	return cases
}

// TestStandardToolsAcceptSchemaAndShapes has the reference implementation build
// the schema and validate the shapes of the demo site and of the guide.
func TestStandardToolsAcceptSchemaAndShapes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts another program")
	}
	files, err := filepath.Glob("../../examples/*/content/applications/*/*.graphql")
	if err != nil {
		t.Fatal(err)
	}
	names, messages := []string{}, []any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names, messages = append(names, file), append(messages, map[string]string{"shape": string(text)})
	}
	for _, text := range guideShapes(t) {
		names, messages = append(names, text), append(messages, map[string]string{"shape": text})
	}
	for i, a := range askReference(t, messages) {
		if len(a.Errors) > 0 {
			t.Errorf("%s: %q", names[i], a.Errors)
		}
	}
}

// messages returns cases as the reference implementation reads them.
func messages(cases []referenceCase) []any {
	keyNames := map[Key]string{Unkeyed: "", ByTitle: "title", ByCollection: "collection", ByPage: "page", ByPrefix: "prefix"}
	list := make([]any, len(cases))
	for i, c := range cases {
		variables := map[string]any{"title": c.keys.Title, "collection": c.keys.Collection, "page": c.keys.Page, "prefix": c.keys.Prefix}
		list[i] = map[string]any{
			"world": c.world.dump(), "key": keyNames[c.key], "shape": c.shape, "keys": variables, "pageSize": testPageSize,
		}
	}
	return list
}

// askReference has one process of node answer all messages.
func askReference(t *testing.T, messages []any) []answer {
	t.Helper()
	node := findReference(t)
	var input bytes.Buffer
	lines := json.NewEncoder(&input)
	for _, message := range slices.Concat([]any{map[string]string{"sdl": SDL()}}, messages) {
		if err := lines.Encode(message); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), node, filepath.Join("reference", "execute.mjs"))
	command.Stdin = &input
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("run the reference implementation: %v", err)
	}
	var answers []answer
	scanner := bufio.NewScanner(bytes.NewReader(output))
	scanner.Buffer(nil, len(output)+1)
	for scanner.Scan() {
		var a answer
		if err := json.Unmarshal(scanner.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(messages) {
		t.Fatalf("%d answers to %d messages", len(answers), len(messages))
	}
	return answers
}

// findReference returns the path of node. It skips the test where node or the
// reference implementation is not there, except in continuous integration.
func findReference(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join("reference", "node_modules", "graphql"))
	}
	switch {
	case err == nil:
		return node
	case os.Getenv("CI") != "":
		t.Fatalf("the reference implementation is not set up: %v; run npm ci in internal/shape/reference", err)
	default:
		t.Skipf("the reference implementation is not set up: %v; run npm ci in internal/shape/reference", err)
	}
	return ""
}
