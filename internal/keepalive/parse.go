package keepalive

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// verdict is what the bytes that came over a connection begin with.
type verdict uint8

const (
	incomplete verdict = iota // what may become a plain request
	plain
	other
)

// letters are the bytes that a text may have.
type letters [256]bool

func lettersOf(s string) (l letters) {
	for i := range len(s) {
		l[s[i]] = true
	}
	return l
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var (
	// tokenLetters are those of names of fields (RFC 9110 section 5.6.2).
	tokenLetters = lettersOf(alphanumeric + "!#$%&'*+-.^_`|~")
	// hostLetters are those of hosts and ports that need no second look.
	hostLetters = lettersOf(alphanumeric + ".-:[]_")
	// pathLetters mean themselves in a path, for everybody.
	pathLetters = lettersOf(alphanumeric + "/-._~")
)

// has reports whether s is made of the letters.
func (l *letters) has(s string) bool {
	for i := range len(s) {
		if !l[s[i]] {
			return false
		}
	}
	return true
}

// line is where a field lies in the bytes of a request.
type line struct{ name, colon, value, end int }

// reader makes requests of bytes. What it makes of one request is gone with the next.
type reader struct {
	blank   *http.Request // what all requests over the connection have in common
	request *http.Request
	url     url.URL
	lines   []line
	values  []string // of the request's header, which has parts of it
}

func newReader(blank *http.Request) reader {
	blank.Proto, blank.ProtoMajor, blank.ProtoMinor = "HTTP/1.1", 1, 1
	blank.Header, blank.Body = make(http.Header), http.NoBody
	return reader{blank: blank, request: new(http.Request)}
}

// read reads the request that data begins with, size bytes long, into r.request.
func (r *reader) read(data []byte) (v verdict, size int) {
	target, v := r.scan(data, &size)
	if v != plain {
		return v, 0
	}
	// One copy for all strings of the request: data changes, and handlers may keep strings.
	text := string(data[:size])
	*r.request = *r.blank
	method, _, _ := strings.Cut(text, " ")
	r.request.Method, r.request.RequestURI = method, text[len(method)+1:target]
	if !r.readTarget() || !r.readFields(text) {
		return other, 0
	}
	return plain, size
}

// scan looks at the lines of a request up to the empty one. target is where its
// target ends, size where it does.
func (r *reader) scan(data []byte, size *int) (target int, v verdict) {
	end, v := lineEnd(data, 0)
	if v != plain {
		return 0, v
	}
	if target = scanRequestLine(data[:end]); target == 0 {
		return 0, other
	}
	r.lines = r.lines[:0]
	for {
		start := end + len("\r\n")
		if end, v = lineEnd(data, start); v != plain {
			return 0, v
		}
		if end == start {
			*size = end + len("\r\n")
			return target, plain
		}
		l, ok := scanField(data, start, end)
		if !ok {
			return 0, other
		}
		r.lines = append(r.lines, l)
	}
}

// lineEnd returns where the line that begins at start ends.
func lineEnd(data []byte, start int) (end int, v verdict) {
	length := bytes.IndexByte(data[start:], '\n')
	switch {
	case length < 0:
		return 0, incomplete
	case length == 0 || data[start+length-1] != '\r':
		return 0, other
	default:
		return start + length - 1, plain
	}
}

const version = " HTTP/1.1"

// scanRequestLine returns where the target of a request ends; 0 where the line is
// not that of a plain request.
func scanRequestLine(text []byte) (end int) {
	var start int
	switch {
	case bytes.HasPrefix(text, []byte("GET /")):
		start = len("GET ")
	case bytes.HasPrefix(text, []byte("HEAD /")):
		start = len("HEAD ")
	case bytes.HasPrefix(text, []byte("OPTIONS /")):
		start = len("OPTIONS ")
	default:
		return 0
	}
	if !bytes.HasSuffix(text, []byte(version)) {
		return 0
	}
	end = len(text) - len(version)
	for _, c := range text[start:end] {
		if c <= ' ' || c > '~' {
			return 0
		}
	}
	return end
}

// scanField looks at the line of a field.
func scanField(data []byte, start, end int) (l line, ok bool) {
	l = line{name: start, colon: start, end: end}
	for l.colon < end && tokenLetters[data[l.colon]] {
		l.colon++
	}
	if l.colon == start || l.colon == end || data[l.colon] != ':' {
		return l, false
	}
	l.value = l.colon + 1
	for l.value < l.end && isSpace(data[l.value]) {
		l.value++
	}
	for l.end > l.value && isSpace(data[l.end-1]) {
		l.end--
	}
	for _, c := range data[l.value:l.end] {
		if (c < ' ' || c > '~') && c != '\t' {
			return l, false
		}
	}
	return l, true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// readTarget makes the URL. What needs decoding is left to who does it for net/http.
func (r *reader) readTarget() bool {
	target := r.request.RequestURI
	if pathLetters.has(target) {
		r.url = url.URL{Path: target}
		r.request.URL = &r.url
		return true
	}
	var err error
	r.request.URL, err = url.ParseRequestURI(target)
	return err == nil
}

// readFields puts the fields into the request's header. It reports whether the
// request is still plain.
func (r *reader) readFields(text string) bool {
	header := r.request.Header
	clear(header)
	if len(r.values) < len(r.lines) {
		r.values = make([]string, len(r.lines))
	}
	for i, l := range r.lines {
		name, value := http.CanonicalHeaderKey(text[l.name:l.colon]), text[l.value:l.end]
		switch name {
		case "Host":
			if r.request.Host != "" || value == "" || !hostLetters.has(value) {
				return false
			}
			r.request.Host = value
			continue
		case "Connection":
			if header["Connection"] != nil || !r.readConnection(value) {
				return false
			}
		case "Content-Length", "Transfer-Encoding", "Trailer", "Expect", "Upgrade", "Http2-Settings":
			return false
		}
		if earlier := header[name]; earlier != nil {
			header[name] = append(earlier, value)
			continue
		}
		r.values[i] = value
		header[name] = r.values[i : i+1 : i+1]
	}
	if _, says := header["Cache-Control"]; !says && len(header["Pragma"]) > 0 && header["Pragma"][0] == "no-cache" {
		header["Cache-Control"] = []string{"no-cache"} // RFC 9111 section 5.4, as net/http does
	}
	return r.request.Host != ""
}

// readConnection reads the field Connection; false where it names something that
// concerns this connection and that is not plain.
func (r *reader) readConnection(value string) bool {
	r.request.Close = strings.EqualFold(value, "close")
	return r.request.Close || strings.EqualFold(value, "keep-alive")
}
