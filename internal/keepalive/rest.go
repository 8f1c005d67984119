package keepalive

import (
	"net"
	"sync"
	"time"
)

// rest is the listener that has what is not for the loop.
type rest struct {
	addr        net.Addr
	connections chan net.Conn
	close       sync.Once
	closed      chan struct{}
}

// Accept implements net.Listener.
func (r *rest) Accept() (net.Conn, error) {
	select {
	case c := <-r.connections:
		return c, nil
	case <-r.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (r *rest) Close() error {
	r.close.Do(func() { close(r.closed) })
	return nil
}

// Addr implements net.Listener.
func (r *rest) Addr() net.Addr { return r.addr }

// handOver gives the connection to whoever serves the rest, with the bytes that
// have come. It is the server's until those are read: only then does net/http wait
// for its answers when it shuts down.
func (c *conn) handOver() {
	_ = c.SetDeadline(time.Time{}) // fails where all does
	c.handed = true
	taken := &handed{Conn: c.Conn, come: c.buffer[:c.held], take: func() { c.server.forget(c) }}
	select {
	case c.server.rest.connections <- taken:
	case <-c.server.rest.closed:
		_ = taken.Close()
	}
}

// handed is a connection over which something has come already.
type handed struct {
	net.Conn
	come  []byte
	taken sync.Once
	take  func()
}

// Read reads what has come, and then what comes. One goroutine reads at a time.
func (h *handed) Read(b []byte) (int, error) {
	h.taken.Do(h.take)
	if len(h.come) == 0 {
		return h.Conn.Read(b)
	}
	n := copy(b, h.come)
	if h.come = h.come[n:]; len(h.come) == 0 {
		h.come = nil // the buffer
	}
	return n, nil
}

// Close closes the connection.
func (h *handed) Close() error {
	h.taken.Do(h.take)
	return h.Conn.Close()
}

// CloseWrite ends what is sent, where that can be done alone: net/http does so
// before it closes a connection over which more may come than it wants to read.
func (h *handed) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
