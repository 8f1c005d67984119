package keepalive

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ResponseWriter is what handlers get for a plain request.
type ResponseWriter interface {
	http.ResponseWriter
	// Put sends a field, past the map that Header returns: that costs a fraction.
	// It is to be called before WriteHeader, once for a name, which is in canonical
	// form; what has been put is not to be in the map. Content-Type, Content-Length
	// and Date mean what they mean in the map; Connection has to stand there.
	Put(name string, values []string)
	// PutAll sends fields that were made ahead, as Put would: for one copy of all.
	PutAll(fields *Fields)
}

// Fields are fields that many answers have. Immutable; any number of goroutines may
// use them. Make them with NewFields.
type Fields struct {
	header http.Header
	lines  []byte // as they are sent
	typed  bool   // see answer
}

// NewFields returns the fields of a header, which stays as it is. Date,
// Content-Length and what is about the connection are not to be among them: they
// are each answer's own.
func NewFields(header http.Header) *Fields {
	var a answer
	for _, name := range slices.Sorted(maps.Keys(header)) {
		a.Put(name, header[name])
	}
	return &Fields{header: header, lines: a.fields, typed: a.typed}
}

// CopyTo puts the fields into a header.
func (f *Fields) CopyTo(h http.Header) { maps.Copy(h, f.header) }

// unknown is the length of a body that the handler has not declared.
const unknown = -1

// answer is the answer to one request after the other, until the client has all.
type answer struct {
	to      *conn
	head    bool // to HEAD, without its body
	close   bool // whether the connection ends with it
	more    bool // whether another request has come already
	header  http.Header
	fields  []byte // as they are sent
	dated   bool   // whether Date is among them
	typed   bool   // whether Content-Type is, or Content-Encoding
	status  int    // 0: not said
	length  int64  // of the body, or unknown
	written int64  // of the body, by the handler
	body    []byte // what was written while the length is unknown
	sent    bool   // whether the head is on its way
	pending []byte // what is not written yet: this answer's and, before it, earlier ones'
	start   int    // of this answer in pending
	err     error  // of the connection
}

// begin makes it the answer to a request; more says whether another one has come.
func (a *answer) begin(to *conn, r *http.Request, more bool) {
	if len(a.header) > 0 {
		clear(a.header)
	}
	*a = answer{
		to: to, head: r.Method == http.MethodHead, close: r.Close, more: more, length: unknown,
		header: a.header, fields: a.fields[:0], body: a.body[:0], pending: a.pending, start: len(a.pending),
	}
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// Put implements ResponseWriter.
func (a *answer) Put(name string, values []string) {
	switch name {
	case "Content-Length":
		a.declare(values)
		return
	case "Content-Type", "Content-Encoding":
		a.typed = true
	case "Date":
		a.dated = true
	}
	for _, value := range values {
		a.fields = append(a.fields, name...)
		a.fields = append(a.fields, ": "...)
		a.fields = appendValue(a.fields, value)
		a.fields = append(a.fields, "\r\n"...)
	}
}

// PutAll implements ResponseWriter.
func (a *answer) PutAll(fields *Fields) {
	a.fields = append(a.fields, fields.lines...)
	a.typed = a.typed || fields.typed
}

// appendValue appends the value of a field. Nothing in it ends its line.
func appendValue(b []byte, value string) []byte {
	start := len(b)
	b = append(b, value...)
	if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
		for i := start; i < len(b); i++ {
			if b[i] == '\n' || b[i] == '\r' {
				b[i] = ' '
			}
		}
	}
	return b
}

// declare notes the length of the body, if it is one.
func (a *answer) declare(values []string) {
	if len(values) == 0 {
		return
	}
	if n, err := strconv.ParseInt(values[0], 10, 64); err == nil && n >= 0 {
		a.length = n
	}
}

// WriteHeader implements http.ResponseWriter. Informational answers are not sent.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 || status < http.StatusOK {
		return
	}
	a.status = status
	for name, values := range a.header {
		switch {
		case name == "Connection":
			a.close = a.close || len(values) > 0 && strings.EqualFold(values[0], "close")
		case name == "Transfer-Encoding", name == "Trailer", strings.HasPrefix(name, http.TrailerPrefix):
		case name == "Content-Type" && status == http.StatusNotModified:
		case name != "" && tokenLetters.has(name):
			a.Put(name, values)
		}
	}
}

// hasBody reports whether an answer with the status can have a body.
func (a *answer) hasBody() bool {
	return a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if !a.hasBody() {
		return 0, http.ErrBodyNotAllowed
	}
	a.written += int64(len(p))
	if a.length != unknown && a.written > a.length {
		return 0, http.ErrContentLength
	}
	if !a.typed && len(p) > 0 {
		a.Put("Content-Type", []string{http.DetectContentType(p)})
	}
	switch {
	case a.head:
	case a.length == unknown && !a.sent && len(a.body)+len(p) <= mostHeld:
		a.body = append(a.body, p...)
	case a.length == unknown:
		a.sendChunks(p)
	case a.sent:
		a.send(p)
	default:
		a.sendHead(p)
	}
	return len(p), a.err
}

// mostHeld is up to how many bytes of a body are held to tell its length.
const mostHeld = 2 << 10

// sendChunks sends a part of a body whose length nobody knows yet.
func (a *answer) sendChunks(p []byte) {
	if !a.sent {
		a.fields = append(a.fields, "Transfer-Encoding: chunked\r\n"...)
		a.sendHead(nil)
		if len(a.body) > 0 {
			a.sendChunks(a.body)
		}
	}
	for chunk := range slices.Chunk(p, largestChunk) {
		a.pending = strconv.AppendInt(a.pending, int64(len(chunk)), 16)
		a.pending = append(append(append(a.pending, "\r\n"...), chunk...), "\r\n"...)
		a.send(nil)
	}
}

const largestChunk = 16 << 10

// finish sends what the handler left to be sent.
func (a *answer) finish() {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.sent && a.length == unknown {
		a.pending = append(a.pending, "0\r\n\r\n"...)
		a.send(nil)
		return
	}
	if a.length == unknown && a.hasBody() && (!a.head || a.written > 0) {
		a.length = a.written
	}
	if !a.head && a.hasBody() && a.written < a.length {
		a.close = true // the client waits for what does not come
	}
	if !a.sent {
		a.sendHead(a.body)
	}
}

// sendHead sends the status and the fields, with the first bytes of the body.
func (a *answer) sendHead(body []byte) {
	b := a.pending
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	if text := http.StatusText(a.status); text != "" {
		b = append(b, text...)
	} else {
		b = append(b, "status code "...)
		b = strconv.AppendInt(b, int64(a.status), 10)
	}
	b = append(b, "\r\n"...)
	if !a.dated {
		b = append(b, a.to.server.date.line(a.to.now)...)
	}
	b = append(b, a.fields...)
	if a.length != unknown && a.hasBody() {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, a.length, 10)
		b = append(b, "\r\n"...)
	}
	if a.close = a.close || a.to.server.stopping.Load(); a.close {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, "\r\n"...)
	a.pending, a.sent = b, true
	a.send(body)
}

const (
	// shortBody is up to how many bytes copying a body behind its head takes less
	// than writing two pieces.
	shortBody = 4 << 10
	// mostPending is up to how many bytes answers wait for the next one, if it has
	// been asked for: making so many takes no longer than writing them.
	mostPending = 8 << 10
)

// send sends what is pending and a piece of a body, now or with the next answer.
func (a *answer) send(body []byte) {
	if len(body) <= shortBody {
		a.pending, body = append(a.pending, body...), nil
	}
	if len(body) == 0 && a.more && !a.close && len(a.pending) < mostPending {
		return
	}
	a.flush(body)
}

// flush writes what is pending, and a piece of a body. After an error it writes nothing.
func (a *answer) flush(body []byte) {
	switch {
	case a.err != nil:
	case len(body) > 0:
		a.err = a.to.writeBoth(a.pending, body)
	case len(a.pending) > 0:
		a.err = a.to.write(a.pending)
	}
	a.pending, a.start = a.pending[:0], 0
}

// date is the field Date, made once a second.
type date struct{ made atomic.Pointer[dateLine] }

type dateLine struct {
	second int64
	text   []byte
}

func (d *date) line(now time.Time) []byte {
	second := now.Unix()
	if made := d.made.Load(); made != nil && made.second == second {
		return made.text
	}
	text := append([]byte("Date: "), now.UTC().Format(http.TimeFormat)...)
	d.made.Store(&dateLine{second, append(text, "\r\n"...)})
	return d.made.Load().text
}
