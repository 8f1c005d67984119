package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"ovenbird/internal/admin"
)

// What is done over the API is recorded with the name of the token.
func TestTheAuditSaysWhoDidWhat(t *testing.T) {
	w := newWorld(t)
	w.ask(admin.Admin, http.MethodPost, "/webhooks", `{"url":"https://example.com/hook","events":["release.published"]}`)
	w.ask(admin.Publisher, http.MethodPost, "/drafts", `{"name":"summer"}`)
	w.ask(admin.Admin, http.MethodDelete, "/tokens/viewer%20token", "")
	w.ask(admin.Publisher, http.MethodPost, "/bakes", `{"reason":"to be sure"}`)
	var got []string
	path := "/audit?limit=2"
	for path != "" {
		r := w.ask(admin.Admin, http.MethodGet, path, "")
		if r.status != http.StatusOK || strings.Contains(r.body, "whsec_") {
			t.Fatal(r)
		}
		var list admin.AuditList
		if err := json.Unmarshal([]byte(r.body), &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Items {
			got = append(got, e.Actor+": "+e.Action)
		}
		path = ""
		if list.Next != "" {
			path = "/audit?limit=2&cursor=" + list.Next
		}
	}
	want := []string{
		"publisher token: bake.request", "admin token: token.revoke", "publisher token: draft.create", "admin token: webhook.create",
	}
	for range admin.Roles() {
		want = append(want, "unknown: token.create")
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if r := w.ask(admin.Publisher, http.MethodGet, "/audit", ""); r.status != http.StatusForbidden {
		t.Errorf("a publisher reads the audit: %s", r)
	}
	if r := w.ask(admin.Admin, http.MethodGet, "/audit?action=%5B", ""); r.status != http.StatusUnprocessableEntity {
		t.Errorf("a pattern that is none: %s", r)
	}
}
