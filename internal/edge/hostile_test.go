package edge_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/edge"
)

// patience is how long a test waits for what ought to come at once.
const patience = time.Minute

// dial opens a connection that ends with the test.
func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	tcp, ok := connection.(*net.TCPConn)
	if !ok {
		t.Fatalf("a connection over TCP is a %T", connection)
	}
	return tcp
}

// statuses returns the statuses of the answers that come over a connection until
// it is closed.
func statuses(t *testing.T, from io.Reader) []string {
	t.Helper()
	var all []string
	for reader := bufio.NewReader(from); ; {
		if _, err := reader.Peek(1); errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || isReset(err) {
			return all
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("after %v: %v", all, err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatalf("after %v, in the body: %v", all, err)
		}
		_ = response.Body.Close()
		all = append(all, strconv.Itoa(response.StatusCode))
	}
}

func isReset(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && !failed.Timeout()
}

// What comes over raw connections, and what is answered until the connection
// ends. Each is followed by a request for a document of its own: it must not be
// answered where it could be part of what came before, as somebody between
// understands it.
func TestRawRequests(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	server, _ := start(t, s.edge)
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	const document, smuggled = "GET /FI/tv/titles/t1.json HTTP/1.1\r\n", "GET /FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n\r\n"
	const next = "GET /FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	post := func(headers, body string) string { return "POST / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body }
	get := func(headers, body string) string { return document + "Host: x\r\n" + headers + "\r\n" + body }
	for name, tt := range map[string]struct{ request, answers string }{
		// What is as it should be: the next request is answered.
		"plain":                    {get("", ""), "200 200"},
		"pipelined":                {strings.Repeat(smuggled, 3), "200 200 200 200"},
		"empty lines before":       {"\r\n" + smuggled, "400"},
		"bare line feeds":          {"GET /FI/tv/titles/t1.json HTTP/1.1\nHost: x\n\n", "200 200"},
		"absolute form":            {"GET http://x/FI/tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n\r\n", "200 200"},
		"absolute form, two hosts": {"GET http://x/FI/tv/titles/t1.json HTTP/1.1\r\nHost: y\r\n\r\n", "200 200"},
		"the whole server":         {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "204 200"},
		"no body, it says":         {get("Content-Length: 0\r\n", ""), "200 200"},
		"other methods":            {"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", "405 200"},
		"lower-case method":        {"get / HTTP/1.1\r\nHost: x\r\n\r\n", "405 200"},
		"tunnel":                   {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", "405 200"},
		"upgrade to HTTP/2":        {get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", ""), "200 200"},
		"dot segments":             {"GET /FI/tv/../tv/titles/t1.json HTTP/1.1\r\nHost: x\r\n\r\n", "400 200"},
		"equal lengths":            {post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), "405"},
		"folded header":            {get("X: a\r\n b\r\n", ""), "200 200"},
		"old, kept alive":          {"GET /FI/tv/titles/t1.json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200"},
		"older":                    {"GET /FI/tv/titles/t1.json\r\n\r\n", "400"},

		// A body, in whatever way it is framed, ends the connection.
		"body":               {get("Content-Length: 5\r\n", "hello"), "200"},
		"body for later":     {get("Content-Length: 5\r\nExpect: 100-continue\r\n", ""), "200"},
		"other expectations": {get("Expect: magic\r\n", ""), "417"},
		"chunked":            {get("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "200"},
		"CL.TE":              {post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+smuggled), "405"},
		"TE.CL":              {post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5\r\nhello\r\n0\r\n\r\n"+smuggled), "405"},
		"CL.0":               {post("Content-Length: "+strconv.Itoa(len(smuggled))+"\r\n", smuggled), "405"},
		"0.CL":               {get("Content-Length: "+strconv.Itoa(len(smuggled))+"\r\n", smuggled), "200"},
		"0 and chunked":      {post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+smuggled), "405"},
		"chunk extension":    {post("Transfer-Encoding: chunked\r\n", "0;\n"+smuggled+"\r\n\r\n"), "405"},
		"old and chunked":    {"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "405"},

		// What is against the grammar is refused, and ends the connection.
		"TE twice":               {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), "501"},
		"TE list":                {post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
		"TE unknown":             {post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "501"},
		"TE with space":          {post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), "400"},
		"TE with tab":            {post("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"), "405"},
		"TE with control":        {post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), "400"},
		"TE folded":              {post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), "405"},
		"TE behind line feed":    {post("X: x\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "405"},
		"TE behind return":       {post("X: x\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
		"lengths that differ":    {post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), "400"},
		"length in a list":       {post("Content-Length: 3, 3\r\n", "abc"), "400"},
		"length with sign":       {post("Content-Length: +3\r\n", "abc"), "400"},
		"length below nothing":   {post("Content-Length: -1\r\n", ""), "400"},
		"length in hex":          {post("Content-Length: 0x3\r\n", "abc"), "400"},
		"length with a space":    {post("Content-Length: 1 0\r\n", "abc"), "400"},
		"length, none":           {post("Content-Length: \r\n", "abc"), "400"},
		"length beyond all":      {post("Content-Length: 99999999999999999999\r\n", "abc"), "400"},
		"no host":                {document + "\r\n", "400"},
		"two hosts":              {document + "Host: x\r\nHost: y\r\n\r\n", "400"},
		"host with a space":      {document + "Host: x y\r\n\r\n", "400"},
		"host with a path":       {document + "Host: x/y\r\n\r\n", "400"},
		"no name":                {get(": x\r\n", ""), "400"},
		"no colon":               {get("X\r\n", ""), "400"},
		"space before the first": {document + " Host: x\r\n\r\n", "400"},
		"zero byte in a name":    {get("X\x00: y\r\n", ""), "400"},
		"zero byte in a value":   {get("X: \x00\r\n", ""), "400"},
		"zero byte in a path":    {"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"line end in a path":     {"GET /a\r\nX: y HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"return in a path":       {"GET /a\rb HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"space in a path":        {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"tab for a space":        {"GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"broken escape":          {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"later version":          {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", "404 200"},
		"version of two digits":  {"GET / HTTP/1.10\r\nHost: x\r\n\r\n", "400"},
		"HTTP/2's preface":       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "405"},
		"TLS":                    {"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", "400"},
		"long path":              {"GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"many headers":           {get(strings.Repeat("X: y\r\n", 10_000), ""), "431"},
		"long header":            {get("X: "+strings.Repeat("y", 64<<10)+"\r\n", ""), "431"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection := dial(t, server.Addr().String())
			go func() { _, _ = io.WriteString(connection, tt.request+next) }() // it may be closed before all is written
			if got := strings.Join(statuses(t, connection), " "); got != tt.answers {
				t.Errorf("answered %s, want %s", got, tt.answers)
			}
		})
	}
}
