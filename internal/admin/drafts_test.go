package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/admin"
)

// draft makes a draft of records and returns it.
func (w *world) draft(role admin.Role, body string) admin.Draft {
	w.t.Helper()
	return w.draftOf(w.want(201, w.ask(role, "POST", "/drafts", body)))
}

func (w *world) draftOf(r reply) admin.Draft {
	w.t.Helper()
	var d admin.Draft
	if err := json.Unmarshal([]byte(r.body), &d); err != nil {
		w.t.Fatal(err)
	}
	if got := r.header.Get("ETag"); got != d.ETag {
		w.t.Errorf("the header says %s, the body %s", got, d.ETag)
	}
	return d
}

const twoEdits = `{"name":"spring","records":[{"record":{"type":"title","id":"t1","op":"merge","year":2002}},` +
	`{"record":{"type":"title","id":"t2","kind":"movie"}}]}`

func TestADraftFromItsFirstEditToItsPublication(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t1", `{"kind":"movie","year":2001}`)
	made := w.want(201, w.ask(admin.Editor, "POST", "/drafts", twoEdits))
	d := w.draftOf(made)
	at := "/drafts/" + d.ID
	if made.header.Get("Location") != admin.Prefix+at || d.State != "open" || d.CreatedBy != "editor token" || len(d.Records) != 2 ||
		d.Records[0].ETag == "" || d.Records[1].ETag != "" {
		t.Errorf("got %s", made)
	}
	w.want(404, w.ask(admin.Viewer, "GET", "/titles/t2", ""))
	d = w.draftOf(w.want(200, w.ask(admin.Editor, "POST", at+"/records", `{"records":[{"record":{"type":"title","id":"t3","kind":"series"}}]}`)))
	if d.Count != 3 {
		t.Errorf("got %+v", d)
	}
	d = w.draftOf(w.want(200, w.ask(admin.Editor, "PATCH", at, `{"name":"summer"}`, "If-Match", d.ETag)))
	w.want(412, w.ask(admin.Editor, "PATCH", at, `{"name":"winter"}`, "If-Match", `"v1"`))
	w.want(428, w.ask(admin.Editor, "PATCH", at, `{"name":"winter"}`))
	if got := w.get(at + "/preview").body; !strings.Contains(got, `"publishes":true`) ||
		!strings.Contains(got, `"action":"updated","fields":[{"field":"year","before":2001,"after":2002}]`) {
		t.Errorf("the preview says %s", got)
	}
	if got := w.get("/drafts?state=open").body; !strings.Contains(got, `"name":"summer"`) {
		t.Errorf("the list says %s", got)
	}
	// What was read can be put back as it is.
	whole, err := json.Marshal(admin.DraftContent{Name: d.Name, Records: d.Records})
	if err != nil {
		t.Fatal(err)
	}
	w.want(200, w.ask(admin.Editor, "PUT", at, string(whole), "If-Match", d.ETag))
	w.want(403, w.ask(admin.Editor, "POST", at+"/publish", ""))
	d = w.draftOf(w.want(200, w.ask(admin.Publisher, "POST", at+"/publish", "")))
	if d.State != "published" || d.PublishedBy != "publisher token" || d.Changes != 3 {
		t.Errorf("got %+v", d)
	}
	if got := w.get("/changes?after=1").body; strings.Count(got, `"actor":"publisher token (draft `+d.ID+`)"`) != 3 {
		t.Errorf("the feed says %s", got)
	}
	w.want(200, w.ask(admin.Publisher, "POST", at+"/publish", ""))
	w.want(409, w.ask(admin.Editor, "DELETE", at, "", "If-Match", "*"))
	w.want(409, w.ask(admin.Publisher, "POST", at+"/cancel", ""))
}

func TestADraftThatWasOvertakenIsRefusedFieldByField(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t1", `{"kind":"movie","year":2001}`)
	d := w.draft(admin.Editor, twoEdits)
	w.want(200, w.ask(admin.Editor, "PATCH", "/titles/t1", `{"year":2003}`, "If-Match", "*"))
	p := w.want(409, w.ask(admin.Publisher, "POST", "/drafts/"+d.ID+"/publish", "")).problem(t)
	if got := fields(p); got != "records[0] records[0].year" || !strings.Contains(p.Errors[1].Message, "it was 2001, and is 2003") {
		t.Errorf("got %s: %+v", got, p)
	}
	w.want(404, w.ask(admin.Viewer, "GET", "/titles/t2", ""))
	if got := w.get("/drafts/" + d.ID + "/preview").body; !strings.Contains(got, `"publishes":false`) || !strings.Contains(got, `"action":"refused"`) {
		t.Errorf("the preview says %s", got)
	}
	w.want(200, w.ask(admin.Editor, "POST", "/drafts/"+d.ID+"/cancel", ""))
	w.want(204, w.ask(admin.Editor, "DELETE", "/drafts/"+d.ID, "", "If-Match", "*"))
	w.want(404, w.ask(admin.Viewer, "GET", "/drafts/"+d.ID, ""))
}

func TestOnlyAPublisherSchedules(t *testing.T) {
	w := newWorld(t)
	at := w.clock.Now().Add(time.Hour).Format(time.RFC3339)
	scheduled := `{"name":"x","publish_at":"` + at + `","records":[{"record":{"type":"title","id":"t2","kind":"movie"}}]}`
	w.want(403, w.ask(admin.Editor, "POST", "/drafts", scheduled))
	d := w.draft(admin.Publisher, scheduled)
	if d.State != "scheduled" || d.ScheduledBy != "publisher token" {
		t.Errorf("got %+v", d)
	}
	path := "/drafts/" + d.ID
	w.want(403, w.ask(admin.Editor, "PATCH", path, `{"name":"y"}`, "If-Match", "*"))
	w.want(403, w.ask(admin.Editor, "POST", path+"/records", `{"records":[{"record":{"type":"title","id":"t4","kind":"movie"}}]}`))
	w.want(403, w.ask(admin.Editor, "POST", path+"/cancel", ""))
	w.want(403, w.ask(admin.Editor, "DELETE", path, "", "If-Match", "*"))
	w.want(422, w.ask(admin.Publisher, "PATCH", path, `{"publish_at":"tomorrow"}`, "If-Match", "*"))
	open := w.draftOf(w.want(200, w.ask(admin.Publisher, "PATCH", path, `{"publish_at":null}`, "If-Match", "*")))
	if open.State != "open" || !open.PublishAt.IsZero() {
		t.Errorf("got %+v", open)
	}
	w.want(403, w.ask(admin.Editor, "PATCH", path, `{"publish_at":"`+at+`"}`, "If-Match", "*"))
	w.want(200, w.ask(admin.Publisher, "PATCH", path, `{"publish_at":"`+at+`"}`, "If-Match", "*"))
	w.clock.advance(2 * time.Hour)
	if _, _, err := w.drafts.PublishDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.draftOf(w.get(path)); got.State != "published" || got.LateMillis != time.Hour.Milliseconds() {
		t.Errorf("got %+v", got)
	}
}

func TestRecordsThatCanNotBeDraftedSayWhereTheyAreWrong(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t1", `{"kind":"movie"}`)
	for _, c := range []struct {
		records, locations string
		status             int
	}{
		{`[{"record":{"type":"title","id":"t9","kind":"movie","color":1}}]`, "body.records[0].record.color", 422},
		{`[{"record":{"type":"title","id":"t9","kind":"movie"}},{"record":{"type":"collection_item","id":"c"}}]`, "body.records[1].record.type", 422},
		{`[{"etag":"\"old\"","record":{"type":"title","id":"t1","op":"delete"}}]`, "body.records[0].record", 409},
		{`[{"etag":"old","record":{"type":"title","id":"t1","op":"delete"}}]`, "body.records[0].etag", 422},
		{`[{"record":7}]`, "body.records[0].record", 422},
	} {
		p := w.want(c.status, w.ask(admin.Editor, "POST", "/drafts", `{"name":"x","records":`+c.records+`}`)).problem(t)
		if fields(p) != c.locations {
			t.Errorf("%s: %+v", c.records, p)
		}
	}
	w.want(422, w.ask(admin.Editor, "POST", "/drafts", `{"name":" x"}`))
	empty := w.draft(admin.Editor, `{"name":"empty"}`)
	w.want(422, w.ask(admin.Publisher, "POST", "/drafts/"+empty.ID+"/publish", ""))
}

func TestADraftIsMadeOnceForAKey(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.want(201, w.ask(admin.Editor, "POST", "/drafts", `{"name":"x"}`, "Idempotency-Key", "k"))
	}
	if got := w.get("/drafts").body; strings.Count(got, `"name":"x"`) != 1 {
		t.Errorf("got %s", got)
	}
}
