package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/admin"
)

// operations calls do with every operation of the OpenAPI document.
func operations(t *testing.T, w *world, do func(method, path string, role admin.Role)) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			Security []map[string][]admin.Role
			Role     admin.Role `json:"x-role"`
		}
	}
	if err := json.Unmarshal(w.api.OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, methods := range document.Paths {
		for method, op := range methods {
			if len(op.Security) != 1 || len(op.Security[0]["token"]) != 1 || op.Security[0]["token"][0] != op.Role {
				t.Errorf("%s %s: security %v, role %q", method, path, op.Security, op.Role)
				continue
			}
			path := strings.NewReplacer("{id}", "x", "{to}", "y").Replace(path)
			if strings.Contains(path, "{") {
				t.Fatalf("%s has a parameter that this test does not know", path)
			}
			n++
			do(strings.ToUpper(method), path, op.Role)
		}
	}
	if n < 25 {
		t.Errorf("only %d operations", n)
	}
}

func TestEveryOperationNeedsATokenOfItsRole(t *testing.T) {
	w := newWorld(t)
	operations(t, w, func(method, path string, needed admin.Role) {
		r := w.ask("", method, path, "{}")
		if p := r.problem(t); r.status != 401 || p.Type != "/problems/unauthorized" || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s %s without a token: %s", method, path, r)
		}
		for _, role := range admin.Roles() {
			if role.May(needed) || strings.HasSuffix(path, "/stream") && role == needed {
				continue
			}
			r := w.ask(role, method, path, "{}", "If-Match", "*", "Idempotency-Key", "k")
			if p := r.problem(t); r.status != 403 || !strings.Contains(p.Detail, string(needed)) {
				t.Errorf("%s %s as %s: %s", method, path, role, r)
			}
		}
	})
	if n := len(w.pages("/titles")); n != 0 || len(w.bakes.asked) != 0 {
		t.Errorf("refused requests had effects: %d titles, %v", n, w.bakes.asked)
	}
}

func TestRolesAreOrdered(t *testing.T) {
	for i, mine := range admin.Roles() {
		for j, needed := range admin.Roles() {
			if mine.May(needed) != (i >= j) {
				t.Errorf("%s may what needs %s: %t", mine, needed, mine.May(needed))
			}
		}
	}
	if admin.Role("").May(admin.Viewer) || admin.Role("root").May(admin.Viewer) || admin.Admin.May("") || admin.Role("").May("") {
		t.Error("what is no role may something, or nothing is needed")
	}
}

func TestOnlyAGoodTokenIsTaken(t *testing.T) {
	w := newWorld(t)
	good := w.tokens[admin.Viewer]
	secret, made, err := w.api.Tokens.Create(t.Context(), "short", admin.Admin, w.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		values []string
		want   int
	}{
		{[]string{"Bearer " + good}, 200},
		{[]string{"bearer " + good}, 200},
		{[]string{"Bearer " + secret}, 200},
		{nil, 401},
		{[]string{""}, 401},
		{[]string{good}, 401},
		{[]string{"Basic " + good}, 401},
		{[]string{"Bearer"}, 401},
		{[]string{"Bearer " + good[:len(good)-1]}, 401},
		{[]string{"Bearer " + good + "x"}, 401},
		{[]string{"Bearer " + strings.ToLower(good)}, 401},
		{[]string{"Bearer " + good[:strings.LastIndex(good, "_")+1]}, 401},
		{[]string{"Bearer ovb_" + made.ID + good[strings.LastIndex(good, "_"):]}, 401}, // one's id, another's secret
		{[]string{"Bearer ovb_' OR 1=1 --_x"}, 401},
		{[]string{"Bearer ovb_\xff_x"}, 401},
		{[]string{"Bearer " + good, "Bearer " + good}, 401},
	}
	ask := func(values []string) int {
		r := httptest.NewRequestWithContext(t.Context(), "GET", admin.Prefix+"/titles", nil)
		for _, v := range values {
			r.Header.Add("Authorization", v)
		}
		return w.send(r).status
	}
	for _, c := range cases {
		if got := ask(c.values); got != c.want {
			t.Errorf("%q: %d, want %d", c.values, got, c.want)
		}
	}
	w.clock.advance(time.Hour)
	if got := ask([]string{"Bearer " + secret}); got != 401 {
		t.Errorf("an expired token: %d", got)
	}
	w.want(200, w.ask(admin.Admin, "DELETE", "/tokens/viewer%20token", ""))
	if p := w.want(401, w.ask(admin.Viewer, "GET", "/titles", "")).problem(t); !strings.Contains(p.Detail, "revoked") {
		t.Errorf("a revoked token: %s", p.Detail)
	}
	w.want(404, w.ask(admin.Admin, "DELETE", "/tokens/nobody", ""))
}

func TestATokenOfAnEdgeIsGoodForThatAlone(t *testing.T) {
	w := newWorld(t)
	secret, made, err := w.api.Tokens.Create(t.Context(), "edges", admin.Edge, w.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", admin.Prefix+"/titles", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	if got := w.send(r).status; got != 403 {
		t.Errorf("reading the catalog with it: %d", got)
	}
	for _, role := range admin.Roles() {
		if role.May(admin.Edge) || admin.Edge.May(role) {
			t.Errorf("%s and %s may do something for each other", role, admin.Edge)
		}
	}
	admit := func(secret string) string {
		t.Helper()
		refused, err := w.api.Tokens.Admit(t.Context(), secret, admin.Edge)
		if err != nil {
			t.Fatal(err)
		}
		return refused
	}
	if refused := admit(secret); refused != "" {
		t.Errorf("a good one is refused: %s", refused)
	}
	for bad, why := range map[string]string{
		w.tokens[admin.Admin]: "its role is admin", secret + "x": "not one of this environment", "": "not one of this environment",
	} {
		if refused := admit(bad); !strings.Contains(refused, why) {
			t.Errorf("%.10q: %q, want %q", bad, refused, why)
		}
	}
	w.want(200, w.ask(admin.Admin, "DELETE", "/tokens/"+made.ID, ""))
	if refused := admit(secret); !strings.Contains(refused, "revoked") {
		t.Errorf("a revoked one: %q", refused)
	}
}

func TestTokensAreListedWithoutTheirSecrets(t *testing.T) {
	w := newWorld(t)
	w.get("/titles")
	r := w.want(200, w.ask(admin.Admin, "GET", "/tokens", ""))
	var list admin.TokenList
	if err := json.Unmarshal([]byte(r.body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 4 || strings.Contains(r.body, "ovb_") || strings.Contains(r.body, "hash") {
		t.Errorf("got %s", r)
	}
	for _, token := range list.Items {
		if used := token.Role == admin.Viewer || token.Role == admin.Admin; token.Used.IsZero() == used {
			t.Errorf("%s was used: %v", token.Name, token.Used)
		}
	}
	if got := w.get("/token").body; !strings.Contains(got, `"role":"viewer"`) {
		t.Errorf("its own token: %s", got)
	}
}

func TestATokenNeedsAGoodName(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"", " ", " x", "a\nb", "a\x00b", "\xff", strings.Repeat("x", 129), "editor token"} {
		if _, _, err := w.api.Tokens.Create(t.Context(), name, admin.Viewer, time.Time{}); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if _, _, err := w.api.Tokens.Create(t.Context(), "x", "king", time.Time{}); err == nil {
		t.Error("a king was made")
	}
	if _, _, err := w.api.Tokens.Create(t.Context(), "x", admin.Viewer, w.clock.Now()); err == nil {
		t.Error("a token that has expired was made")
	}
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	w := newWorld(t)
	cases := []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/nothing", 404, ""},
		{"GET", "", 404, ""},
		{"GET", "/titles/", 404, ""},
		{"GET", "//titles", 404, ""},
		{"GET", "/x/../titles", 404, ""},
		{"POST", "/titles", 405, "GET"},
		{"DELETE", "/titles", 405, "GET"},
		{"OPTIONS", "/titles/t1", 405, "GET, PUT, PATCH, DELETE"},
		{"TRACE", "/titles/t1", 405, "GET, PUT, PATCH, DELETE"},
		{"HEAD", "/titles", 200, ""},
	}
	for _, c := range cases {
		r := w.ask(admin.Admin, c.method, c.path, "")
		if r.status != c.want || r.header.Get("Allow") != c.allow || r.header.Get("Location") != "" {
			t.Errorf("%s %q: %s, Allow %q", c.method, c.path, r, r.header.Get("Allow"))
		}
		if got := w.ask("", c.method, c.path, "").status; got != 401 {
			t.Errorf("%s %q without a token: %d", c.method, c.path, got)
		}
	}
}

func TestTheDocumentIsForEverybody(t *testing.T) {
	w := newWorld(t)
	for path, mediaType := range map[string]string{"/openapi.json": "application/openapi+json", "/openapi.yaml": "application/openapi+yaml"} {
		r := w.want(200, w.ask("", "GET", path, ""))
		if r.header.Get("Content-Type") != mediaType || !strings.Contains(r.body, "Ovenbird admin API") {
			t.Errorf("%s: %s", path, r.header)
		}
	}
	if got := w.want(200, w.ask("", "GET", "/openapi.json", "")); !json.Valid([]byte(got.body)) || strings.Contains(got.body, "ErrorModel") {
		t.Error("the document is not what it should be")
	}
}

func TestNothingIsCachedSniffedOrFramed(t *testing.T) {
	w := newWorld(t)
	for _, r := range []reply{w.get("/titles"), w.ask("", "GET", "/titles", ""), w.ask("", "GET", "/openapi.json", "")} {
		if r.header.Get("Cache-Control") != "no-store" || r.header.Get("X-Content-Type-Options") != "nosniff" ||
			r.header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(r.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("headers %v", r.header)
		}
	}
}

func TestHugeBodiesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t", `{"kind":"movie"}`)
	long := `{"kind":"movie","sort_key":"` + strings.Repeat("x", 5<<20) + `"}`
	for _, key := range []string{"", "k"} {
		headers := []string{"If-Match", "*"}
		if key != "" {
			headers = append(headers, "Idempotency-Key", key)
		}
		p := w.want(413, w.ask(admin.Editor, "PUT", "/titles/t", long, headers...)).problem(t)
		if len(p.Detail) > 200 {
			t.Error("the refusal repeats the body")
		}
		w.want(413, w.ask(admin.Publisher, "POST", "/bakes", `{"reason":"`+strings.Repeat("x", 100<<10)+`"}`, headers...))
	}
	// Nobody reads what a stranger sends.
	r := httptest.NewRequestWithContext(t.Context(), "PUT", admin.Prefix+"/titles/t", unread{t})
	if got := w.send(r); got.status != 401 {
		t.Errorf("a stranger: %s", got)
	}
	// A refused value is not repeated either.
	if got := w.ask(admin.Editor, "PUT", "/titles/t", `{"kind":"movie","year":"`+strings.Repeat("y", 1<<20)+`"}`, "If-Match", "*"); len(got.body) > 1000 {
		t.Errorf("the refusal has %d bytes", len(got.body))
	}
}

// unread is a body that nobody should read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestDeepBodiesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t", `{"kind":"movie"}`)
	deep := strings.Repeat(`{"texts":`, 1<<18) + "1" + strings.Repeat("}", 1<<18)
	lists := strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)
	for _, body := range []string{deep, lists, `{"kind":"movie","texts":` + deep + `}`} {
		for _, method := range []string{"PUT", "PATCH"} {
			if r := w.ask(admin.Editor, method, "/titles/t", body, "If-Match", "*"); r.status != 400 && r.status != 422 || len(r.body) > 1000 {
				t.Errorf("%s %.20s…: %d %.200s", method, body, r.status, r.body)
			}
		}
		if r := w.ask(admin.Editor, "POST", "/records", "["+body+"]"); r.status != 400 && !strings.Contains(r.body, `"refused":1`) {
			t.Errorf("POST %.20s…: %d %.200s", body, r.status, r.body)
		}
	}
}

func TestAPatchNeedsItsMediaType(t *testing.T) {
	w := newWorld(t)
	w.create("/titles/t", `{"kind":"movie"}`)
	for mediaType, want := range map[string]int{
		"application/merge-patch+json": 200, "application/merge-patch+json; charset=utf-8": 200, "application/json": 200,
		"text/plain": 415, "application/x-www-form-urlencoded": 415,
	} {
		r := w.ask(admin.Editor, "PATCH", "/titles/t", `{"year":2000}`, "If-Match", "*", "Content-Type", mediaType)
		if r.status != want {
			t.Errorf("%s: %s", mediaType, r)
		}
	}
}

// Whatever the catalog is asked for while its database is gone ends in a
// problem that says nothing of the inside.
func TestABrokenServerSaysLittle(t *testing.T) {
	w := newWorld(t)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	r := w.ask(admin.Viewer, "GET", "/titles", "")
	if p := r.problem(t); r.status != http.StatusInternalServerError || strings.Contains(fmt.Sprint(p), "sql") || strings.Contains(fmt.Sprint(p), "database") {
		t.Errorf("got %s", r)
	}
}
