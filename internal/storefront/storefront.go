// Package storefront is a page that shows what viewers get: the rails of a
// variation, its titles, what opens and leaves, and a search. It is plain HTML and
// a script, embedded in the program, and reads nothing but baked documents at the
// addresses where every front end reads them: whatever it can show, a front end can.
// Beside the picture it lists each document it has read, with the headers that the
// edge sent.
package storefront

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"time"
)

//go:embed page
var page embed.FS

// The page loads its own files and documents, and pictures from wherever a catalog
// has them.
const contentSecurityPolicy = "default-src 'self'; img-src * data:; object-src 'none'; base-uri 'none'; form-action 'none'"

// assets says at which address each embedded file is served, and as what. The types
// are written down because those of package mime depend on the machine.
var assets = []struct{ pattern, file, contentType string }{
	{"GET /{$}", "index.html", "text/html; charset=utf-8"},
	{"GET /storefront/app.js", "app.js", "text/javascript; charset=utf-8"},
	{"GET /storefront/words.js", "words.js", "text/javascript; charset=utf-8"},
	{"GET /storefront/style.css", "style.css", "text/css; charset=utf-8"},
}

// Handler serves the page at / and its files below /storefront/, to GET and HEAD.
// Any other path is not found, and any other method not allowed. Browsers may keep
// what they got, and ask with its tag whether it is still so.
func Handler() http.Handler {
	mux := http.NewServeMux()
	for _, a := range assets {
		content, err := page.ReadFile("page/" + a.file)
		if err != nil {
			panic("storefront: a file that is embedded does not read: " + err.Error())
		}
		mux.Handle(a.pattern, serve(a.file, a.contentType, content))
	}
	return mux
}

// serve answers with content, or that the browser has it already.
func serve(name, contentType string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", tag)
		// Embedded files have no dates: the tag alone decides.
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
