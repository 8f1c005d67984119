package catalog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ovenbird/internal/catalog"
)

func recordSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(catalog.RecordSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("record.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("record.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

const license = `{"type":"license","id":"l1","title":"t1","territories":["*"],"applications":["*"],"model":"svod"`

// structure lists lines, whether they have the structure of a record. Both the
// schema and the program must say so.
var structure = []struct {
	valid bool
	line  string
}{
	{true, full},
	{true, movie("t1")},
	{true, `{"type":"title","id":"t1","op":"put","kind":"clip"}`},
	{true, `{"type":"title","id":"t1","kind":"movie","added":"2026-01-31T10:00:00+02:00"}`},
	{true, `{"type":"title","id":"t1","kind":"movie","texts":{"name":{}}}`},
	{true, license + `}`},
	{true, license + `,"start":null,"end":null}`},
	{true, license + `,"start":"2026-01-01","end":"2026-02-01T00:00:00.000Z","exclude":[]}`},
	{true, `{"type":"collection","id":"c1"}`},
	{true, `{"type":"collection","id":"c1","items":[]}`},
	{true, `{"type":"collection_item","collection":"c1","title":"t1"}`},
	{true, `{"type":"collection_item","collection":"c1","title":"t1","op":"delete"}`},
	{true, `{"type":"title","id":"t1","op":"delete"}`},
	{true, `{"type":"license","id":"l1","op":"delete"}`},
	{true, `{"type":"title","id":"t1","op":"merge","year":null,"texts":{"name":{"en":null},"tagline":null}}`},
	{true, `{"type":"title","id":"t1","op":"merge","texts":null,"genres":null,"images":null}`},
	{true, `{"type":"title","id":"t1","op":"merge"}`},
	{true, `{"type":"license","id":"l1","op":"merge","end":null,"exclude":["FI"]}`},
	{true, `{"type":"collection","id":"c1","op":"merge","items":null,"texts":{"synopsis":null}}`},

	{false, `[]`},
	{false, `"title"`},
	{false, `null`},
	{false, `{}`},
	{false, `{"type":"film","id":"t1"}`},
	{false, `{"type":"title","kind":"movie"}`},
	{false, `{"type":"title","id":"","kind":"movie"}`},
	{false, `{"type":"title","id":null,"kind":"movie"}`},
	{false, `{"type":"title","id":7,"kind":"movie"}`},
	{false, `{"type":"title","id":"t1"}`},
	{false, `{"type":"title","id":"t1","kind":"film"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","op":"upsert"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","color":"red"}`},
	{false, `{"type":"title","id":"t1","Kind":"movie"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","territories":["*"]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","published":null}`},
	{false, `{"type":"title","id":"t1","kind":"movie","published":"yes"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","year":"2008"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","year":2008.5}`},
	{false, `{"type":"title","id":"t1","kind":"movie","year":17}`},
	{false, `{"type":"title","id":"t1","kind":"movie","runtime_seconds":-1}`},
	{false, `{"type":"title","id":"t1","kind":"movie","added":"yesterday"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","added":"2026-01-01T00:00:00"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","added":"2026-01-01T00:00:00.5Z"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","genres":"comedy"}`},
	{false, `{"type":"title","id":"t1","kind":"movie","genres":[null]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","genres":[""]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","texts":{"name":"Bunny"}}`},
	{false, `{"type":"title","id":"t1","kind":"movie","texts":{"name":{"":"Bunny"}}}`},
	{false, `{"type":"title","id":"t1","kind":"movie","texts":{"name":{"en":null}}}`},
	{false, `{"type":"title","id":"t1","kind":"movie","texts":{"title":{"en":"Bunny"}}}`},
	{false, `{"type":"title","id":"t1","kind":"movie","images":[{"role":"poster","url":"a.jpg","width":0,"height":1}]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","images":[{"role":"poster","url":"a.jpg"}]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","images":[{"role":"cover","url":"a.jpg","width":1,"height":1}]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","images":[{"role":"poster","url":"","width":1,"height":1}]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","images":[{"role":"poster","url":"a.jpg","width":1,"height":1,"alt":"x"}]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","ratings":[{"system":"FSK"}]}`},
	{false, `{"type":"title","id":"t1","kind":"movie","ratings":[{"system":"","value":"6"}]}`},
	{false, `{"type":"license","id":"l1","title":"t1","applications":["*"],"model":"svod"}`},
	{false, `{"type":"license","id":"l1","title":"t1","territories":[],"applications":["*"],"model":"svod"}`},
	{false, `{"type":"license","id":"l1","title":"t1","territories":["*"],"applications":[],"model":"svod"}`},
	{false, `{"type":"license","id":"l1","title":"t1","territories":["*"],"applications":["*"]}`},
	{false, `{"type":"license","id":"l1","title":"t1","territories":["*"],"applications":["*"],"model":"ppv"}`},
	{false, `{"type":"license","id":"l1","territories":["*"],"applications":["*"],"model":"svod"}`},
	{false, license + `,"exclude":null}`},
	{false, license + `,"parent":"x"}`},
	{false, `{"type":"collection","id":"c1","texts":{"tagline":{"en":"x"}}}`},
	{false, `{"type":"collection","id":"c1","items":["a","a"]}`},
	{false, `{"type":"collection","id":"c1","items":null}`},
	{false, `{"type":"collection_item","collection":"c1"}`},
	{false, `{"type":"collection_item","id":"i1","collection":"c1","title":"t1"}`},
	{false, `{"type":"collection_item","collection":"c1","title":"t1","op":"merge"}`},
	{false, `{"type":"title","id":"t1","op":"delete","kind":"movie"}`},
	{false, `{"type":"title","op":"delete"}`},
	{false, `{"type":"title","op":"merge","year":1}`},
	{false, `{"type":"title","id":"t1","op":"merge","color":null}`},
	{false, `{"type":"title","id":"t1","op":"merge","genres":[null]}`},
	{false, `{"type":"title","id":"t1","op":"merge","year":"x"}`},
	{false, `{"type":"license","id":"l1","op":"merge","texts":{}}`},
}

func TestTheSchemaAndTheProgramAgreeOnStructure(t *testing.T) {
	schema := recordSchema(t)
	for _, c := range structure {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(c.line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != c.valid {
			t.Errorf("%s: the schema says %v, want valid %t", c.line, err, c.valid)
		}
		if err := accepted(t, c.line); (err == nil) != c.valid {
			t.Errorf("%s: the program says %v, want valid %t", c.line, err, c.valid)
		}
	}
}

// accepted parses a line and applies it to a catalog that has all it may refer to.
func accepted(t *testing.T, line string) error {
	t.Helper()
	r, err := catalog.ParseRecord([]byte(line))
	if err != nil {
		return err
	}
	store := newStore(t)
	if r.ID != "t1" || r.Op == catalog.Merge {
		mustApply(t, store, movie("t1"), `{"type":"collection","id":"c1"}`, license+`}`)
	}
	results, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: []catalog.Record{r}})
	if err != nil {
		t.Fatal(err)
	}
	return results[0].Err
}

func TestARecordSurvivesEncoding(t *testing.T) {
	for _, c := range structure {
		if !c.valid {
			continue
		}
		first := encode(t, &parse(t, c.line)[0])
		if again := encode(t, &parse(t, first)[0]); again != first {
			t.Errorf("%s became %s", first, again)
		}
	}
}

func encode(t *testing.T, r *catalog.Record) string {
	t.Helper()
	line, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}
