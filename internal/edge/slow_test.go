package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"ovenbird/internal/edge"
)

// inHaste is how long a server in these tests waits for clients. The clients wait
// for the server as long as it takes.
const inHaste = 500 * time.Millisecond

// serveInHaste starts a server that gives slow clients little time, with TLS or
// without.
func serveInHaste(t *testing.T, h http.Handler, withTLS bool) *edge.Server {
	t.Helper()
	server := edge.NewServer("127.0.0.1:0", h, nil)
	server.UseLoop()
	if err := server.UseLimits(edge.Limits{}); err != nil {
		t.Fatal(err)
	}
	if withTLS {
		files, _ := writeCertificate(t, t.TempDir(), "edge.example")
		if err := server.UseTLS(files); err != nil {
			t.Fatal(err)
		}
	}
	server.Hurry(inHaste)
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	return server
}

// dialTLS opens a connection that speaks TLS and, inside, a protocol.
func dialTLS(t testing.TB, address, protocol string) *tls.Conn {
	t.Helper()
	connection := tls.Client(dial(t, address), &tls.Config{
		InsecureSkipVerify: true,
		NextProtos:         []string{protocol}, MinVersion: tls.VersionTLS12,
	})
	if err := connection.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return connection
}

// Whoever sends a byte now and then, or nothing, loses the connection.
func TestSlowClientsAreCutOff(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	plain, secret := serveInHaste(t, s.edge, false).Addr().String(), serveInHaste(t, s.edge, true).Addr().String()
	const complete = "GET /FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tt := range map[string]struct {
		address, protocol string // "": the bytes go over TCP
		bytes             string // at once
		slowly            string // over and over, a byte at a time
	}{
		"nothing":                      {address: plain},
		"header":                       {address: plain, bytes: "GET / HTTP/1.1\r\n", slowly: "X: y\r\n"},
		"request line":                 {address: plain, slowly: "G"},
		"body":                         {address: plain, bytes: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", slowly: "b"},
		"chunks":                       {address: plain, bytes: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", slowly: "1\r\nb\r\n"},
		"between requests":             {address: plain, bytes: complete},
		"the second request":           {address: plain, bytes: complete, slowly: complete},
		"handshake, nothing":           {address: secret},
		"handshake":                    {address: secret, bytes: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", slowly: "\x00"},
		"header in TLS":                {address: secret, protocol: "http/1.1", bytes: "GET / HTTP/1.1\r\n", slowly: "X: y\r\n"},
		"HTTP/2, after its preface":    {address: secret, protocol: "h2", bytes: http2.ClientPreface},
		"HTTP/2, after its settings":   {address: secret, protocol: "h2", bytes: http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		"HTTP/2, in its header":        {address: secret, protocol: "h2", bytes: http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82", slowly: "\x00\x00\x01\x09\x00\x00\x00\x00\x01\x86"},
		"HTTP/2, a frame byte by byte": {address: secret, protocol: "h2", bytes: http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x10\x00", slowly: "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connection net.Conn
			if tt.protocol == "" {
				connection = dial(t, tt.address)
			} else {
				connection = dialTLS(t, tt.address, tt.protocol)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, connection)
				ended <- err
			}()
			_, _ = io.WriteString(connection, tt.bytes)
			now := time.NewTicker(inHaste / 10)
			defer now.Stop()
			for i := 0; ; i++ {
				select {
				case err := <-ended:
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("it goes on")
					}
					return
				case <-now.C:
					if tt.slowly != "" {
						_, _ = io.WriteString(connection, tt.slowly[i%len(tt.slowly):][:1])
					}
				}
			}
		})
	}
}

// endless is an answer that no buffer between server and client holds.
var endless = bytes.Repeat([]byte("x"), 64<<20)

// Whoever does not take an answer loses the connection, or the stream.
func TestClientsThatDoNotReadAreCutOff(t *testing.T) {
	for name, ask := range map[string]func(t *testing.T, server *edge.Server){
		"HTTP/1": func(t *testing.T, server *edge.Server) {
			t.Helper()
			if _, err := io.WriteString(dial(t, server.Addr().String()), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		},
		"HTTP/2, a stream": func(t *testing.T, server *edge.Server) {
			t.Helper()
			c := newFramer(t, server, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			c.request(1)
			c.until(http2.FrameRSTStream)
		},
		"HTTP/2, a connection": func(t *testing.T, server *edge.Server) {
			t.Helper()
			c := newFramer(t, server, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
			if err := c.WriteWindowUpdate(0, 1<<30); err != nil {
				t.Fatal(err)
			}
			c.request(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan error, 1)
			server := serveInHaste(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, err := w.Write(endless)
				ended <- err
			}), strings.HasPrefix(name, "HTTP/2"))
			ask(t, server)
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the answer was taken")
				}
			case <-time.After(patience):
				t.Error("the server waits")
			}
		})
	}
}

// framer is an HTTP/2 client without manners.
type framer struct {
	*http2.Framer
	t testing.TB
}

func newFramer(t testing.TB, server *edge.Server, settings ...http2.Setting) *framer {
	t.Helper()
	connection := dialTLS(t, server.Addr().String(), "h2")
	if _, err := io.WriteString(connection, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := &framer{http2.NewFramer(connection, connection), t}
	if err := f.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	return f
}

// headers are those of a request for a document.
func (f *framer) headers() []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/FI/tv/titles/t1.json"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	return block.Bytes()
}

func (f *framer) request(stream uint32) {
	f.t.Helper()
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.headers(), EndStream: true, EndHeaders: true})
	if err != nil {
		f.t.Fatal(err)
	}
}

// until reads to a frame of a type, and returns it.
func (f *framer) until(want http2.FrameType) http2.Frame {
	f.t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.t.Fatalf("waiting for %s: %v", want, err)
		}
		if frame.Header().Type == want {
			return frame
		}
	}
}

// Clients over HTTP/2 that send what costs them nothing and the server something.
func TestFloodsOverHTTP2AreCutOff(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	const far = 1 << 20 // frames
	for name, flood := range map[string]func(f *framer, n uint32) error{
		"pings":    func(f *framer, _ uint32) error { return f.WritePing(false, [8]byte{}) },
		"settings": func(f *framer, _ uint32) error { return f.WriteSettings() },
		"continuations": func(f *framer, n uint32) error {
			if n == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.headers(), EndStream: true})
			}
			return f.WriteContinuation(1, false, bytes.Repeat([]byte{0x00, 0x01, 'x', 0x01, 'y'}, 1000))
		},
		"empty continuations": func(f *framer, n uint32) error {
			if n == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.headers(), EndStream: true})
			}
			return f.WriteContinuation(1, false, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFramer(t, serveInHaste(t, s.edge, true))
			for n := range uint32(far) {
				if err := flood(f, n); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the server waits")
					}
					return
				}
			}
			t.Errorf("the server took %d frames", far)
		})
	}
}

// Streams that are reset as soon as they are open (CVE-2023-44487) make the
// server do no more at once than others do.
func TestRapidResets(t *testing.T) {
	var running, most atomic.Int64
	goOn := make(chan struct{})
	defer close(goOn)
	f := newFramer(t, serveInHaste(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m; m = most.Load() {
			if most.CompareAndSwap(m, n) {
				break
			}
		}
		<-goOn
	}), true))
	for n := range uint32(2000) {
		if f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: f.headers(), EndStream: true, EndHeaders: true}) != nil ||
			f.WriteRSTStream(2*n+1, http2.ErrCodeCancel) != nil {
			break // it has been cut off
		}
	}
	if end, ok := f.until(http2.FrameGoAway).(*http2.GoAwayFrame); !ok || end.ErrCode != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("the server ended it with %v", end)
	}
	if most.Load() > 100 {
		t.Errorf("%d requests were served at once", most.Load())
	}
}

// A thousand connections that send a header byte by byte cost little memory, and
// somebody else is served meanwhile.
func TestAThousandSlowClientsHarmNobody(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	server, url := start(t, s.edge)
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	const slow, most = 1000, 64 << 10
	before := memory()
	for range slow {
		if _, err := io.WriteString(dial(t, server.Addr().String()), "GET / HTTP/1.1\r\nHost: "); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if _, body, err := fetch(t, url+"/FI/tv/titles/t1.json"); err != nil || body != finnish {
			t.Fatalf("got %q, %v", body, err)
		}
	}
	if each := (int64(memory()) - int64(before)) / slow; each > most {
		t.Errorf("each holds %d bytes", each)
	}
}

func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
}
