package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"ovenbird/internal/admin"
)

// Whatever is sent, the answer is never that something is broken here, and a
// refusal is a problem document.
func FuzzNothingBreaksTheServer(f *testing.F) {
	seeds := []struct{ method, target, body, ifMatch, contentType string }{
		{"PUT", "/titles/t", `{"kind":"movie","texts":{"name":{"en":"x"}}}`, "*", "application/json"},
		{"PUT", "/titles/t", "{\"kind\":\"movie\",\"sort_key\":\"\\u0000\"}", "*", "application/json"},
		{"PATCH", "/titles/t", `{"texts":{"name":null},"images":[{"role":"hero"}]}`, `"a", W/"b"`, "application/merge-patch+json"},
		{"PUT", "/licenses/l", `{"title":"t","territories":["*"],"applications":["*"],"model":"svod","end":null}`, "*", "application/json"},
		{"PATCH", "/collections/c", `{"items":["t",1,null]}`, "*", "application/merge-patch+json"},
		{"DELETE", "/titles/%00", "", "*", ""},
		{"POST", "/records?atomic=true", `[{"type":"title","id":"\u0000"},null,1]`, "", "application/json"},
		{"POST", "/records", "{}\n{\"type\":\"title\"}\nx", "", "application/x-ndjson"},
		{"GET", "/titles?cursor=MTphAA&parent=%FF&q=%00&country=F%00&application=tv&at=x", "", "", ""},
		{"GET", "/changes?after=-1&limit=x", "", "", ""},
		{"GET", "/releases/x/diff/y", "", "", ""},
		{"DELETE", "/tokens/%FF%00", "", "", ""},
	}
	for _, s := range seeds {
		f.Add(s.method, s.target, s.body, s.ifMatch, s.contentType)
	}
	w := newWorld(f)
	w.create("/titles/t", `{"kind":"movie"}`)
	f.Fuzz(func(t *testing.T, method, target, body, ifMatch, contentType string) {
		address, err := url.ParseRequestURI(admin.Prefix + target)
		if err != nil || strings.HasSuffix(address.Path, "/stream") || !token(method) || strings.HasPrefix(address.Path, admin.Prefix+"/tokens/") {
			return // it does not come as far, does not end, or takes the test's own token
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, admin.Prefix+"/titles", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, address, target
		r.Header.Set("Authorization", "Bearer "+w.tokens[admin.Admin])
		r.Header.Set("If-Match", ifMatch)
		r.Header.Set("Content-Type", contentType)
		recorder := httptest.NewRecorder()
		w.api.ServeHTTP(recorder, r)
		got := reply{recorder.Code, recorder.Header(), recorder.Body.String()}
		if got.status >= 500 {
			t.Fatalf("%s %s: %s", method, target, got)
		}
		if got.status >= 400 && method != http.MethodHead {
			got.problem(t)
		}
	})
}

// token reports whether s can be a method: net/http refuses others.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}
