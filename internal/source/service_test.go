package source

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/engine"
	"ovenbird/internal/site"
)

// told is a catalog that tells of every batch with changes.
type told struct {
	*catalog.Store
	batches chan int
}

func (c told) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	results, err := c.Store.Apply(ctx, b)
	changed := 0
	for _, r := range results {
		if r.Changed {
			changed++
		}
	}
	c.batches <- changed
	return results, err
}

// serve starts a service for the source of a house.
func (h *house) serve() (s *Service, batches <-chan int) {
	h.t.Helper()
	runs, err := engine.New(h.t.Context(), engine.Config{Path: filepath.Join(h.dir, "engine.db")})
	if err != nil {
		h.t.Fatal(err)
	}
	cat := told{h.records, make(chan int, 100)}
	s, err = New(h.t.Context(), Config{Sources: []site.Source{h.source}, Dir: h.dir, Environment: os.LookupEnv},
		Deps{Catalog: cat, DB: h.store.db, Engine: runs})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := runs.Start(h.t.Context(), nil); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = runs.Stop(context.Background()) })
	return s, cat.batches
}

func TestASourceIsReadAtTheStartAndWhenAWebhookCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an engine")
	}
	h := follow(t, sqliteServer(t))
	h.source.Every, h.source.Webhook = time.Hour, "HOOK"
	t.Setenv("HOOK", "hush")
	s, batches := h.serve()
	if err := s.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n := <-batches; n != 20 {
		t.Errorf("the start changed %d records, want 20", n)
	}
	mustExec(t, openSource(t, h), "UPDATE titles SET name = 'Changed' WHERE id = 't1'")
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sources/cms", http.NoBody)
	request.Header.Set("Authorization", "Bearer hush")
	answer := httptest.NewRecorder()
	s.Webhooks().ServeHTTP(answer, request)
	if answer.Code != http.StatusAccepted {
		t.Fatalf("the webhook answers %d %s", answer.Code, answer.Body)
	}
	if n := <-batches; n != 1 {
		t.Errorf("the webhook changed %d records, want 1", n)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, err := s.State(t.Context(), "cms")
	if err != nil || state.Last == nil {
		t.Errorf("the state is %+v, %v", state, err)
	}
}

func TestARunIsAskedForByName(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an engine")
	}
	h := follow(t, sqliteServer(t))
	s, _ := h.serve()
	if o, err := s.Run(t.Context(), Request{Source: "cms", Reason: "test"}); err != nil || o.Status != Changed || o.Changed != 20 {
		t.Errorf("the run is %+v, %v", o, err)
	}
	if o, err := s.Run(t.Context(), Request{Source: "nobody"}); err != nil || o.Status != Failed || len(o.Why) != 1 {
		t.Errorf("the run of a source that is not there is %+v, %v", o, err)
	}
	if s.Nudge("nobody", "test") || !s.Nudge("cms", "test") || !s.Nudge("cms", "again") {
		t.Error("a source that is there can not be nudged, or one that is not can")
	}
}

func TestAWebhookHasToKnowTheSecret(t *testing.T) {
	s := &Service{followers: map[string]*follower{}, nudges: map[string]chan string{"cms": make(chan string, 1)}}
	secret := func(string) (string, error) { return "hush", nil }
	s.followers["cms"] = &follower{Source: site.Source{Name: "cms", Webhook: "HOOK"}, secret: secret}
	s.followers["silent"] = &follower{Source: site.Source{Name: "silent"}, secret: secret}
	sign := func(body, key string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body))
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	for _, test := range []struct {
		method, path, header, value, body string
		status                            int
	}{
		{"POST", "/sources/cms", "Authorization", "Bearer hush", "", 202},
		{"POST", "/sources/cms", signatureHeader, sign(`{"a":1}`, "hush"), `{"a":1}`, 202},
		{"POST", "/sources/cms", "", "", "", 401},
		{"POST", "/sources/cms", "Authorization", "Bearer hus", "", 401},
		{"POST", "/sources/cms", "Authorization", "Basic hush", "", 401},
		{"POST", "/sources/cms", signatureHeader, sign(`{"a":1}`, "hush"), `{"a":2}`, 401},
		{"POST", "/sources/cms", signatureHeader, sign("", "other"), "", 401},
		{"POST", "/sources/cms", signatureHeader, "sha256=", "", 401},
		{"POST", "/sources/cms", "Authorization", "Bearer hush", strings.Repeat("x", webhookBytes+1), 413},
		{"POST", "/sources/silent", "Authorization", "Bearer hush", "", 404},
		{"POST", "/sources/nobody", "Authorization", "Bearer hush", "", 404},
		{"POST", "/sources/cms/more", "Authorization", "Bearer hush", "", 404},
		{"GET", "/sources/cms", "Authorization", "Bearer hush", "", 405},
	} {
		request := httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body))
		if test.header != "" {
			request.Header.Set(test.header, test.value)
		}
		answer := httptest.NewRecorder()
		s.Webhooks().ServeHTTP(answer, request)
		if answer.Code != test.status || test.status >= 400 && answer.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s with %s %q answers %d %s, want %d", test.method, test.path, test.header, test.value, answer.Code, answer.Body, test.status)
		}
		nudged := len(s.nudges["cms"]) == 1
		if nudged {
			<-s.nudges["cms"]
		}
		if nudged != (test.status == 202) {
			t.Errorf("%s %s: nudged is %t", test.method, test.path, nudged)
		}
	}
}

func TestAfterFailuresASourceIsTriedSoonAndThenLessOften(t *testing.T) {
	for failures, want := range []time.Duration{10 * time.Minute, 10 * time.Second, 20 * time.Second, 40 * time.Second} {
		if got := pause(10*time.Minute, failures); got != want {
			t.Errorf("after %d failures it waits %s, want %s", failures, got, want)
		}
	}
	if got := pause(10*time.Minute, 1000); got != 10*time.Minute {
		t.Errorf("after many failures it waits %s", got)
	}
	if got := pause(5*time.Second, 3); got != 5*time.Second {
		t.Errorf("a source that is read every 5 s waits %s", got)
	}
}

func TestSecretsComeFromAVariableOrAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		variables   map[string]string
		want, error string
	}{
		{map[string]string{"CMS": "value"}, "value", ""},
		{map[string]string{"CMS_FILE": path}, "from a file", ""},
		{map[string]string{"CMS": "value", "CMS_FILE": path}, "", "twice"},
		{map[string]string{"CMS_FILE": path + "x"}, "", "read the secret CMS"},
		{map[string]string{"CMS": " "}, "", "is empty"},
		{nil, "", "set the variable CMS"},
	} {
		got, err := Secret(func(name string) (string, bool) { v, ok := test.variables[name]; return v, ok }, "CMS")
		if got != test.want || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%v gives %q, %v", test.variables, got, err)
		}
	}
}
