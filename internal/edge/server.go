package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"ovenbird/internal/keepalive"
	"ovenbird/internal/ovenbird"
)

// Limits on what a client may make a server wait for or hold. Requests to an
// edge have no body worth reading, and no answer takes long to make.
const (
	readHeaderTimeout = 5 * time.Second // of a TLS handshake too
	readTimeout       = 10 * time.Second
	writeTimeout      = 60 * time.Second // a large list over a slow line
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10

	// Of HTTP/2 and HTTP/3.
	maxStreams      = 100              // at once on a connection: the least that RFC 9113 recommends
	maxReceived     = 64 << 10         // bytes of bodies that nobody reads
	stalledTimeout  = 20 * time.Second // for a client to take anything at all
	sendPingTimeout = 30 * time.Second // of silence before a client is asked whether it is there
)

// Server serves a handler at an address. It is a lifecycle service.
type Server struct {
	listen  string
	log     *slog.Logger
	clients *slog.Logger // the same, for what clients make it say
	http    http.Server
	issuing *issuing          // nil: none
	tls     bool              // whether it speaks TLS: net/http fills in TLSConfig even where it does not
	quic    *overQUIC         // nil: no HTTP/3
	gate    *gate             // nil: everybody may connect
	looping bool              // see UseLoop
	loop    *keepalive.Server // nil: none
	panics  atomic.Int64
	addr    net.Addr
}

// NewServer returns a server that will listen at an address such as
// 127.0.0.1:8080; port 0 takes any that is free. log gets what net/http has to
// say about clients; nil drops it.
func NewServer(listen string, h http.Handler, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	clients := slog.New(newQuiet(log.Handler()))
	s := &Server{
		listen:  listen,
		log:     log,
		clients: clients,
		http: http.Server{
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(clients.Handler(), slog.LevelWarn),
			// What is asked of the whole server is asked of the handler too.
			DisableGeneralOptionsHandler: true,
			HTTP2: &http.HTTP2Config{
				MaxConcurrentStreams:          maxStreams,
				MaxReadFrameSize:              16 << 10, // the smallest that the standard allows
				MaxReceiveBufferPerConnection: maxReceived,
				MaxReceiveBufferPerStream:     maxReceived,
				WriteByteTimeout:              stalledTimeout,
				SendPingTimeout:               sendPingTimeout,
				PingTimeout:                   stalledTimeout,
			},
		},
	}
	s.http.Handler = s.counting(h)
	return s
}

// counting counts the panics of a handler, which net/http survives and logs.
func (s *Server) counting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if reason := recover(); reason != nil {
				s.panics.Add(1)
				panic(reason)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// UseLoop makes the server answer plain requests on a loop of its own, from its
// start on, unless it speaks TLS: see package keepalive. It is for handlers that
// write what they have and return.
func (s *Server) UseLoop() { s.looping = true }

func (s *Server) loopLimits() keepalive.Limits {
	return keepalive.Limits{
		Header: s.http.ReadHeaderTimeout, Idle: s.http.IdleTimeout, Write: s.http.WriteTimeout, HeaderBytes: s.http.MaxHeaderBytes,
	}
}

// Start listens, and serves until Stop.
func (s *Server) Start(ctx context.Context, fail func(error)) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.listen)
	if err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "listening at %s: %w", s.listen, err)
	}
	s.addr = listener.Addr()
	if s.gate != nil {
		listener = guarded{Listener: listener, gate: s.gate}
	}
	if s.quic != nil {
		if err := s.quic.listen(ctx, s.addr, s.http.Handler, s.gate, fail); err != nil {
			return errors.Join(err, listener.Close())
		}
		if address, ok := s.addr.(*net.TCPAddr); ok {
			s.http.Handler = tell(address.Port, s.http.Handler)
		}
	}
	if s.issuing != nil {
		if err := s.issuing.start(ctx, s.addr); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	serve := func(how func() error) {
		if err := how(); !errors.Is(err, http.ErrServerClosed) {
			fail(ovenbird.Errorf(ovenbird.Internal, "serving at %s: %w", s.addr, err))
		}
	}
	switch {
	case s.tls:
		go serve(func() error { return s.http.ServeTLS(listener, "", "") })
	case s.looping:
		s.loop = keepalive.New(listener, s.http.Handler, s.loopLimits(), s.clients)
		go serve(func() error { return s.http.Serve(s.loop.Rest()) })
		go serve(s.loop.Serve)
	default:
		go serve(func() error { return s.http.Serve(listener) })
	}
	return nil
}

// URL returns the address to give to people; it is meaningless before Start.
func (s *Server) URL() string {
	if s.tls {
		return "https://" + s.addr.String()
	}
	return "http://" + s.addr.String()
}

// Addr returns where the server listens; nil before Start.
func (s *Server) Addr() net.Addr { return s.addr }

// Stop takes no more connections and waits for the requests that came in to be
// answered. When ctx ends it closes what is left.
func (s *Server) Stop(ctx context.Context) error {
	left := make(chan error, 1)
	go func() {
		if s.quic == nil {
			left <- nil
			return
		}
		left <- s.quic.stop(ctx)
	}()
	if s.issuing != nil {
		s.issuing.stop()
	}
	var err error
	if s.loop != nil {
		// It goes first: what it hands over has to be taken.
		err = s.loop.Shutdown(ctx)
	}
	if err = errors.Join(err, s.http.Shutdown(ctx)); err != nil {
		_ = s.http.Close()
		if s.loop != nil {
			_ = s.loop.Close()
		}
	}
	if err = errors.Join(err, <-left); err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "waiting for requests to be answered: %w", err)
	}
	return nil
}
