package admin_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/admin"
	"ovenbird/internal/catalog"
)

func TestARecordIsCreatedReadChangedAndDeleted(t *testing.T) {
	cases := []struct{ path, put, read, patch, patched string }{
		{
			"/titles/t1", `{"kind":"movie","texts":{"name":{"en":"One"}}}`,
			`{"type":"title","id":"t1","kind":"movie","published":true,"video":true,"texts":{"name":{"en":"One"}}}`,
			`{"texts":{"name":{"en":null,"fi":"Yksi"}},"published":false}`,
			`{"type":"title","id":"t1","kind":"movie","published":false,"video":true,"texts":{"name":{"fi":"Yksi"}}}`,
		},
		{
			"/licenses/l1", `{"title":"base","territories":["uk"],"applications":["*"],"model":"svod","start":"2026-01-01"}`,
			`{"type":"license","id":"l1","title":"base","territories":["GB"],"applications":["*"],"start":"2026-01-01T00:00:00Z","model":"svod"}`,
			`{"start":null,"end":"2027-01-01"}`,
			`{"type":"license","id":"l1","title":"base","territories":["GB"],"applications":["*"],"end":"2027-01-01T00:00:00Z","model":"svod"}`,
		},
		{
			"/collections/c1", `{"items":["t2","t1"],"sort_key":"1"}`,
			`{"type":"collection","id":"c1","sort_key":"1","published":true,"items":["t2","t1"]}`,
			`{"items":["t1"]}`,
			`{"type":"collection","id":"c1","sort_key":"1","published":true,"items":["t1"]}`,
		},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			w := newWorld(t)
			w.create("/titles/base", `{"kind":"movie"}`)
			made := w.create(c.path, c.put)
			if made.body != c.read || made.header.Get("Location") != admin.Prefix+c.path {
				t.Errorf("created %s at %s\nwant %s", made, made.header.Get("Location"), c.read)
			}
			read := w.get(c.path)
			tag := read.header.Get("ETag")
			if read.body != c.read || tag != made.header.Get("ETag") || tag == "" {
				t.Errorf("read %s %s\nwant %s", tag, read, c.read)
			}
			if r := w.ask(admin.Viewer, "GET", c.path, "", "If-None-Match", tag); r.status != http.StatusNotModified || r.body != "" {
				t.Errorf("with its tag: %s", r)
			}
			// What was read can be put back as it is, which changes nothing.
			if again := w.want(200, w.ask(admin.Editor, "PUT", c.path, read.body, "If-Match", tag)); again.header.Get("ETag") != tag {
				t.Errorf("put back: %s", again)
			}
			patched := w.want(200, w.ask(admin.Editor, "PATCH", c.path, c.patch, "If-Match", tag))
			if patched.body != c.patched || patched.header.Get("ETag") == tag {
				t.Errorf("patched %s\nwant %s", patched, c.patched)
			}
			for _, method := range []string{"PUT", "PATCH", "DELETE"} {
				p := w.want(412, w.ask(admin.Editor, method, c.path, c.put, "If-Match", tag)).problem(t)
				if p.Type != "/problems/changed" {
					t.Errorf("%s of what has changed: %+v", method, p)
				}
			}
			w.want(204, w.ask(admin.Editor, "DELETE", c.path, "", "If-Match", patched.header.Get("ETag")))
			for _, method := range []string{"GET", "PATCH", "DELETE"} {
				w.want(404, w.ask(admin.Editor, method, c.path, c.patch, "If-Match", "*")).problem(t)
			}
			w.want(412, w.ask(admin.Editor, "PUT", c.path, c.put, "If-Match", "*"))
		})
	}
}

func TestAWriteSaysWhatItExpects(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t1", `{"kind":"movie"}`)
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		p := w.want(428, w.ask(admin.Editor, method, "/titles/t1", `{"kind":"movie"}`)).problem(t)
		if !strings.Contains(p.Detail, "If-Match") {
			t.Errorf("%s without a condition: %s", method, p.Detail)
		}
	}
	cases := []struct {
		headers []string
		want    int
	}{
		{[]string{"If-None-Match", "*"}, 412},
		{[]string{"If-None-Match", `"x"`}, 400},
		{[]string{"If-Match", "*", "If-None-Match", "*"}, 400},
		{[]string{"If-Match", "x"}, 400},
		{[]string{"If-Match", `"x", "y"`}, 412},
		{[]string{"If-Match", `"*"`}, 412},
		{[]string{"If-Match", `W/"` + strings.Trim(w.get("/titles/t1").header.Get("ETag"), `"`) + `"`}, 412},
		{[]string{"If-Match", `"x", ` + w.get("/titles/t1").header.Get("ETag")}, 200},
		{[]string{"If-Match", "*"}, 200},
	}
	for _, c := range cases {
		if r := w.ask(admin.Editor, "PUT", "/titles/t1", `{"kind":"movie","year":2000}`, c.headers...); r.status != c.want {
			t.Errorf("%v: %s, want %d", c.headers, r, c.want)
		}
	}
}

func TestErrorsSayWhichFields(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/m", `{"kind":"movie"}`)
	cases := []struct {
		method, path, body, want string
		status                   int
	}{
		{"PUT", "/titles/x", `{"kind":"film","year":-1,"color":"red","texts":{"title":{}}}`, "body.color body.kind body.texts.title body.year", 422},
		{"PUT", "/titles/x", `{"kind":"movie","year":12,"origins":["FI","ZZ"],"texts":{"name":{"e_n":"x"}}}`, "body.origins[1] body.texts.name.e_n body.year", 422},
		{"PUT", "/titles/x", `{"kind":"movie","Year":2000}`, "body.Year", 422},
		{"PUT", "/titles/x", `{"kind":"movie","year":2000,"year":2001}`, "body.year", 422},
		{"PUT", "/titles/x", `{"kind":"movie","genres":null}`, "body.genres", 422},
		{"PUT", "/titles/x", `{"id":"y","kind":"movie"}`, "body.id", 422},
		{"PUT", "/titles/x", `{"type":"license","kind":"movie"}`, "body.type", 422},
		{"PUT", "/titles/x", `{"kind":"episode","parent":"m"}`, "body.parent", 422},
		{"PUT", "/titles/x", `{"kind":"episode","parent":"nobody"}`, "body.parent", 422},
		{"PUT", "/titles/x", `[]`, "body", 422},
		{"PUT", "/titles/x", `{"kind":`, "body", 400},
		{"PATCH", "/titles/m", `{"kind":"series"}`, "body.kind", 422},
		{"PATCH", "/titles/m", `{"images":[{"role":"poster","url":"x","width":0,"size":3}]}`, "body.images[0] body.images[0].size body.images[0].width", 422},
		{"PATCH", "/titles/m", `{"texts":{"nome":null}}`, "body.texts.nome", 422},
		{"PATCH", "/titles/m", `{"added":"tomorrow"}`, "body.added", 422},
		{"PUT", "/licenses/x", `{"title":"m","territories":[],"applications":["*"],"model":"svod"}`, "body.territories", 422},
		{"PUT", "/licenses/x", `{"title":"m","territories":["*"],"applications":["*"],"model":"svod","start":"2026-02-01","end":"2026-01-01"}`, "body.end", 422},
		{"PUT", "/licenses/x", `{"title":"nobody","territories":["*"],"applications":["*"],"model":"svod"}`, "body.title", 422},
		{"PUT", "/collections/x", `{"items":["a","b b"]}`, "body.items[1]", 422},
		{"GET", "/titles?limit=0&kind=film&color=red", "", "query.color", 422},
		{"GET", "/titles?limit=0&kind=film", "", "query.kind query.limit", 422},
		{"GET", "/titles?parent=a%00b", "", "query.parent", 422},
		{"GET", "/licenses?title=%FF", "", "query.title", 422},
		{"GET", "/titles?cursor=abc", "", "query.cursor", 422},
		{"GET", "/titles?country=ZZ&application=radio", "", "query.application query.country", 422},
	}
	for _, c := range cases {
		condition := []string{"If-Match", "*"}
		if c.method == "PUT" {
			condition = []string{"If-None-Match", "*"}
		}
		r := w.ask(admin.Editor, c.method, c.path, c.body, condition...)
		p := r.problem(t)
		got := strings.Fields(fields(p))
		slices.Sort(got)
		if strings.Join(got, " ") != c.want || r.status != c.status {
			t.Errorf("%s %s %s\ngot  %s\nwant %d %s", c.method, c.path, c.body, r, c.status, c.want)
		}
		for _, e := range p.Errors {
			if e.Message == "" {
				t.Errorf("%s %s: nothing is said about %s", c.method, c.path, e.Location)
			}
		}
	}
	p := w.ask(admin.Editor, "PUT", "/titles/x", `{"kind":"movie","texts":{"name":{"e_n":"x"}}}`, "If-None-Match", "*").problem(t)
	want := admin.FieldProblem{Location: "body.texts.name.e_n", Message: `texts.name.e_n: "e_n" is no locale`, Remedy: `use a BCP 47 tag such as "fi" or "pt-BR"`}
	if len(p.Errors) != 1 || p.Errors[0] != want {
		t.Errorf("got %+v\nwant %+v", p.Errors, want)
	}
}

func TestWhatSomethingHangsOnStays(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/s", `{"kind":"series"}`)
	w.create("/titles/e", `{"kind":"episode","parent":"s"}`)
	p := w.want(422, w.ask(admin.Editor, "DELETE", "/titles/s", "", "If-Match", "*")).problem(t)
	if !strings.Contains(p.Detail, "1 below it (e)") {
		t.Errorf("got %s", p.Detail)
	}
}

func TestTheFeedNamesTheToken(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t1", `{"kind":"movie"}`)
	var list admin.ChangeList
	if err := json.Unmarshal([]byte(w.get("/changes").body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Actor != "editor token" || list.Items[0].Action != "created" || list.Last != 1 || list.More {
		t.Errorf("got %+v", list)
	}
}

// Ids are opaque: what an address does to them, and what they may not be.
func TestIdsInAddresses(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"a:b", "a@b", "a+b", "~x", "ääni"} {
		w.create("/titles/"+id, `{"kind":"movie"}`)
		w.get("/titles/" + id)
	}
	w.get("/titles/a%2Bb") // is a+b
	refused := []string{
		"a%2Fb", "..%2F..%2Ftokens", "%2e%2e", "a%00b", "a%20b", "a;b", "%FF", strings.Repeat("x", 129), "..", ".", "a//b", "a/../b", "", "a%0d%0ab", "a%25b",
	}
	for _, id := range refused {
		r := w.ask(admin.Editor, "PUT", "/titles/"+id, `{"kind":"movie"}`, "If-None-Match", "*")
		if r.status != 404 && r.status != 405 && r.status != 422 {
			t.Errorf("id %q: %s", id, r)
		}
		if location := r.header.Get("Location"); location != "" {
			t.Errorf("id %q: sent to %s", id, location)
		}
	}
	list, err := w.catalog.Titles(t.Context(), catalog.Page{}, catalog.TitleFilter{})
	if err != nil || len(list.Entries) != 5 {
		t.Errorf("%d titles, %v", len(list.Entries), err)
	}
}

// pages walks a list and returns its ids.
func (w *world) pages(path string) []string {
	w.t.Helper()
	ids := []string{}
	for next := path; ; {
		var page struct {
			Items []struct {
				ETag   string
				Record struct{ ID string }
			}
			Next string
		}
		r := w.get(next)
		if err := json.Unmarshal([]byte(r.body), &page); err != nil {
			w.t.Fatal(err)
		}
		for _, item := range page.Items {
			ids = append(ids, item.Record.ID)
			if item.ETag == "" {
				w.t.Errorf("%s has no tag", item.Record.ID)
			}
		}
		if page.Next == "" {
			return ids
		}
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		next = path + separator + "cursor=" + page.Next
	}
}

func TestListsHaveFiltersAndPages(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/s", `{"kind":"series","texts":{"name":{"fi":"Ääliöt","en":"Fools"}}}`)
	w.create("/titles/e1", `{"kind":"episode","parent":"s","genres":["comedy"]}`)
	w.create("/titles/e2", `{"kind":"episode","parent":"s","published":false}`)
	w.create("/titles/m", `{"kind":"movie","genres":["comedy"],"texts":{"name":{"en":"Foolproof"}}}`)
	w.create("/licenses/l1", `{"title":"s","territories":["FI"],"applications":["tv"],"model":"svod"}`)
	w.create("/licenses/l2", `{"title":"m","territories":["SE"],"applications":["*"],"model":"free","start":"2026-06-01"}`)
	w.create("/collections/c1", `{"items":["m"],"texts":{"name":{"en":"Best"}}}`)
	w.create("/collections/c2", `{"published":false}`)
	cases := map[string]string{
		"/titles":                           "e1 e2 m s",
		"/titles?kind=episode":              "e1 e2",
		"/titles?parent=s":                  "e1 e2",
		"/titles?top=true":                  "m s",
		"/titles?published=false":           "e2",
		"/titles?genre=comedy":              "e1 m",
		"/titles?q=fool":                    "m s",
		"/titles?q=%C3%84%C3%84li":          "s",
		"/titles?q=%25":                     "",
		"/titles?q=%00":                     "",
		"/titles?q=%FF%27%22*(%29:":         "",
		"/titles?country=FI&application=tv": "e1 s",
		"/titles?country=SE&application=tv": "",
		"/titles?country=SE&application=tv&at=2026-06-01T00:00:00Z": "m",
		"/titles?changed_since=3":                                   "m",
		"/licenses?title=m":                                         "l2",
		"/licenses?application=web":                                 "l2",
		"/licenses?model=svod":                                      "l1",
		"/collections?q=best":                                       "c1",
		"/collections?title=m":                                      "c1",
		"/collections?published=false":                              "c2",
		"/collections?changed_since=7":                              "c2",
	}
	for path, want := range cases {
		for _, limit := range []string{"", "limit=1"} {
			if limit != "" {
				if limit = "&" + limit; !strings.Contains(path, "?") {
					limit = "?" + limit[1:]
				}
			}
			if got := strings.Join(w.pages(path+limit), " "); got != want {
				t.Errorf("%s%s: %q, want %q", path, limit, got, want)
			}
		}
	}
}

func TestASearchFindsTheBestFirst(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/a", `{"kind":"movie","texts":{"synopsis":{"en":"About a bunny."}}}`)
	w.create("/titles/b", `{"kind":"movie","texts":{"name":{"fi":"Iso bunny"}}}`)
	w.create("/collections/c", `{"texts":{"name":{"en":"Bunnies"}}}`)
	search := func(query string) (ids, next string) {
		var found admin.SearchHits
		if err := json.Unmarshal([]byte(w.get("/search?"+query).body), &found); err != nil {
			t.Fatal(err)
		}
		for _, hit := range found.Items {
			ids += hit.ID
		}
		return ids, found.Next
	}
	for query, want := range map[string]string{
		"q=bunny": "ba", "q=bunn": "bca", "q=bunn&type=collection": "c", "q=iso+bunny": "b", "q=%00": "", "q=%FF%27*%22": "",
	} {
		if got, _ := search(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	first, next := search("q=bunn&limit=2")
	if rest, _ := search("q=bunn&limit=2&cursor=" + next); first+rest != "bca" {
		t.Errorf("in pages: %s, %s", first, rest)
	}
	w.want(422, w.ask(admin.Viewer, "GET", "/search", ""))
	w.want(422, w.ask(admin.Viewer, "GET", "/search?q=x&cursor=nonsense", ""))
}

func TestExplanationsSayWhy(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/m", `{"kind":"movie"}`)
	address := "/titles/m/explanation?country=FI&application=tv"
	for range 2 { // the second time the snapshot is brought up to date
		var x admin.Explanation
		if err := json.Unmarshal([]byte(w.get(address).body), &x); err != nil {
			t.Fatal(err)
		}
		if x.CatalogSequence == 1 && (x.Visible || !strings.Contains(x.Decisive, "license")) || x.CatalogSequence == 2 && !x.Visible {
			t.Errorf("got %+v", x)
		}
		if x.CatalogSequence == 1 {
			w.create("/licenses/l", `{"title":"m","territories":["*"],"applications":["*"],"model":"free"}`)
		}
	}
	w.want(404, w.ask(admin.Viewer, "GET", "/titles/no/explanation?country=FI&application=tv", ""))
	w.want(422, w.ask(admin.Viewer, "GET", "/titles/m/explanation?country=FI", ""))
	w.want(422, w.ask(admin.Viewer, "GET", "/titles/m/explanation?country=FI&application=radio", ""))
}

func TestManyRecordsAtOnce(t *testing.T) {
	w := newWorld(t)
	records := []string{
		`{"type":"title","id":"e","kind":"episode","parent":"s"}`, `{"type":"title","id":"s","kind":"series"}`,
		`{"type":"title","id":"x","kind":"film","year":3}`, `{"type":"title","id":"y","kynd":"movie"}`,
		`{"type":"collection","id":"c"}`, `{"type":"collection_item","collection":"c","title":"s"}`, `{"type":"title","id":"s","kind":"series"}`,
	}
	for contentType, body := range map[string]string{
		"application/x-ndjson": strings.Join(records, "\n"), "application/json": "[" + strings.Join(records, ",") + "]",
	} {
		p := w.want(422, w.ask(admin.Editor, "POST", "/records?atomic=true", body, "Content-Type", contentType)).problem(t)
		if got := fields(p); got != "body[3].kynd" {
			t.Errorf("parsing: %s %s", got, p.Detail)
		}
	}
	p := w.want(422, w.ask(admin.Editor, "POST", "/records?atomic=true", "["+strings.Join(records[:3], ",")+"]")).problem(t)
	if got := fields(p); got != "body[2].kind body[2].year" {
		t.Errorf("checking: %s %s", got, p.Detail)
	}
	if got := w.pages("/titles"); len(got) != 0 {
		t.Errorf("after refusals there are %v", got)
	}
	var result admin.BulkResult
	r := w.want(200, w.ask(admin.Editor, "POST", "/records", strings.Join(records, "\n"), "Content-Type", "application/x-ndjson"))
	if err := json.Unmarshal([]byte(r.body), &result); err != nil {
		t.Fatal(err)
	}
	var statuses []string
	for _, x := range result.Results {
		statuses = append(statuses, cmp.Or(x.ID, "-")+" "+x.Status)
	}
	want := "e changed, s changed, x refused, - refused, c changed, c/s changed, s unchanged"
	if got := strings.Join(statuses, ", "); got != want || result.Changed != 4 || result.Refused != 2 || result.Unchanged != 1 {
		t.Errorf("got %s %+v\nwant %s", got, result, want)
	}
	w.want(200, w.ask(admin.Editor, "POST", "/records?atomic=true", "["+records[0]+"]"))
	r = w.want(200, w.ask(admin.Editor, "POST", "/records", `[{"type":"title","id":"a\u0000b","kind":"movie"},
		{"type":"title","id":"x","kind":"episode","parent":"a\u0000b"},{"type":"collection_item","collection":"c\u0000","title":"\u0000"}]`))
	if !strings.Contains(r.body, `"refused":3`) {
		t.Errorf("ids with NUL: %s", r)
	}
	w.want(400, w.ask(admin.Editor, "POST", "/records", `{"type":"title"}`))
	w.want(400, w.ask(admin.Editor, "POST", "/records", ``, "Content-Type", "application/json"))
	w.want(415, w.ask(admin.Editor, "POST", "/records", "x", "Content-Type", "text/csv"))
	w.want(413, w.ask(admin.Editor, "POST", "/records", strings.Repeat("{}\n", 10_001), "Content-Type", "application/x-ndjson"))
}

func TestChangesComeInPages(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.create(fmt.Sprintf("/titles/t%d", i), `{"kind":"movie"}`)
	}
	var list admin.ChangeList
	for after, want := range map[int]string{0: "1 2 true", 2: "3 4 true", 4: "5 5 false", 5: " 5 false"} {
		list = admin.ChangeList{}
		if err := json.Unmarshal([]byte(w.get(fmt.Sprintf("/changes?after=%d&limit=2", after)).body), &list); err != nil {
			t.Fatal(err)
		}
		first := ""
		if len(list.Items) > 0 {
			first = fmt.Sprint(list.Items[0].Sequence)
		}
		if got := fmt.Sprintf("%s %d %t", first, list.Last, list.More); got != want {
			t.Errorf("after %d: %s, want %s", after, got, want)
		}
	}
}

// The records of the API are the records of import files: each name that the
// published schema has, and no other.
func TestRecordsHaveTheFieldsOfImportFiles(t *testing.T) {
	type schema struct {
		Properties map[string]json.RawMessage
		Required   []string
	}
	var published struct {
		Defs map[string]schema `json:"$defs"`
	}
	if err := json.Unmarshal(catalog.RecordSchema(), &published); err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(newWorld(t).api.OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	names := func(s schema, without ...string) string {
		var list []string
		for name := range s.Properties {
			if !slices.Contains(without, name) {
				list = append(list, name)
			}
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	for file, api := range map[string]string{"title": "Title", "license": "License", "collection": "Collection"} {
		want, got := published.Defs[file], document.Components.Schemas[api]
		if names(got, "type") != names(want, "type", "op") || names(got) == "" {
			t.Errorf("%s: got %s\nwant %s", api, names(got), names(want))
		}
		required := append([]string{"id"}, got.Required...)
		slices.Sort(required)
		slices.Sort(want.Required)
		if !slices.Equal(required, want.Required) {
			t.Errorf("%s: got %v required, want %v", api, required, want.Required)
		}
		patch := document.Components.Schemas[api+"Patch"]
		if names(patch) != names(want, "type", "op", "id") || len(patch.Required) > 0 {
			t.Errorf("%sPatch: got %s, required %v", api, names(patch), patch.Required)
		}
	}
}

func TestReleasesAreLookedAfter(t *testing.T) {
	w := newWorld(t)
	var list admin.ReleaseList
	if err := json.Unmarshal([]byte(w.get("/releases").body), &list); err != nil || len(list.Releases) != 0 || list.Current != "" {
		t.Fatalf("before the first release: %+v %v", list, err)
	}
	first, second := w.publish(1), w.publish(2)
	if err := json.Unmarshal([]byte(w.get("/releases").body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Releases) != 2 || list.Current != second || !list.Releases[0].Current || list.Releases[1].Documents == 0 {
		t.Errorf("got %+v", list)
	}
	var detail admin.ReleaseDetail
	if err := json.Unmarshal([]byte(w.get("/releases/"+second).body), &detail); err != nil {
		t.Fatal(err)
	}
	if detail.Parent != first || detail.CatalogSequence != 2 || !slices.Equal(detail.Editions, []string{"tv"}) {
		t.Errorf("got %+v", detail)
	}
	if got := w.get("/releases/" + first + "/diff/" + second).body; !strings.Contains(got, `"rows":["tv/home.json"]`) {
		t.Errorf("the difference is %s", got)
	}
	w.want(200, w.ask(admin.Publisher, "PUT", "/releases/"+first+"/pin", `{"note":"keep"}`))
	if got := w.get("/releases").body; !strings.Contains(got, `"pinned":true,"note":"keep"`) {
		t.Errorf("pinned: %s", got)
	}
	w.want(200, w.ask(admin.Publisher, "DELETE", "/releases/"+first+"/pin", ""))
	back := w.want(200, w.ask(admin.Publisher, "POST", "/releases/"+first+"/rollback", `{"reason":"wrong names"}`))
	if err := json.Unmarshal([]byte(back.body), &list); err != nil || list.Current != first || list.Hold == nil || list.Hold.Reason != "wrong names" {
		t.Errorf("rolled back: %s", back)
	}
	list = admin.ReleaseList{}
	resumed := w.want(200, w.ask(admin.Publisher, "POST", "/releases/resume", ""))
	if err := json.Unmarshal([]byte(resumed.body), &list); err != nil || list.Hold != nil {
		t.Errorf("resumed: %s", resumed)
	}
	w.clock.advance(48 * time.Hour)
	w.want(409, w.ask(admin.Publisher, "POST", "/releases/"+first+"/rollback", `{"reason":"too late"}`)).problem(t)
	for _, path := range []string{"/releases/no", "/releases/no/diff/" + first, "/releases/" + first + "/diff/no"} {
		w.want(404, w.ask(admin.Viewer, "GET", path, "")).problem(t)
	}
	w.want(404, w.ask(admin.Publisher, "PUT", "/releases/no/pin", `{}`)).problem(t)
}

func TestABakeCanBeAskedFor(t *testing.T) {
	w := newWorld(t)
	r := w.want(202, w.ask(admin.Publisher, "POST", "/bakes", `{"allow_shrink":true,"reason":"takedown"}`))
	if r.header.Get("Location") != admin.Prefix+"/bakes/bake-1" || !strings.Contains(r.body, `"status":"queued"`) {
		t.Errorf("got %s", r)
	}
	want := admin.BakeRequest{Reason: "admin publisher token: takedown", AllowShrink: true}
	if len(w.bakes.asked) != 1 || w.bakes.asked[0] != want {
		t.Errorf("asked for %+v", w.bakes.asked)
	}
	if got := w.get("/bakes/bake-1").body; !strings.Contains(got, `"status":"published","release":"r1"`) {
		t.Errorf("got %s", got)
	}
	w.want(404, w.ask(admin.Viewer, "GET", "/bakes/no", "")).problem(t)
}
