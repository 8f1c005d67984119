package admin_test

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/admin"
)

func TestTheSameRequestGetsTheSameAnswer(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/there", `{"kind":"movie"}`)
	tag := w.get("/titles/there").header.Get("ETag")
	w.publish(1)
	cases := []struct {
		role               admin.Role
		method, path, body string
		headers            []string
		want               int
	}{
		{admin.Editor, "PUT", "/titles/new", `{"kind":"movie"}`, []string{"If-None-Match", "*"}, 201},
		{admin.Editor, "PATCH", "/titles/there", `{"year":2000}`, []string{"If-Match", tag}, 200},
		{admin.Editor, "PUT", "/titles/other", `{"kind":"film"}`, []string{"If-None-Match", "*"}, 422},
		{admin.Editor, "DELETE", "/titles/there", "", []string{"If-Match", "*"}, 204},
		{admin.Editor, "POST", "/records", `[{"type":"title","id":"b","kind":"movie"},{"type":"title"}]`, nil, 200},
		{admin.Publisher, "POST", "/bakes", `{}`, nil, 202},
		{admin.Publisher, "POST", "/releases/resume", "", nil, 200},
	}
	for i, c := range cases {
		headers := append([]string{"Idempotency-Key", fmt.Sprintf("key-%d", i)}, c.headers...)
		first := w.want(c.want, w.ask(c.role, c.method, c.path, c.body, headers...))
		sequence, err := w.catalog.Sequence(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again := w.want(c.want, w.ask(c.role, c.method, c.path, c.body, headers...))
		if again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%s %s: first %s\nthen  %s %v", c.method, c.path, first, again, again.header)
		}
		for _, name := range []string{"ETag", "Location", "Content-Type"} {
			if first.header.Get(name) != again.header.Get(name) {
				t.Errorf("%s %s: %s was %q, then %q", c.method, c.path, name, first.header.Get(name), again.header.Get(name))
			}
		}
		if after, err := w.catalog.Sequence(t.Context()); err != nil || after != sequence {
			t.Errorf("%s %s wrote again: %v", c.method, c.path, err)
		}
	}
	if len(w.bakes.asked) != 1 {
		t.Errorf("%d bakes", len(w.bakes.asked))
	}
}

func TestAKeyIsForOneRequest(t *testing.T) {
	w := newWorld(t)
	put := func(role admin.Role, path, body string, more ...string) reply {
		return w.ask(role, "PUT", path, body, append([]string{"If-None-Match", "*", "Idempotency-Key", "k"}, more...)...)
	}
	w.want(201, put(admin.Editor, "/titles/a", `{"kind":"movie"}`))
	for _, r := range []reply{
		put(admin.Editor, "/titles/a", `{"kind":"series"}`), put(admin.Editor, "/titles/b", `{"kind":"movie"}`),
		put(admin.Editor, "/titles/a", `{"kind":"movie"}`, "If-None-Match", "", "If-Match", "*"),
		w.ask(admin.Editor, "DELETE", "/titles/a", "", "If-Match", "*", "Idempotency-Key", "k"),
	} {
		if p := w.want(422, r).problem(t); !strings.Contains(p.Detail, "another request") {
			t.Errorf("got %s", r)
		}
	}
	// Another token has keys of its own.
	w.want(412, put(admin.Publisher, "/titles/a", `{"kind":"movie"}`))
	// After a day the key is free.
	w.clock.advance(24*time.Hour + time.Second)
	w.want(201, put(admin.Editor, "/titles/b", `{"kind":"movie"}`))
	for _, key := range []string{" ", "a b", "ä", strings.Repeat("k", 256), "a\tb"} {
		w.want(400, put(admin.Editor, "/titles/c", `{"kind":"movie"}`, "Idempotency-Key", key))
	}
}

func TestOfRequestsWithOneKeyAtOnceOneIsAnswered(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	replies := make([]reply, 8)
	for i := range replies {
		wg.Go(func() {
			replies[i] = w.ask(admin.Editor, "PUT", "/titles/a", `{"kind":"movie"}`, "If-None-Match", "*", "Idempotency-Key", "k")
		})
	}
	wg.Wait()
	created := 0
	for _, r := range replies {
		switch {
		case r.status == 201 && r.header.Get("Idempotency-Replayed") == "":
			created++
		case r.status == 201: // asked after it was answered
		case r.status != 409:
			t.Errorf("got %s", r)
		}
	}
	if created != 1 {
		t.Errorf("created %d times", created)
	}
}

// A process that is killed between its write and its answer leaves both.
func TestTheAnswerIsCommittedWithTheWrite(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequestWithContext(t.Context(), "PUT", admin.Prefix+"/titles/a", strings.NewReader(`{"kind":"movie"}`))
	for name, value := range map[string]string{
		"Authorization": "Bearer " + w.tokens[admin.Editor], "Content-Type": "application/json", "If-None-Match": "*", "Idempotency-Key": "k",
	} {
		r.Header.Set(name, value)
	}
	before := make(chan int, 1)
	w.api.ServeHTTP(&dying{header: make(http.Header), before: func() {
		var status int
		err := w.db.ReadTx(t.Context(), func(tx *sql.Tx) error {
			return tx.QueryRowContext(t.Context(), `SELECT status FROM admin_answers WHERE key = 'k'`).Scan(&status)
		})
		if err != nil {
			t.Error(err)
		}
		before <- status
	}}, r)
	if got := <-before; got != 201 {
		t.Errorf("before the answer is sent, %d is kept", got)
	}
	again := w.want(201, w.ask(admin.Editor, "PUT", "/titles/a", `{"kind":"movie"}`, "If-None-Match", "*", "Idempotency-Key", "k"))
	if again.header.Get("Idempotency-Replayed") != "true" || again.body != w.get("/titles/a").body {
		t.Errorf("got %s", again)
	}
}

// dying is a connection that breaks with the first byte.
type dying struct {
	header http.Header
	before func()
	once   sync.Once
}

func (d *dying) Header() http.Header { return d.header }

func (d *dying) WriteHeader(int) { d.once.Do(d.before) }

func (d *dying) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A request that was being answered when its process died may be sent again.
func TestAKeyOfADeadProcessIsGivenFree(t *testing.T) {
	w := newWorld(t)
	err := w.db.Tx(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO admin_answers (token, key, request, at, status, headers, body)
		SELECT id, 'k', 'x', '2026-03-01T12:00:00Z', 0, '', '' FROM admin_tokens WHERE role = 'editor'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() reply {
		return w.ask(admin.Editor, "PUT", "/titles/a", `{"kind":"movie"}`, "If-None-Match", "*", "Idempotency-Key", "k")
	}
	w.want(422, ask())
	w.clock.advance(6 * time.Minute)
	w.want(201, ask())
}
