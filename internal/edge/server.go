package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"

	"ovenbird/internal/ovenbird"
)

// Limits on what a client may make a server wait for or hold. Requests to an
// edge have no body worth reading, and no answer takes long to make.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 60 * time.Second // a large list over a slow line
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// Server serves a handler at an address. It is a lifecycle service.
type Server struct {
	listen string
	log    *slog.Logger
	http   http.Server
	tls    bool          // whether it speaks TLS: net/http fills in TLSConfig even where it does not
	http3  *http3.Server // nil: none
	addr   net.Addr
}

// NewServer returns a server that will listen at an address such as
// 127.0.0.1:8080; port 0 takes any that is free. log gets what net/http has to
// say about clients; nil drops it.
func NewServer(listen string, h http.Handler, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		listen: listen,
		log:    log,
		http: http.Server{
			Handler:           h,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
			// What is asked of the whole server is asked of the handler too.
			DisableGeneralOptionsHandler: true,
		},
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
	if s.http3 != nil {
		if err := s.listenHTTP3(ctx, fail); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	serve := s.http.Serve
	if s.tls {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	go func() {
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fail(ovenbird.Errorf(ovenbird.Internal, "serving at %s: %w", s.addr, err))
		}
	}()
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
	err := s.http.Shutdown(ctx)
	if s.http3 != nil {
		err = errors.Join(err, s.http3.Shutdown(ctx))
	}
	if err == nil {
		return nil
	}
	_ = s.http.Close()
	if s.http3 != nil {
		_ = s.http3.Close()
	}
	return ovenbird.Errorf(ovenbird.Unavailable, "waiting for requests to be answered: %w", err)
}
