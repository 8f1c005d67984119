package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

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
	http   http.Server
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
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fail(ovenbird.Errorf(ovenbird.Internal, "serving at %s: %w", s.addr, err))
		}
	}()
	return nil
}

// Addr returns where the server listens; nil before Start.
func (s *Server) Addr() net.Addr { return s.addr }

// Stop takes no more connections and waits for the requests that came in to be
// answered. When ctx ends it closes what is left.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	_ = s.http.Close()
	return ovenbird.Errorf(ovenbird.Unavailable, "waiting for requests to be answered: %w", err)
}
