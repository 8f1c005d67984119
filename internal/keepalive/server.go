package keepalive

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits are on what a client may make a server wait for or hold. All are needed.
type Limits struct {
	Header      time.Duration // for a request to come, from its first byte; for the first one, from the connection
	Idle        time.Duration // between requests
	Write       time.Duration // for a client to take an answer
	HeaderBytes int           // of a request that is plain
}

// Server answers plain requests and hands connections with others over. Any number
// of goroutines may use it.
type Server struct {
	listener net.Listener
	handler  http.Handler
	limits   Limits
	log      *slog.Logger
	date     date
	answers  sync.Pool // of *answer
	rest     rest
	stopping atomic.Bool

	mu   sync.Mutex
	open map[*conn]struct{} // those that nobody else has taken
	left chan struct{}      // closed when the last one leaves; nil before Shutdown
}

// New returns a server of what a listener accepts. The log is told of panics; nil
// drops what it would be told.
func New(from net.Listener, h http.Handler, l Limits, to *slog.Logger) *Server {
	if to == nil {
		to = slog.New(slog.DiscardHandler)
	}
	s := &Server{listener: from, handler: h, limits: l, log: to, open: make(map[*conn]struct{})}
	s.rest = rest{addr: from.Addr(), connections: make(chan net.Conn), closed: make(chan struct{})}
	s.answers.New = func() any { return &answer{header: make(http.Header)} }
	return s
}

// Rest has the connections that are not for this server. An http.Server has to
// serve them for as long as this one serves, and may close the listener then.
func (s *Server) Rest() net.Listener { return &s.rest }

// Serve serves until Shutdown or Close, and returns http.ErrServerClosed, or why it
// can not any more.
func (s *Server) Serve() error {
	var pause time.Duration
	for {
		accepted, err := s.listener.Accept()
		switch {
		case err == nil:
			pause = 0
			s.enter(accepted)
		case s.stopping.Load():
			return http.ErrServerClosed
		case passes(err):
			const shortest, longest = 5 * time.Millisecond, time.Second
			pause = min(max(2*pause, shortest), longest)
			s.log.Warn("a connection could not be accepted; the server tries again", "error", err, "in", pause)
			time.Sleep(pause)
		default:
			return err
		}
	}
}

// passes reports whether an error of Accept may be gone when others have closed
// files, or have let go of memory.
func passes(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// enter begins to serve a connection.
func (s *Server) enter(accepted net.Conn) {
	c := newConn(accepted, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		_ = accepted.Close()
		return
	}
	s.open[c] = struct{}{}
	go c.loop()
}

// forget is told of a connection that has ended or that somebody else has taken.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if s.left != nil && len(s.open) == 0 {
		close(s.left)
		s.left = nil
	}
}

// Shutdown takes no more connections, closes those that wait for another request,
// and waits for all others to be answered or taken by somebody else. A connection
// over which nothing came yet has its time for one request. It fails when ctx ends:
// Close closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	err := s.listener.Close()
	left := make(chan struct{})
	s.mu.Lock()
	for c := range s.open {
		if c.state.CompareAndSwap(idle, closed) {
			_ = c.Close()
		}
	}
	if len(s.open) == 0 {
		close(left)
	} else {
		s.left = left
	}
	s.mu.Unlock()
	select {
	case <-left:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}

// Close closes all connections that nobody else has taken.
func (s *Server) Close() error {
	s.stopping.Store(true)
	err := s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
	if errors.Is(err, net.ErrClosed) {
		return nil // by Shutdown
	}
	return err
}
