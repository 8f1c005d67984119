package site

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestLoadReadsSources(t *testing.T) {
	want := []Source{
		{
			Name: "cms", Database: "CMS_DATABASE", Webhook: "CMS_WEBHOOK", Every: time.Minute, Timeout: 30 * time.Second, Rows: 5000,
			Shrink: 0.1, Queries: []Query{
				{Name: "titles", SQL: "SELECT id, ';' AS semicolon FROM titles", Mapping: filepath.Join("small", "content", "titles.mapping.yaml")},
				{Name: "licenses", SQL: "SELECT id FROM licenses", Mapping: filepath.Join("small", "content", "licenses.mapping.yaml")},
			},
		},
		{
			Name: "partner", Feed: "https://partner.example/feed.csv", Authorization: "PARTNER_TOKEN", Every: 10 * time.Minute,
			Timeout: 5 * time.Minute, Rows: 1_000_000, Shrink: 0.2,
			Queries: []Query{{Name: FeedQuery, Mapping: filepath.Join("small", "content", "partner.mapping.yaml")}},
		},
	}
	got := mustLoad(t, small()).Content
	if !reflect.DeepEqual(got.Sources, want) {
		t.Errorf("sources are\n%+v, want\n%+v", got.Sources, want)
	}
	if partner, ok := got.Source("partner"); !ok || partner.Feed == "" {
		t.Errorf("the source partner is %+v, %t", partner, ok)
	}
	if _, ok := got.Source("nobody"); ok {
		t.Error("there is a source that nobody defined")
	}
}

func TestAQueryIsOneStatementThatReads(t *testing.T) {
	for _, test := range []struct{ sql, statement, problem string }{
		{"SELECT 1", "SELECT 1", ""},
		{"  with x as (select 1) select * from x ; \n", "with x as (select 1) select * from x", ""},
		{"VALUES (1)", "VALUES (1)", ""},
		{"/* ; */ -- ;\nSELECT ';', \";\", `;`, $$;$$, $t$;$;$t$ -- ;", "SELECT ';', \";\", `;`, $$;$$, $t$;$;$t$ -- ;", ""},
		{"SELECT 'it''s; fine'", "SELECT 'it''s; fine'", ""},
		{"SELECT $1", "SELECT $1", ""},
		{"SELECT 1; -- done", "SELECT 1", ""},
		{"SELECT 1; DELETE FROM x", "", "two statements"},
		{"SELECT 1; ;", "", "two statements"},
		{"DELETE FROM x", "", "may only read"},
		{"selector", "", "may only read"},
		{"", "", "no statement"},
		{"-- SELECT 1", "", "no statement"},
		{";SELECT 1", "", "two statements"},
		{"SELECT 'x", "", "never closed"},
		{"SELECT $q$ x", "", "never closed"},
		{"/* SELECT 1", "", "never closed"},
		{"/* /* */ SELECT 1", "", "comment stands in a comment"},
		{"SELECT 1 /*! INTO OUTFILE '/tmp/x' */", "", "/*!"},
	} {
		statement, problem := singleSelect(test.sql)
		if statement != test.statement || (problem == "") != (test.problem == "") || !strings.Contains(problem, test.problem) {
			t.Errorf("%q gives %q, %q; want %q and something about %q", test.sql, statement, problem, test.statement, test.problem)
		}
	}
}

// What is taken is a part of what was written, and comes through a second time as it is.
func FuzzAQueryIsOneStatement(f *testing.F) {
	for _, seed := range []string{"SELECT 1; -- x", "WITH x AS (SELECT ';') SELECT * FROM x", "SELECT $a$;$a$, \"b\"", "/* a */ SELECT 1 /* b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		statement, problem := singleSelect(sql)
		if (statement == "") != (problem != "") || !strings.Contains(sql, statement) {
			t.Fatalf("%q gives %q, %q", sql, statement, problem)
		}
		if again, problem := singleSelect(statement); statement != "" && (again != statement || problem != "") {
			t.Errorf("%q gives %q, and that gives %q, %q", sql, statement, again, problem)
		}
	})
}
