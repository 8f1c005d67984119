package importer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// mapRows imports a table through a mapping and returns the records that reach
// the catalog, as lines, then the reasons of rejects.
func mapRows(t *testing.T, mapping, table string) (records, reasons []string) {
	t.Helper()
	files := fstest.MapFS{"boards.csv": &fstest.MapFile{Data: []byte("board,country\nFSK,DE\nBBFC,GB\n")}}
	m, err := importer.ParseMapping("m.yaml", []byte(mapping), files)
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, importer.Config{Mapping: m}, table)
	if out.err != nil {
		t.Fatal(out.err)
	}
	for _, line := range out.rejects {
		var reject struct{ Reason string }
		if err := json.Unmarshal([]byte(line), &reject); err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, reject.Reason)
	}
	return out.catalog.lines(t), reasons
}

// TestWhatAFieldBecomes lists the ways to write a field of a title, for a table
// with one row.
func TestWhatAFieldBecomes(t *testing.T) {
	const table = "id,a,b,list,date,empty\n1, Añb C ,90 min,\"x, y,,x\",31.01.2026,N/A\n"
	cases := []struct{ field, want string }{
		{`number: "{a}"`, `"number":"Añb C"`},
		{`number: "<{a|lower}/{b|upper}>"`, `"number":"<añb c/90 MIN>"`},
		{`number: "{a|slug}"`, `"number":"anb-c"`},
		{`number: "{a|hash}"`, `"number":"b68f015a574e"`},
		{`number: "{{{a}"`, `"number":"{Añb C"`},
		{`number: "{empty}-x"`, ``},
		{`number: "constant"`, `"number":"constant"`},
		{`number: {from: "{empty}", default: "none"}`, `"number":"none"`},
		{`number: {from: "{b}", pattern: '^(\d+)'}`, `"number":"90"`},
		{`number: {from: "{b}", pattern: 'x'}`, ``},
		{`runtime_seconds: {from: "{b}", pattern: '^(\d+) min$', times: 60}`, `"runtime_seconds":5400`},
		{`special: {from: "{b}", lookup: minutes}`, `"special":true`},
		{`special: "no"`, ``},
		{`genres: {from: "{list}", split: ","}`, `"genres":["x","y"]`},
		{`genres: ["{a}", "fixed", "{empty}"]`, `"genres":["Añb C","fixed"]`},
		{`genres: "{a}"`, `"genres":["Añb C"]`},
		{`genres: {from: "{empty}", split: ",", default: "none"}`, `"genres":["none"]`},
		{`genres: {from: "{list}", split: ",", lookup: letters, missing: keep}`, `"genres":["ex","y"]`},
		{`genres: {from: "{list}", split: ",", lookup: letters, missing: drop}`, `"genres":["ex"]`},
		{`origins: {from: "south korea", lookup: countries}`, `"origins":["KR"]`},
		{`origins: {from: "Great Britain", lookup: [letters, countries]}`, `"origins":["GB"]`},
		{`origins: {from: "UK,el,XK,ZR", split: ",", lookup: countries}`, `"origins":["GB","GR","XK","CD"]`},
		{`origins: {from: "FSK", lookup: boards}`, `"origins":["DE"]`},
		{`added: {from: "{date}", layout: "02.01.2006", zone: UTC}`, `"added":"2026-01-31T00:00:00Z"`},
		{`added: {from: "{date}", layout: "02.01.2006", zone: Europe/Helsinki}`, `"added":"2026-01-30T22:00:00Z"`},
		{`added: {from: "{date}", layout: "02.01.2006", zone: UTC, add: -1w 1d}`, `"added":"2026-01-25T00:00:00Z"`},
		{`added: {from: "{empty}", layout: "02.01.2006", zone: UTC}`, ``},
		{`added: "2026-01-31T12:00:00+02:00"`, `"added":"2026-01-31T10:00:00Z"`},
		{`texts: {name: {en: "{a}", fi: "{empty}"}, tagline: {en: "{empty}"}}`, `"texts":{"name":{"en":"Añb C"}}`},
		{`ratings: [{system: X, value: "{a}"}, {system: Y, value: "{empty}"}]`, `"ratings":[{"system":"X","value":"Añb C"}]`},
		{`images: [{role: poster, url: "{id}.jpg", width: 1, height: "2"}]`, `"images":[{"role":"poster","url":"1.jpg","width":1,"height":2}]`},
	}
	for _, c := range cases {
		mapping := "empty: N/A\nlookups:\n  minutes: {90 min: yes}\n  letters: {x: ex}\n  boards: {file: boards.csv, key: board, value: country}\n" +
			"records:\n  - type: title\n    id: \"{id}\"\n    kind: movie\n    " + c.field + "\n"
		records, reasons := mapRows(t, mapping, table)
		want := `{"type":"title","id":"1","op":"put","kind":"movie"`
		if c.want != "" {
			want += "," + c.want
		}
		if len(records) != 1 || records[0] != want+"}" {
			t.Errorf("%s\n got %s %s\nwant %s}", c.field, records, reasons, want)
		}
	}
}

func TestAnInclusiveEndIsTheFirstInstantOutside(t *testing.T) {
	cases := []struct{ layout, text, end, want string }{
		{"2006-01-02", "2026-03-28", "inclusive", "2026-03-28T22:00:00Z"}, // the night the clocks change
		{"2006-01-02", "2026-03-28", "exclusive", "2026-03-27T22:00:00Z"},
		{"2006-01-02 15:04", "2026-01-01 23:59", "inclusive", "2026-01-01T22:00:00Z"},
		{"2006-01-02 15:04:05", "2026-01-01 23:59:59", "inclusive", "2026-01-01T22:00:00Z"},
		{"2006-01-02 15:04:05", "2026-01-01 23:59:59", "exclusive", "2026-01-01T21:59:59Z"},
	}
	for _, c := range cases {
		mapping := "records:\n  - {type: license, id: l, title: t, territories: [\"*\"], applications: [\"*\"], model: svod, " +
			"end: {from: \"{at}\", layout: \"" + c.layout + "\", zone: Europe/Helsinki, end: " + c.end + "}}\n"
		records, _ := mapRows(t, mapping, "at\n"+c.text+"\n")
		if len(records) != 1 || !strings.Contains(records[0], `"end":"`+c.want+`"`) {
			t.Errorf("%s %s: got %s, want %s", c.text, c.end, records, c.want)
		}
	}
}

func TestARowGivesSeveralRecordsOnConditions(t *testing.T) {
	const mapping = `
records:
  - {type: title, id: "{id}", kind: movie}
  - {type: collection, when: {column: list, empty: false}, each: {from: "{list}", split: ","}, id: "c-{each}"}
  - type: collection_item
    when: [{column: list, empty: false}, {column: each, equals: [a, b]}, {column: id, matches: "^[12]$"}]
    each: {from: "{list}", split: ","}
    collection: "c-{each}"
    title: "{id}"
`
	records, reasons := mapRows(t, mapping, "id,list\n1,\"a,z\"\n2,a\n3,a\n4,\n")
	want := []string{
		`{"type":"title","id":"1","op":"put","kind":"movie"}`,
		`{"type":"collection","id":"c-a","op":"put"}`,
		`{"type":"collection","id":"c-z","op":"put"}`,
		`{"type":"collection_item","op":"put","collection":"c-a","title":"1"}`,
		`{"type":"title","id":"2","op":"put","kind":"movie"}`,
		`{"type":"collection_item","op":"put","collection":"c-a","title":"2"}`,
		`{"type":"title","id":"3","op":"put","kind":"movie"}`,
		`{"type":"title","id":"4","op":"put","kind":"movie"}`,
	}
	if strings.Join(records, "\n") != strings.Join(want, "\n") || len(reasons) > 0 {
		t.Errorf("got %s\n%s", strings.Join(records, "\n"), reasons)
	}
}

func TestARowThatCanNotBeMappedSaysWhy(t *testing.T) {
	cases := []struct{ field, reason string }{
		{`kind: {from: "{a}", lookup: countries}`, `kind: "x" is not in the lookup countries; correct it, or add it to a lookup of the mapping`},
		{`kind: "{a|lookup:countries}"`, `kind: column a: "x" is not in the lookup countries; correct it, or add it to a lookup of the mapping`},
		{`year: "{a}"`, `year: "x" is not a whole number`},
		{`year: {from: "{a}", times: 2}`, `year: "x" is not a number`},
		{`special: "{a}"`, `special: "x" is neither true nor false`},
		{`added: {from: "{a}", layout: "2006-01-02", zone: UTC}`, `added: "x" is not a date like 2006-01-02`},
		{`when: {column: e, empty: true}`, ``},
	}
	for _, c := range cases {
		_, reasons := mapRows(t, "records:\n  - type: title\n    id: \"{e}{a}\"\n    "+c.field+"\n", "a,e\nx,\n")
		if c.reason != "" && (len(reasons) != 1 || reasons[0] != c.reason) {
			t.Errorf("%s: got %q, want %s", c.field, reasons, c.reason)
		}
	}
	if _, reasons := mapRows(t, "records:\n  - {type: title, id: \"{e}\"}\n", "a,e\nx,\n"); len(reasons) != 1 || reasons[0] != "id: it is empty in this row" {
		t.Errorf("got %q", reasons)
	}
}

// TestABadMappingSaysWhereAndWhat lists mappings with the place and the words of
// their error.
func TestABadMappingSaysWhereAndWhat(t *testing.T) {
	cases := []struct{ mapping, want string }{
		{"", "m.yaml:1: the file needs one YAML document"},
		{"a: [", "m.yaml:1:4: malformed YAML"},
		{"- x", "m.yaml:1:1: expected keys and values here"},
		{"format: {}\n", `"records" is missing`},
		{"recrods: []\n", `m.yaml:1:1: unknown key "recrods"; use format, empty, lookups, records`},
		{"records:\n  - {type: title, id: a, color: red}\n", `m.yaml:2:26: unknown key "color"`},
		{"records:\n  - {type: title, id: a, id: b}\n", `mapping key "id" already defined`},
		{"records:\n  - {type: film, id: a}\n", `m.yaml:2:12: "film" is not one of title, license`},
		{"records:\n  - {id: a}\n", `"type" is missing`},
		{"records:\n  - {type: title}\n", `"id" is missing here`},
		{"records:\n  - {type: title, id: \"{a\"}\n", `m.yaml:2:23: "{a" is never closed`},
		{"records:\n  - {type: title, id: \"{}\"}\n", "names no column"},
		{"records:\n  - {type: title, id: \"{a|sulg}\"}\n", `there is no function "sulg"; use hash, lower, slug, trim, upper or lookup:NAME`},
		{"records:\n  - {type: title, id: \"{a|lookup:x}\"}\n", `there is no lookup "x"`},
		{"records:\n  - {type: title, id: {from: a, lookup: x}}\n", `m.yaml:2:41: there is no lookup "x"`},
		{"records:\n  - {type: title, id: {pattern: a}}\n", `"from" is missing`},
		{"records:\n  - {type: title, id: {from: a, pattern: \"(\"}}\n", "error parsing regexp"},
		{"records:\n  - {type: title, id: {from: a, times: many}}\n", "use a number such as 60"},
		{"records:\n  - {type: title, id: {from: a, missing: skip}}\n", `"skip" is not one of reject, drop, keep`},
		{"records:\n  - {type: title, id: a, genres: {from: a, split: \"\"}}\n", "split is empty"},
		{"records:\n  - {type: title, id: a, added: {from: a, layout: \"2006-01-02\"}}\n", `"zone" must say where the date is`},
		{"records:\n  - {type: title, id: a, added: {from: a, zone: UTC}}\n", "zone needs a layout"},
		{"records:\n  - {type: title, id: a, added: {from: a, layout: YYYY, zone: UTC}}\n", "does not say which day it is"},
		{"records:\n  - {type: title, id: a, added: {from: a, layout: \"2006-01-02\", zone: Mars}}\n", `there is no zone "Mars"`},
		{"records:\n  - {type: title, id: a, added: {from: a, layout: \"2006-01-02\", zone: UTC, add: soon}}\n", `add has "soon"`},
		{"records:\n  - {type: title, id: a, added: {from: a, layout: \"2006-01-02\", zone: UTC, end: inclusive}}\n", `unknown key "end"`},
		{"records:\n  - {type: title, id: a, texts: {name: \"{a}\"}}\n", "expected texts by locale here"},
		{"records:\n  - {type: title, id: a, texts: {title: {en: a}}}\n", `unknown key "title"`},
		{"records:\n  - {type: title, id: a, ratings: [{system: X}]}\n", `"value" is missing here`},
		{"records:\n  - {type: title, id: a, when: {column: a}}\n", "a condition needs a column, and"},
		{"records:\n  - {type: title, id: [a]}\n", "expected a string here"},
		{"lookups: {countries: {a: b}}\nrecords: []\n", "is built in"},
		{"lookups: {x: {file: none.csv, key: a, value: b}}\nrecords: []\n", "read the lookup x"},
		{"lookups: {x: {file: a.csv}}\nrecords: []\n", "needs file, key and value"},
		{"format: {separator: ab}\nrecords: []\n", "use one character, or tab"},
		{"format: {quotes: maybe}\nrecords: []\n", `"maybe" is not one of true, false`},
		{"records: {}\n", "expected a list here"},
		{"a: &x 1\nrecords: *x\n", `unknown key "a"`},
	}
	for _, c := range cases {
		_, err := importer.ParseMapping("m.yaml", []byte(c.mapping), fstest.MapFS{})
		if err == nil || !strings.Contains(err.Error(), c.want) || ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%q\n got %v\nwant %s", c.mapping, err, c.want)
		}
	}
}

func TestAColumnThatIsNotThereIsNamedWithItsPlaceInTheMapping(t *testing.T) {
	m, err := importer.ParseMapping("m.yaml", []byte("records:\n  - type: title\n    id: \"{idd}\"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, importer.Config{Mapping: m}, "id,name\n1,x\n")
	if want := `m.yaml:3:9: test has no column "idd"; it has id, name`; out.err == nil || !strings.Contains(out.err.Error(), want) {
		t.Errorf("got %v, want %s", out.err, want)
	}
}

func mappingSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(importer.MappingSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mapping.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mapping.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(schema *jsonschema.Schema, mapping []byte) error {
	text, err := yaml.YAMLToJSON(mapping)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestTheSchemaAndTheProgramAgreeOnMappings(t *testing.T) {
	schema := mappingSchema(t)
	for _, name := range []string{"catalog", "top10"} {
		path := "../../examples/netflix/" + name + ".mapping.yaml"
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = importer.LoadMapping(path)
		if err := errors.Join(err, validate(schema, text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	bad := []string{
		"{}", "records: {}", "recrods: []", "records: [{type: film, id: a}]", "records: [{id: a}]", "records: [{type: title}]",
		"records: [{type: title, id: a, color: red}]", "records: [{type: title, id: {pattern: a}}]", "records: [{type: title, id: [a]}]",
		"records: [{type: title, id: {from: a, missing: skip}}]", "records: [{type: title, id: a, genres: {from: a, split: ''}}]",
		"records: [{type: title, id: a, added: {from: a, zone: UTC}}]", "records: [{type: title, id: a, texts: {name: a}}]",
		"records: [{type: title, id: a, ratings: [{system: X}]}]", "records: [{type: title, id: a, when: {column: a}}]",
		"records: [{type: title, id: a, items: [a]}]", "records: [{type: collection_item, id: a}]", "format: {separator: ab}\nrecords: []",
		"format: {quotes: maybe}\nrecords: []", "lookups: {x: {file: a.csv}}\nrecords: []", "lookups: {countries: {a: b}}\nrecords: []",
	}
	for _, mapping := range bad {
		_, err := importer.ParseMapping("m.yaml", []byte(mapping), fstest.MapFS{})
		if err == nil {
			t.Errorf("%s: the program takes it", mapping)
		}
		if validate(schema, []byte(mapping)) == nil {
			t.Errorf("%s: the schema takes it", mapping)
		}
	}
}

func FuzzParseMapping(f *testing.F) {
	for _, name := range []string{"catalog", "top10"} {
		text, err := os.ReadFile("../../examples/netflix/" + name + ".mapping.yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("records:\n  - {type: title, id: \"{a|slug}\", when: {column: a, matches: \"(\"}}\n"))
	f.Add([]byte("format: {separator: tab}\nlookups: {x: {a: 1}}\nrecords: [{type: license, end: {from: a, layout: '2006', zone: UTC}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := importer.ParseMapping("m.yaml", text, fstest.MapFS{}); err != nil && ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%q: %v is not Invalid", text, err)
		}
	})
}
