package edge_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ovenbird/internal/edge"
)

// getTLS is get over TLS.
func (s *site) getTLS(target string, headers ...string) answer {
	s.tb.Helper()
	r := httptest.NewRequestWithContext(s.tb.Context(), http.MethodGet, target, http.NoBody)
	r.TLS = new(tls.ConnectionState)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.edge.ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

// available is the header of a client that has a body.
func available(body string) string {
	hash := sha256.Sum256([]byte(body))
	return "Available-Dictionary: :" + base64.StdEncoding.EncodeToString(hash[:]) + ":"
}

// ofParts is a document of some kilobytes that no dictionary of its own compresses.
func ofParts(seed, title string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"title":%q,"parts":[`, title)
	for i := range 100 {
		sum := sha256.Sum256(fmt.Append(nil, seed, i))
		fmt.Fprintf(&b, `"%x",`, sum)
	}
	return b.String() + `0]}`
}

// edited is a site where a document differs in two countries, before and after an edit.
func edited(t *testing.T, c edge.Config) (s *site, before, after string) {
	t.Helper()
	before, after = ofParts("FI", "before"), ofParts("FI", "after")
	s = newSite(t, c)
	first := content{rows: rows{"tv home.json": {"FI": before, "SE": ofParts("SE", "before")}, "tv about.json": {"FI SE": `{}`}}}
	s.serve(first)
	next := content{rows: maps.Clone(first.rows)}
	next.rows["tv home.json"] = row{"FI": after, "SE": ofParts("SE", "after")}
	s.serve(next)
	return s, before, after
}

const anyCoding = "Accept-Encoding: gzip, br, zstd, dcz"

func TestWhoHasTheDocumentBeforeGetsTheDifference(t *testing.T) {
	s, before, after := edited(t, edge.Config{Dictionaries: true})
	plain := s.getTLS("/FI/tv/home.json", "Accept-Encoding: zstd")
	if got := plain.header.Get("Use-As-Dictionary"); got != `match="/FI/tv/home.json"` {
		t.Errorf("Use-As-Dictionary is %q", got)
	}
	a := s.getTLS("/FI/tv/home.json", anyCoding, available(before))
	if a.status != 200 || a.header.Get("Content-Encoding") != "dcz" || !strings.Contains(a.header.Get("Vary"), "Available-Dictionary") {
		t.Fatalf("got %d %v", a.status, a.header)
	}
	if a.header.Get("Etag") == plain.header.Get("Etag") || len(a.body) > len(plain.body)/10 {
		t.Errorf("%d bytes instead of %d, tag %s", len(a.body), len(plain.body), a.header.Get("Etag"))
	}
	if got := decodeDelta(t, a.body, before); got != after {
		t.Errorf("the client reads %.100q", got)
	}
	s.getTLS("/FI/tv/home.json", anyCoding, available(before), "If-None-Match: "+a.header.Get("Etag")).want(t, 304, "")
	if again := s.getTLS("/FI/tv/home.json", anyCoding, available(before)); again.body != a.body {
		t.Error("the difference is made differently each time")
	}
}

// decodeDelta reads dcz as somebody else does: the header by hand, the rest by the
// program zstd.
func decodeDelta(t *testing.T, body, dictionary string) string {
	t.Helper()
	hash := sha256.Sum256([]byte(dictionary))
	frame, ok := strings.CutPrefix(body, "\x5e\x2a\x4d\x18\x20\x00\x00\x00"+string(hash[:]))
	if !ok {
		t.Fatalf("it begins with %x", body[:min(40, len(body))])
	}
	program, err := exec.LookPath("zstd")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run make setup", err)
		}
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "dictionary")
	if err := os.WriteFile(file, []byte(dictionary), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-d", "-c", "-D", file)
	command.Stdin = strings.NewReader(frame)
	var failure bytes.Buffer
	command.Stderr = &failure
	out, err := command.Output()
	if err != nil {
		t.Fatalf("zstd: %v %s", err, failure.String())
	}
	return string(out)
}

func TestNoDifferenceIsSentTo(t *testing.T) {
	s, before, after := edited(t, edge.Config{Dictionaries: true})
	for name, headers := range map[string][]string{
		"who has what another country had": {anyCoding, available(ofParts("SE", "before"))},
		"who has what is there now":        {anyCoding, available(after)},
		"who has something else":           {anyCoding, available("{}")},
		"who has nothing":                  {anyCoding},
		"who does not take it":             {"Accept-Encoding: gzip, br, zstd", available(before)},
		"who takes anything but that":      {"Accept-Encoding: zstd, dcz;q=0", available(before)},
		"who has two":                      {anyCoding, available(before), available(after)},
		"who sends nonsense":               {anyCoding, "Available-Dictionary: :x:"},
		"who sends nothing in it":          {anyCoding, "Available-Dictionary: "},
	} {
		if a := s.getTLS("/FI/tv/home.json", headers...); a.status != 200 || a.header.Get("Content-Encoding") == "dcz" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
	if a := s.get("/FI/tv/home.json", anyCoding, available(before)); a.header.Get("Content-Encoding") == "dcz" || a.header.Get("Use-As-Dictionary") != "" {
		t.Errorf("in clear: %v", a.header)
	}
	off, before, _ := edited(t, edge.Config{})
	if a := off.getTLS("/FI/tv/home.json", anyCoding, available(before)); a.header.Get("Content-Encoding") == "dcz" ||
		a.header.Get("Use-As-Dictionary") != "" || strings.Contains(a.header.Get("Vary"), "Dictionary") {
		t.Errorf("an edge that was not told to: %v", a.header)
	}
}

func TestADifferenceThatIsNoSmallerIsNotSent(t *testing.T) {
	s := newSite(t, edge.Config{Dictionaries: true})
	s.serve(content{rows: rows{"tv home.json": {"FI": `{"a":1}`}}})
	s.serve(content{rows: rows{"tv home.json": {"FI": `{"b":2}`}}})
	s.getTLS("/FI/tv/home.json", anyCoding, available(`{"a":1}`)).want(t, 200, `{"b":2}`)
}
