package importer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ovenbird/internal/catalog"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

const filmMapping = `
records:
  - {type: title, id: "{id}", kind: movie, year: "{year}"}
  - {type: license, id: "{id}-l", title: "{id}", territories: ["*"], applications: ["*"], model: "{model}"}
`

func parse(t *testing.T, text string) *importer.Mapping {
	t.Helper()
	m, err := importer.ParseMapping("m.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMappingTellsTheColumnsThatItReads(t *testing.T) {
	if got := parse(t, filmMapping).Columns(); !slices.Equal(got, []string{"id", "model", "year"}) {
		t.Errorf("columns are %v", got)
	}
}

func TestABoundTableGivesRecordsAndWhatIsKnownOfThoseThatItRefuses(t *testing.T) {
	m := parse(t, filmMapping)
	if _, err := m.Bind("the query", []string{"id", "year"}); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), `no column "model"`) {
		t.Errorf("a table without a column gives %v", err)
	}
	table, err := m.Bind("the query", []string{"model", "id", "year"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, fields := range [][]string{{"svod", "a", "1999"}, {"svod", "b", "soon"}, {"bogus", "c", ""}, {"svod", "", "1"}} {
		for record, err := range table.Records(fields) {
			got = append(got, fmt.Sprintf("%s %t", record.String(), err == nil))
		}
	}
	want := []string{"title a true", "license a-l true", "title b false", "license b-l true", "title c true", "license c-l true", "title  false", "license  false"}
	// What a model may be is for the catalog to judge.
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadGivesRowsRecordsAndRefusals(t *testing.T) {
	var got []string
	v := importer.Visitor{
		Begin: func(columns []string) error { got = append(got, strings.Join(columns, "|")); return nil },
		Row: func(line int64, fields []string) error {
			got = append(got, fmt.Sprintf("%d %v", line, fields))
			return nil
		},
		Record: func(line int64, r catalog.Record) error {
			got = append(got, fmt.Sprintf("%d %s", line, r.String()))
			return nil
		},
		Refused: func(line int64, _ error) error { got = append(got, fmt.Sprintf("%d refused", line)); return nil },
	}
	table := importer.Source{Name: "t.csv", Reader: strings.NewReader("id,year,model\na,1,svod\nb\nc,2,svod\n")}
	if err := importer.Read(table, parse(t, filmMapping), 1<<10, v); err != nil {
		t.Fatal(err)
	}
	lines := importer.Source{Name: "t.ndjson", Reader: strings.NewReader(
		`{"type":"title","id":"a","kind":"movie"}` + "\n\nbogus\n" + strings.Repeat("x", 2000) + "\n")}
	if err := importer.Read(lines, nil, 1<<10, v); err != nil {
		t.Fatal(err)
	}
	want := []string{"id|year|model", "2 [a 1 svod]", "3 refused", "4 [c 2 svod]", "1 title a", "3 refused", "4 refused"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	broken := importer.Source{Name: "t.csv", Reader: strings.NewReader("id,year,model\na,1,\"svod\n")}
	if err := importer.Read(broken, parse(t, filmMapping), 1<<10, v); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("a file that breaks off gives %v", err)
	}
	mine := errors.New("mine")
	v.Row = func(int64, []string) error { return mine }
	again := importer.Source{Name: "t.csv", Reader: strings.NewReader("id,year,model\na,1,svod\n")}
	if err := importer.Read(again, parse(t, filmMapping), 1<<10, v); !errors.Is(err, mine) {
		t.Errorf("the visitor's error comes back as %v", err)
	}
}
