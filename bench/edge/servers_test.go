package main

import (
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// testDocuments are two sizes, in codings that nobody looks into but for gzip's,
// which Varnish does.
func testDocuments(t *testing.T) document {
	t.Helper()
	body := func(length int, of string) []byte { return []byte(strings.Repeat(of, length)) }
	zipped := func(length int) []byte {
		var out bytes.Buffer
		w, err := stdgzip.NewWriterLevel(&out, stdgzip.NoCompression)
		if err == nil {
			_, err = w.Write(body(length, "z"))
		}
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	return document{
		"/FI/app0/small.json": {identity: body(1000, "s"), gzip: zipped(300), brotli: body(200, "b"), zstd: body(250, "d")},
		"/FI/app0/large.json": {identity: body(70000, "l"), gzip: zipped(40000), brotli: body(35000, "B"), zstd: body(36000, "D")},
	}
}

// wanted is an error unless the peer is merely missing on a contributor's machine.
func wanted(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPeersSendTheDocumentsInEveryMode(t *testing.T) {
	documents := testDocuments(t)
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			on := &site{dir: t.TempDir(), documents: documents, caddy: "../../bin/caddy-v2.11.9"}
			if err := on.writeFiles(); err != nil {
				t.Fatal(err)
			}
			s, err := p.start(t.Context(), on)
			wanted(t, err)
			t.Cleanup(func() {
				if err := s.stop(); err != nil {
					t.Error(err)
				}
			})
			for path, codings := range documents {
				for _, coding := range s.codings {
					for _, mode := range []string{keepAlive, pipelined, newConn, unchanged, headOnly, notThere} {
						c := newScenario(path, len(codings[coding]), mode, coding)
						e, body, err := enter(t.Context(), s, c)
						if err != nil {
							t.Fatalf("%s, %s of %s: %v", mode, coding, path, err)
						}
						if c.hasBody() && !bytes.Equal(body, codings[coding]) {
							t.Errorf("%s, %s of %s: another body", mode, coding, path)
						}
						answersAll(t, &e.target)
					}
				}
			}
		})
	}
}

// answersAll loads a server with a few requests, which fails if one of them does.
func answersAll(t *testing.T, target *target) {
	t.Helper()
	o := &options{load: 2 * time.Millisecond, rate: 1000, connections: 3}
	count, _, err := target.flatOut(t.Context(), o)
	if err != nil || count == 0 || count%int64(target.batch()) != 0 {
		t.Errorf("%s: %d answers, %v", target.mode, count, err)
	}
	if took, err := target.atRate(t.Context(), o); err != nil || len(took) == 0 {
		t.Errorf("%s: %d timed, %v", target.mode, len(took), err)
	}
}

func TestTheFloorRepeatsWhatTheEdgeSent(t *testing.T) {
	dir := t.TempDir()
	program, err := compileFloor(t.Context(), dir)
	wanted(t, err)
	large := strings.Repeat("0123456789", 30_000) // more than fits into a socket, sixteen times
	original := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Said", r.URL.Path)
		w.Header().Set("Content-Length", "300000")
		_, _ = w.Write([]byte(large))
	}))
	t.Cleanup(original.Close)
	edge := &server{name: edgeName, address: original.Listener.Addr().String(), codings: []string{identity}}
	for _, mode := range []string{keepAlive, pipelined, newConn, headOnly} {
		c := newScenario("/large", len(large), mode, identity)
		entered, _, err := enter(t.Context(), edge, c)
		if err != nil {
			t.Fatal(err)
		}
		floor, err := startFloor(t.Context(), &site{dir: dir}, program, entered)
		if err != nil {
			t.Fatal(err)
		}
		repeated, _, err := enter(t.Context(), floor, c)
		if err != nil {
			t.Fatal(err)
		}
		want, err := capture(t.Context(), entered.target)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := capture(t.Context(), repeated.target); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; want %d: %.300q", mode, len(got), err, len(want), got)
		}
		answersAll(t, &repeated.target)
		if err := floor.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestAServerThatSaysSomethingElseIsNotMeasured(t *testing.T) {
	says := func(body string) *server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		t.Cleanup(s.Close)
		return &server{name: body, address: s.Listener.Addr().String(), codings: []string{identity}}
	}
	c := newScenario("/", 2, keepAlive, identity)
	if _, err := prepare(t.Context(), []*server{says("a"), says("a")}, c); err != nil {
		t.Error(err)
	}
	if _, err := prepare(t.Context(), []*server{says("a"), says("b")}, c); err == nil || !strings.Contains(err.Error(), "another body") {
		t.Errorf("got %v", err)
	}
	c.coding = gzip
	if held, err := prepare(t.Context(), []*server{says("a")}, c); err != nil || len(held.entrants) != 0 {
		t.Errorf("without the coding: %v", err)
	}
}

func TestWhatDoesNotListenIsSaid(t *testing.T) {
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := target{address: l.Addr().String(), mode: keepAlive}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := target.flatOut(ctx, &options{load: time.Millisecond, connections: 1}); err == nil {
		t.Error("a server that is not there was loaded")
	}
}
