package edge_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"ovenbird/internal/edge"
)

// A CDN that is purged may keep a document for longer than a browser, but never
// past the document's next transition.
func TestCachesThatCanBePurgedHaveAnAgeOfTheirOwn(t *testing.T) {
	s := newSite(t, edge.Config{SharedMaxAge: 10 * time.Minute, MaxAge: time.Minute})
	s.serve(content{
		rows:    rows{"tv a.json": {"FI": `{"n":1}`}, "tv b.json": {"FI": `{"n":1}`}},
		patches: []patch{{noon.Add(2 * time.Minute), rows{"tv b.json": {"FI": `{"n":2}`}}}},
	})
	for path, want := range map[string]string{"/FI/tv/a.json": "public, max-age=600", "/FI/tv/b.json": "public, max-age=118"} {
		header := s.get(path).header
		if got := header.Get("CDN-Cache-Control"); got != want {
			t.Errorf("%s: CDN-Cache-Control is %q, want %q", path, got, want)
		}
		if got := header.Get("Cache-Control"); got != "public, max-age=60, must-revalidate" {
			t.Errorf("%s: Cache-Control is %q", path, got)
		}
		if got, want := header.Get("Cache-Tag"), "tv/,tv"+path[len("/FI/tv"):]; got != want {
			t.Errorf("%s: Cache-Tag is %q, want %q", path, got, want)
		}
	}
	if got := newSite(t, edge.Config{}).get("/FI/tv/a.json").header.Get("CDN-Cache-Control"); got != "" {
		t.Errorf("without a setting CDN-Cache-Control is %q", got)
	}
}

func TestADigestIsOfTheBytesThatAreSent(t *testing.T) {
	s := newSite(t, edge.Config{})
	body := `{"n":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`
	s.serve(content{rows: rows{"tv a.json": {"FI": body}}})
	for _, coding := range []string{"identity", "gzip", "br", "zstd"} {
		answered := s.get("/FI/tv/a.json", "Accept-Encoding: "+coding)
		sum := sha256.Sum256([]byte(answered.body))
		want := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		if got := answered.header.Get("Repr-Digest"); got != want || answered.status != http.StatusOK {
			t.Errorf("%s: Repr-Digest is %q, want %q", coding, got, want)
		}
	}
}
