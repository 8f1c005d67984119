package admin_test

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"ovenbird/internal/admin"
	"ovenbird/internal/webhook"
)

func TestAWebhookShowsItsSecretOnceAndWhatItGot(t *testing.T) {
	w := newWorld(t)
	made := w.want(201, w.ask(admin.Admin, "POST", "/webhooks", `{"url":"https://example.com/x","events":["draft.published"]}`))
	var hook admin.Webhook
	if err := json.Unmarshal([]byte(made.body), &hook); err != nil {
		t.Fatal(err)
	}
	at := "/webhooks/" + hook.ID
	if !strings.HasPrefix(hook.Secret, "whsec_") || made.header.Get("Location") != admin.Prefix+at || !hook.Active {
		t.Errorf("got %s", made)
	}
	w.want(202, w.ask(admin.Admin, "POST", at+"/test", ""))
	if err := w.db.Tx(t.Context(), func(tx *sql.Tx) error { return w.webhooks.Add(t.Context(), tx, webhook.DraftPublished, 1) }); err != nil {
		t.Fatal(err)
	}
	first := w.want(200, w.ask(admin.Admin, "GET", at+"/deliveries?limit=1", ""))
	var page admin.WebhookDeliveryList
	if err := json.Unmarshal([]byte(first.body), &page); err != nil {
		t.Fatal(err)
	}
	second := w.want(200, w.ask(admin.Admin, "GET", at+"/deliveries?limit=1&cursor="+page.Next, ""))
	if !strings.Contains(first.body, `"draft.published"`) || !strings.Contains(second.body, `"webhook.test"`) || strings.Contains(second.body, `"next"`) {
		t.Errorf("the deliveries: %s %s", first, second)
	}
	w.want(422, w.ask(admin.Admin, "GET", at+"/deliveries?cursor=x", ""))
	w.want(200, w.ask(admin.Admin, "PATCH", at, `{"active":false,"events":["catalog.changed"]}`))
	w.want(409, w.ask(admin.Admin, "POST", at+"/test", ""))
	for _, r := range []reply{w.want(200, w.ask(admin.Admin, "GET", at, "")), w.want(200, w.ask(admin.Admin, "GET", "/webhooks", ""))} {
		if strings.Contains(r.body, "whsec_") || !strings.Contains(r.body, `"events":["catalog.changed"],"active":false`) {
			t.Errorf("got %s", r)
		}
	}
	w.want(204, w.ask(admin.Admin, "DELETE", at, ""))
	w.want(404, w.ask(admin.Admin, "GET", at, ""))
}

func TestAWebhookHasToLeadOutAndAskForSomething(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		`{"url":"https://127.0.0.1/","events":["draft.published"]}`, `{"url":"http://example.com/","events":["draft.published"]}`,
		`{"url":"https://example.com/","events":[]}`, `{"url":"https://example.com/","events":["webhook.test"]}`,
		`{"url":"https://example.com/","events":["draft.published","draft.published"]}`, `{"events":["draft.published"]}`,
	} {
		w.want(422, w.ask(admin.Admin, "POST", "/webhooks", body)).problem(t)
	}
}
