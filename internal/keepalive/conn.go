package keepalive

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// What a connection does, for who wants it to stop.
const (
	fresh  int32 = iota // nothing came over it yet
	active              // a request has come, or its beginning
	idle                // it waits for another request
	closed              // it was idle, and was closed
)

const (
	firstBuffer = 4 << 10 // holds nearly all requests
	growth      = 4
)

// conn is a connection and the loop on it.
type conn struct {
	net.Conn
	server *Server
	state  atomic.Int32
	handed bool // whether it is somebody else's
	reader reader
	answer *answer // nil while no request is answered

	buffer []byte // what has come is its first bytes
	held   int    // how many

	now     time.Time // when the request came
	readBy  time.Time // the deadlines that are set
	writeBy time.Time
	partly  bool // whether a request has come in part, and the deadline is for its rest
	pieces  net.Buffers
	two     [2][]byte
}

func newConn(accepted net.Conn, s *Server) *conn {
	return &conn{
		Conn: accepted, server: s, reader: newReader(&http.Request{RemoteAddr: accepted.RemoteAddr().String()}),
		buffer: make([]byte, firstBuffer),
	}
}

// loop answers requests until the connection ends or is somebody else's.
func (c *conn) loop() {
	defer func() { c.end(recover()) }()
	c.limitReading(c.server.limits.Header)
	for {
		verdict, size := c.reader.read(c.buffer[:c.held])
		switch {
		case verdict == plain:
			if !c.serve(bytes.Contains(c.buffer[size:c.held], []byte("\r\n\r\n"))) {
				return
			}
			c.held = copy(c.buffer, c.buffer[size:c.held])
			c.partly = false
		case !c.flush():
			return
		case verdict == other || c.held >= c.server.limits.HeaderBytes:
			c.handOver()
			return
		case !c.more():
			return
		}
	}
}

// end closes the connection, unless it is somebody else's by now. It survives a
// handler that panics as net/http does: answers before that one are sent.
func (c *conn) end(reason any) {
	if reason != nil && reason != http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
		c.server.log.Error("a handler panicked", "peer", c.RemoteAddr(), "reason", reason, "stack", string(debug.Stack()))
	}
	if reason != nil && c.answer != nil {
		c.answer.pending = c.answer.pending[:c.answer.start]
	}
	if !c.handed {
		c.flush()
		_ = c.Close()
		c.server.forget(c)
	}
}

// serve answers the request that was read; more says whether another one has come.
// It reports whether the connection goes on.
func (c *conn) serve(more bool) bool {
	c.now = time.Now()
	if c.answer == nil {
		c.answer, _ = c.server.answers.Get().(*answer)
	}
	request := c.reader.request
	c.answer.begin(c, request, more)
	c.server.handler.ServeHTTP(c.answer, request)
	c.answer.finish()
	return c.answer.err == nil && !c.answer.close
}

// flush sends what is left of answers. It reports whether the connection goes on.
func (c *conn) flush() bool {
	a := c.answer
	if a == nil {
		return true
	}
	a.flush(nil)
	failed := a.err != nil
	c.answer, a.to = nil, nil
	c.server.answers.Put(a)
	return !failed
}

// more reads more bytes. It reports whether there are any, and the connection is
// still the loop's.
func (c *conn) more() bool {
	if !c.await() {
		return false
	}
	switch {
	case c.held == 0 && len(c.buffer) > firstBuffer:
		c.buffer = make([]byte, firstBuffer)
	case c.held == len(c.buffer):
		larger := make([]byte, min(growth*len(c.buffer), c.server.limits.HeaderBytes))
		copy(larger, c.buffer)
		c.buffer = larger
	}
	// The next request is on its way where the client has been waiting for this
	// answer. To let others go first saves asking for it in vain, and being woken.
	runtime.Gosched()
	n, err := c.Read(c.buffer[c.held:])
	if c.held += n; n > 0 {
		return c.state.Swap(active) != closed
	}
	if c.held > 0 && errors.Is(err, io.EOF) {
		c.handOver() // what is wrong with half a request is not for the loop to say
	}
	return false
}

// await sets the deadline for what comes next. It reports false where nothing is
// waited for, because the server is about to stop.
func (c *conn) await() bool {
	if c.held > 0 {
		if !c.partly {
			c.partly = true
			c.limitReading(c.server.limits.Header)
		}
		return true
	}
	if !c.state.CompareAndSwap(active, idle) {
		return true // nothing came yet
	}
	if c.server.stopping.Load() {
		return false
	}
	limit := c.server.limits.Idle
	if left := c.readBy.Sub(c.now); left > limit || left < limit-limit/slack {
		c.limitReading(limit)
	}
	return true
}

// slack is by which part of a limit a deadline may come early: setting one for each
// request would cost as much as all else that the loop does for it.
const slack = 16

func (c *conn) limitReading(limit time.Duration) {
	c.readBy = time.Now().Add(limit)
	_ = c.SetReadDeadline(c.readBy) // fails where reading does
}

// limitWriting sets the deadline for an answer, which counts from its request.
func (c *conn) limitWriting() {
	limit := c.server.limits.Write
	if c.writeBy.Sub(c.now) < limit-limit/slack {
		c.writeBy = c.now.Add(limit)
		_ = c.SetWriteDeadline(c.writeBy) // fails where writing does
	}
}

func (c *conn) write(b []byte) error {
	c.limitWriting()
	_, err := c.Write(b)
	return err
}

// writeBoth writes two pieces as one.
func (c *conn) writeBoth(head, body []byte) (err error) {
	c.limitWriting()
	c.two = [2][]byte{head, body}
	c.pieces = c.two[:]
	if v, ok := c.Conn.(Vectored); ok {
		_, err = v.WriteBuffers(&c.pieces)
	} else {
		_, err = c.pieces.WriteTo(c.Conn)
	}
	c.two = [2][]byte{}
	return err
}

// Vectored is a connection, not one of package net, that writes several pieces at once.
type Vectored interface {
	WriteBuffers(pieces *net.Buffers) (int64, error)
}
