package accesslog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"ovenbird/internal/accesslog"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

var plain = accesslog.Entry{
	Time: noon, Took: 1234567 * time.Nanosecond, Peer: "192.0.2.7:4711", Method: "GET", Path: "/FI/tv/home.json", Protocol: "HTTP/1.1",
	Status: 200, Bytes: 512, Referer: "https://tv.example/", UserAgent: `Tele "X" \ 5`, Country: "FI", Release: "20260301T115900Z-00112233",
	Coding: "zstd", Request: "r-1", Trace: "4bf92f3577b34da6a3ce929d0e0e4736",
}

func TestLines(t *testing.T) {
	hostile := accesslog.Entry{
		Time: noon, Peer: "[2001:db8::1%eth0]:1", Method: "BREW", Path: "/a\"\n127.0.0.1 - - [", Protocol: "HTTP/2.0", Status: 405,
		UserAgent: "\x1b[31m\xff\u202e</script>\u2028",
	}
	for _, test := range []struct {
		format accesslog.Format
		entry  accesslog.Entry
		want   string
	}{
		{
			accesslog.Combined, plain,
			`192.0.2.7 - - [01/Mar/2026:12:00:00 +0000] "GET /FI/tv/home.json HTTP/1.1" 200 512 "https://tv.example/" "Tele \"X\" \\ 5"`,
		},
		{
			accesslog.Combined, hostile,
			`2001:db8::1 - - [01/Mar/2026:12:00:00 +0000] "BREW /a\"\n127.0.0.1 - - [ HTTP/2.0" 405 - "-" ` +
				`"\x1b[31m\xff\xe2\x80\xae</script>\xe2\x80\xa8"`,
		},
		{
			accesslog.JSON, plain,
			`{"time":"2026-03-01T12:00:00.123456Z","peer":"192.0.2.7","method":"GET","path":"/FI/tv/home.json","protocol":"HTTP/1.1",` +
				`"status":200,"bytes":512,"duration_ms":1.234,"country":"FI","release":"20260301T115900Z-00112233","coding":"zstd",` +
				`"referer":"https://tv.example/","user_agent":"Tele \"X\" \\ 5","request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
		},
		{
			accesslog.JSON, hostile,
			`{"time":"2026-03-01T12:00:00.123456Z","peer":"2001:db8::1","method":"BREW","path":"/a\"\u000a127.0.0.1 - - [",` +
				`"protocol":"HTTP/2.0","status":405,"bytes":0,"duration_ms":0.000,` +
				`"user_agent":"\u001b[31m�\u202e\u003c/script\u003e\u2028"}`,
		},
	} {
		if got := string(test.format.Append(nil, &test.entry)); got != test.want+"\n" {
			t.Errorf("got  %swant %s", got, test.want)
		}
	}
}

// combinedLine is the format as log analyzers read it.
var combinedLine = regexp.MustCompile(
	`^(\S+) \S+ \S+ \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\n$`)

// Whatever a client sends, it is one line of plain text, and what it sent is where
// it belongs.
func FuzzNobodyForgesALine(f *testing.F) {
	f.Add("GET", "/", "", "")
	f.Add("GET\n", "/\r\n1.2.3.4 - - [", `"`, `\`)
	f.Add("G", "\x00\x7f\x80\xff", "\u2028\u202e\u0085", "\\\"")
	f.Fuzz(func(t *testing.T, method, path, referer, agent string) {
		e := accesslog.Entry{
			Time: noon, Peer: "192.0.2.7:1", Method: method, Path: path, Protocol: "HTTP/1.1", Status: 200, Referer: referer, UserAgent: agent,
		}
		line := string(accesslog.Combined.Append(nil, &e))
		parts := combinedLine.FindStringSubmatch(line)
		if parts == nil || strings.Count(line, "\n") != 1 || parts[1] != "192.0.2.7" || parts[4] != "200" {
			t.Fatalf("%q", line)
		}
		for _, c := range []byte(line[:len(line)-1]) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has byte %#x", line, c)
			}
		}
		line = string(accesslog.JSON.Append(nil, &e))
		var got struct {
			Method, Path, Referer string
			Agent                 string `json:"user_agent"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || strings.Count(line, "\n") != 1 || !utf8.ValidString(line) {
			t.Fatalf("%v: %q", err, line)
		}
		if want := strings.ToValidUTF8(path, "\ufffd"); utf8.ValidString(path) && got.Path != want {
			t.Fatalf("path %q came out as %q", path, got.Path)
		}
	})
}

// A program that others wrote reads what is written.
func TestGoAccessReadsCombined(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a program")
	}
	goaccess, err := exec.LookPath("goaccess")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("goaccess is not installed: scripts/tools does that")
	}
	var lines []byte
	for _, agent := range []string{"curl/8", `a "quoted" one`, "two\nlines", "\x1b[31m\xff", ""} {
		e := plain
		e.UserAgent, e.Path = agent, "/FI/tv/"+agent
		lines = accesslog.Combined.Append(lines, &e)
	}
	command := exec.CommandContext(t.Context(), goaccess, "-", "--log-format=COMBINED", "--no-progress", "--no-global-config", "--output=json")
	command.Stdin = bytes.NewReader(lines)
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		General struct {
			Valid  int `json:"valid_requests"`
			Failed int `json:"failed_requests"`
		}
	}
	if err := json.Unmarshal(out, &report); err != nil || report.General.Valid != 5 || report.General.Failed != 0 {
		t.Errorf("%v, %+v", err, report.General)
	}
}

// serve answers one request behind a log and returns what was logged.
func serve(t *testing.T, next http.HandlerFunc, headers ...string) map[string]any {
	t.Helper()
	var out bytes.Buffer
	log, err := accesslog.New(accesslog.Config{Format: accesslog.JSON, Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	start(t, log)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/FI/a%20b?secret=1", http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	func() {
		defer func() { _ = recover() }()
		log.Handler(next).ServeHTTP(httptest.NewRecorder(), r)
	}()
	stop(t, log)
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	return got
}

func start(t *testing.T, log *accesslog.Log) {
	t.Helper()
	if err := log.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, log *accesslog.Log) {
	t.Helper()
	if err := log.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsLoggedOfARequest(t *testing.T) {
	got := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Ovenbird-Release", "r1")
		w.Header().Set("Content-Encoding", "br")
		accesslog.Note(w).Country = "FI"
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("four"))
		_, _ = w.Write([]byte("five5"))
	}, "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Request-Id", "abc")
	for name, want := range map[string]any{
		"path": "/FI/a%20b", "status": 206.0, "bytes": 9.0, "release": "r1", "coding": "br", "country": "FI", "peer": "192.0.2.1",
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "request_id": "abc",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestAnAnswerThatIsCutOffIsLogged(t *testing.T) {
	got := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	}, "Traceparent", "00-not-one-01")
	if got["status"] != 200.0 || got["bytes"] != 4.0 || got["trace_id"] != nil {
		t.Errorf("%v", got)
	}
}

func TestAMovedFileIsLeftAloneAndNothingIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := accesslog.New(accesslog.Config{Format: accesslog.JSON, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	start(t, log)
	const workers, each = 4, 500
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				log.Add(&plain)
			}
		})
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log.Reopen()
	all.Wait()
	log.Add(&plain)
	stop(t, log)
	lines := 0
	for _, name := range []string{path, path + ".1"} {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(body, []byte("\n"))
	}
	if lines != workers*each+1 || log.Dropped() != 0 {
		t.Errorf("%d lines, %d dropped", lines, log.Dropped())
	}
}

// stuck is a disk that does not answer until it is released.
type stuck struct{ release chan struct{} }

func (s stuck) Write(b []byte) (int, error) { <-s.release; return len(b), nil }

func TestALogThatIsStuckStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := stuck{make(chan struct{})}
		log, err := accesslog.New(accesslog.Config{Format: accesslog.Combined, Out: disk})
		if err != nil {
			t.Fatal(err)
		}
		start(t, log)
		for range 200_000 {
			log.Add(&plain)
		}
		if log.Dropped() == 0 {
			t.Error("nothing was dropped: memory has no bound")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := log.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopping came to %v", err)
		}
		close(disk.release)
		synctest.Wait()
	})
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLinesThatCanNotBeWrittenAreCounted(t *testing.T) {
	log, err := accesslog.New(accesslog.Config{Format: accesslog.Combined, Out: full{}})
	if err != nil {
		t.Fatal(err)
	}
	start(t, log)
	for range 10 {
		log.Add(&plain)
	}
	stop(t, log)
	log.Add(&plain)
	if log.Dropped() != 11 {
		t.Errorf("%d dropped, want 11", log.Dropped())
	}
}
