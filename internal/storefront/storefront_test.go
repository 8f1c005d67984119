package storefront_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"ovenbird/internal/storefront"
)

func TestFilesAreServedAsWhatTheyAre(t *testing.T) {
	for _, test := range []struct{ path, contentType, contains string }{
		{"/", "text/html; charset=utf-8", "<!doctype html>"},
		{"/storefront/app.js", "text/javascript; charset=utf-8", "variations.json"},
		{"/storefront/style.css", "text/css; charset=utf-8", ":root"},
	} {
		t.Run(test.path, func(t *testing.T) {
			answer := ask(t, http.MethodGet, test.path, "")
			if answer.Code != http.StatusOK {
				t.Fatalf("status %d, want 200", answer.Code)
			}
			for name, want := range map[string]string{
				"Content-Type":           test.contentType,
				"Cache-Control":          "no-cache",
				"X-Content-Type-Options": "nosniff",
			} {
				if got := answer.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if !strings.Contains(answer.Body.String(), test.contains) {
				t.Errorf("the body has no %q", test.contains)
			}
		})
	}
}

func TestABrowserThatHasAFileIsNotSentItAgain(t *testing.T) {
	tag := ask(t, http.MethodGet, "/", "").Header().Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	again := ask(t, http.MethodGet, "/", tag)
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("status %d with %d bytes, want 304 and none", again.Code, again.Body.Len())
	}
}

func TestOtherAddressesAndMethods(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodHead, "/", http.StatusOK},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodGet, "/index.html", http.StatusNotFound},
		{http.MethodGet, "/storefront/", http.StatusNotFound},
		{http.MethodGet, "/FI/web/home.json", http.StatusNotFound},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			if got := ask(t, test.method, test.path, "").Code; got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
		})
	}
}

func TestWhatThePageRefersToIsThere(t *testing.T) {
	html := ask(t, http.MethodGet, "/", "").Body.String()
	references := regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(html, -1)
	files := 0
	for _, reference := range references {
		address := reference[1]
		if strings.HasPrefix(address, "data:") {
			continue
		}
		files++
		if got := ask(t, http.MethodGet, address, "").Code; got != http.StatusOK {
			t.Errorf("%s: status %d, want 200", address, got)
		}
	}
	if files != 2 {
		t.Errorf("the page refers to %d files, want its script and its style", files)
	}
}

func TestEveryElementThatTheScriptLooksForIsInThePage(t *testing.T) {
	html := ask(t, http.MethodGet, "/", "").Body.String()
	script := ask(t, http.MethodGet, "/storefront/app.js", "").Body.String()
	found := regexp.MustCompile(`byID\("([^"]+)"\)`).FindAllStringSubmatch(script, -1)
	if len(found) == 0 {
		t.Fatal("the script looks for no element")
	}
	for _, match := range found {
		if !strings.Contains(html, `id="`+match[1]+`"`) {
			t.Errorf("the script looks for #%s, which the page has not", match[1])
		}
	}
}

func TestTheScriptWritesNoMarkup(t *testing.T) {
	script := ask(t, http.MethodGet, "/storefront/app.js", "").Body.String()
	for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		if strings.Contains(script, way) {
			t.Errorf("the script uses %s: what is in a catalog would become markup", way)
		}
	}
}

func ask(t *testing.T, method, path, tag string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	storefront.Handler().ServeHTTP(w, r)
	return w
}
