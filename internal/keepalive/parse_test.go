package keepalive

import (
	"bufio"
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// get is a plain request with more fields.
func get(fields string) string {
	return "GET /FI/tv/home.json HTTP/1.1\r\nHost: edge.example\r\n" + fields + "\r\n"
}

// plainRequests are requests that the loop answers.
var plainRequests = []string{
	get(""),
	"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n",
	"OPTIONS /a HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
	"GET /a%20b%2Fc?x=1&y=%zz;? HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET //a/../b/?#f HTTP/1.1\r\nHost: x:80\r\n\r\n",
	"GET /? HTTP/1.1\r\nHost:\tx \t\r\n\r\n",
	get("Accept-Encoding: gzip, deflate, br, zstd\r\nUser-Agent: Tele (\"X\")\r\nIf-None-Match: \"a\", W/\"b\"\r\nX:\r\n"),
	get("accept-encoding: gzip\r\nACCEPT-ENCODING: br\r\nAccept-Encoding: zstd\r\n"),
	get("Connection: Keep-Alive\r\n"),
	get("CONNECTION: close\r\n"),
	get("Pragma: no-cache\r\n"),
	get("Pragma: no-cache\r\nCache-Control: max-age=0\r\n"),
	get("X-!#$%&'*+.^_`|~: y\r\n"),
	get("X: " + strings.Repeat("y", 3000) + "\r\n"),
}

// otherRequests are begun in a way that only net/http may judge.
var otherRequests = []string{
	"POST /FI/tv/home.json HTTP/1.1\r\nHost: x\r\n\r\n",
	"get / HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
	"GET /\r\n\r\n",
	"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
	"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /a\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /ä HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
	"\r\n" + get(""),
	"\n" + get(""),
	"GET / HTTP/1.1\nHost: x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\n\n",
	"GET / HTTP/1.1\r\r\nHost: x\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n",
	get("Content-Length: 0\r\n"),
	get("Content-Length: 5\r\n"),
	get("content-length : 5\r\n"),
	get("Transfer-Encoding: chunked\r\n"),
	get("Transfer-Encoding : chunked\r\n"),
	get("Transfer-Encoding\t: chunked\r\n"),
	get("TRANSFER-ENCODING: identity\r\n"),
	get("X: y\r\n z\r\n"),
	get("X: y\r\n\tTransfer-Encoding: chunked\r\n"),
	get("X: y\rTransfer-Encoding: chunked\r\n"),
	get("X: y\nTransfer-Encoding: chunked\r\n"),
	get("X: \x00\r\n"),
	get("X: \x7f\r\n"),
	get("X: \x80\r\n"),
	get("X: ä\r\n"),
	get("X\r\n"),
	get(": y\r\n"),
	get("X y: z\r\n"),
	get("X\x00: y\r\n"),
	get("Ä: y\r\n"),
	get("Expect: 100-continue\r\n"),
	get("Trailer: X\r\n"),
	get("Upgrade: h2c\r\n"),
	get("Connection: Upgrade\r\n"),
	get("Connection: close, keep-alive\r\n"),
	get("Connection: keep-alive\r\nConnection: close\r\n"),
	get("Connection:\r\n"),
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

func newTestReader() *reader {
	r := newReader(&http.Request{RemoteAddr: "192.0.2.1:1"})
	return &r
}

func TestPlainRequestsAreRead(t *testing.T) {
	r := newTestReader()
	for _, request := range plainRequests {
		if v, size := r.read([]byte(request + "GET")); v != plain || size != len(request) {
			t.Errorf("%q is %d of %d bytes", request, v, size)
			continue
		}
		checkMeaning(t, r, []byte(request))
		for n := range len(request) {
			if v, _ := r.read([]byte(request[:n])); v != incomplete {
				t.Errorf("the beginning %q is %d", request[:n], v)
			}
		}
	}
}

func TestOtherRequestsAreNotJudged(t *testing.T) {
	r := newTestReader()
	for _, request := range otherRequests {
		if v, _ := r.read([]byte(request)); v != other {
			t.Errorf("%q is %d", request, v)
		}
	}
}

// checkMeaning checks that a request is what net/http makes of its bytes.
func checkMeaning(t *testing.T, r *reader, data []byte) {
	t.Helper()
	rest := bufio.NewReader(bytes.NewReader(data))
	want, err := http.ReadRequest(rest)
	if err != nil {
		t.Fatalf("net/http says %v of %q", err, data)
	}
	if _, err := rest.Peek(1); err == nil {
		t.Errorf("net/http finds another request in %q", data)
	}
	got := r.request
	delete(want.Header, "Host") // as http.Server does
	if got.Method != want.Method || got.RequestURI != want.RequestURI || *got.URL != *want.URL || got.Host != want.Host ||
		got.Close != want.Close || got.Proto != want.Proto || got.ProtoMajor != want.ProtoMajor || got.ProtoMinor != want.ProtoMinor ||
		got.ContentLength != want.ContentLength || got.Body != want.Body || got.TransferEncoding != nil || got.Trailer != nil ||
		!maps.EqualFunc(got.Header, want.Header, slices.Equal) {
		t.Errorf("of %q the loop makes\n%+v, net/http\n%+v", data, got, want)
	}
	if want.ContentLength != 0 || want.TransferEncoding != nil {
		t.Errorf("%q has a body", data)
	}
}

// What is taken for plain means to net/http the same, and ends where net/http sees
// its end; and a request of which only the beginning is there is not judged.
func FuzzPlainRequestsMeanTheSame(f *testing.F) {
	for _, request := range slices.Concat(plainRequests, otherRequests) {
		f.Add([]byte(request))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newTestReader()
		v, size := r.read(data)
		if v != plain {
			return
		}
		checkMeaning(t, r, data[:size])
		half := newTestReader()
		if v, _ := half.read(data[:size/2]); v != incomplete {
			t.Errorf("the beginning of %q is %d", data[:size], v)
		}
	})
}

// What one request left behind is not in the next.
func TestNothingStaysOfARequest(t *testing.T) {
	r := newTestReader()
	for _, first := range plainRequests {
		for _, second := range plainRequests {
			r.read([]byte(first))
			r.read([]byte(second))
			checkMeaning(t, r, []byte(second))
		}
	}
}
