// Package accesslog writes one line for each request that was answered, as the
// Combined Log Format of Apache and NCSA or as JSON.
//
// Nobody who asks for something can forge a line, or break one: what is not plain
// is escaped. No request waits for a disk: lines are gathered in memory and
// written in the background, all of them before the process ends. When they can
// not be written as fast as they come for so long that the memory set aside for
// them is full, they are dropped and counted. Serving goes on whatever happens.
package accesslog

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Entry is what is logged of a request and its answer. Empty fields are unknown.
type Entry struct {
	Time      time.Time // when the request came
	Took      time.Duration
	Peer      string // address of the other end of the connection, host:port
	Method    string
	Path      string // as it was sent, percent-encoded
	Protocol  string // HTTP/1.1
	Status    int
	Bytes     int64 // of the body
	Referer   string
	UserAgent string

	Country string // whose document was sent
	Release string // that it is of
	Coding  string // Content-Encoding
	Problem string // type of the problem that was sent instead
	Request string // X-Request-Id
	Trace   string // id of the trace that the request is part of
}

// Format is how an entry is written.
type Format string

// The formats.
const (
	// Combined is Apache's: %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i".
	Combined Format = "combined"
	// JSON is one object a line.
	JSON Format = "json"
)

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); f == Combined || f == JSON {
		return f, nil
	}
	return "", fmt.Errorf("%q is no format of an access log; use json or combined", name)
}

// Append appends an entry as a line.
func (f Format) Append(line []byte, e *Entry) []byte {
	if f == Combined {
		return e.appendCombined(line)
	}
	return e.appendJSON(line)
}

// combinedTime is that of Apache's %t.
const combinedTime = "[02/Jan/2006:15:04:05 -0700]"

func (e *Entry) appendCombined(b []byte) []byte {
	b = append(b, orDash(hostOf(e.Peer))...)
	b = append(b, " - - "...)
	b = e.Time.UTC().AppendFormat(b, combinedTime)
	b = append(b, ` "`...)
	b = appendEscaped(b, e.Method+" "+e.Path+" "+e.Protocol)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(e.Status), 10)
	b = append(b, ' ')
	if e.Bytes == 0 {
		b = append(b, '-')
	} else {
		b = strconv.AppendInt(b, e.Bytes, 10)
	}
	for _, quoted := range []string{e.Referer, e.UserAgent} {
		b = append(b, ` "`...)
		b = appendEscaped(b, orDash(quoted))
		b = append(b, '"')
	}
	return append(b, '\n')
}

// hostOf returns the address without the port; "" where it is none.
func hostOf(peer string) string {
	address, err := netip.ParseAddrPort(peer)
	if err != nil {
		return ""
	}
	return address.Addr().Unmap().WithZone("").String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// appendEscaped appends s as Apache's ap_escape_logitem does: what is not
// printable ASCII as \xhh or one of C's short forms, and a backslash before
// quotes and backslashes.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\v':
			b = append(b, `\v`...)
		default:
			b = append(b, `\x`...)
			b = hex.AppendEncode(b, []byte{c})
		}
	}
	return b
}

// jsonTime is RFC 3339 with microseconds, always six digits.
const jsonTime = "2006-01-02T15:04:05.000000Z07:00"

func (e *Entry) appendJSON(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = e.Time.UTC().AppendFormat(b, jsonTime)
	b = append(b, '"')
	b = appendField(b, "peer", hostOf(e.Peer))
	b = appendField(b, "method", e.Method)
	b = appendField(b, "path", e.Path)
	b = appendField(b, "protocol", e.Protocol)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(e.Status), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, e.Bytes, 10)
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, float64(e.Took.Microseconds())/1000, 'f', 3, 64)
	for _, field := range []struct{ name, value string }{
		{"country", e.Country},
		{"release", e.Release},
		{"coding", e.Coding},
		{"problem", e.Problem},
		{"referer", e.Referer},
		{"user_agent", e.UserAgent},
		{"request_id", e.Request},
		{"trace_id", e.Trace},
	} {
		if field.value != "" {
			b = appendField(b, field.name, field.value)
		}
	}
	return append(b, '}', '\n')
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":"`...)
	b = appendText(b, value)
	return append(b, '"')
}

// appendText appends s as the inside of a JSON string. What is not UTF-8 becomes
// U+FFFD; nothing is left that a terminal or a browser could take for more than text.
func appendText(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r > 0xffff && !unicode.IsPrint(r):
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		case r == '<', r == '>', r == '&', !unicode.IsPrint(r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
