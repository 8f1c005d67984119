package edge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"ovenbird/internal/ovenbird"
)

// quicConfig is how the server speaks QUIC. Requests may come with the first
// packets (0-RTT): who repeats one gets an answer that changes nothing.
func quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           readHeaderTimeout,
		MaxIdleTimeout:                 idleTimeout,
		MaxIncomingStreams:             maxStreams,
		MaxIncomingUniStreams:          3, // what HTTP/3 has
		InitialStreamReceiveWindow:     maxHeaderBytes,
		MaxStreamReceiveWindow:         maxReceived,
		InitialConnectionReceiveWindow: maxReceived,
		MaxConnectionReceiveWindow:     maxReceived,
		Allow0RTT:                      true,
	}
}

// closeGrace is how long clients over QUIC have to leave when they are told to.
// Browsers leave at once; who does not is not waited for any longer.
const closeGrace = 3 * time.Second

// overQUIC serves HTTP/3.
type overQUIC struct {
	http      http3.Server
	grace     time.Duration
	transport *quic.Transport
	listener  *quic.EarlyListener
}

// listen begins to serve HTTP/3 at the port where TCP is served. g may be nil.
func (q *overQUIC) listen(ctx context.Context, at net.Addr, h http.Handler, g *gate, fail func(error)) error {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp", at.String())
	if err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "listening at %s over UDP: %w", at, err)
	}
	q.transport = &quic.Transport{Conn: packets}
	if g != nil {
		q.transport.ConnContext, q.transport.VerifySourceAddress = g.enterQUIC, g.suspicious
	}
	q.http.Handler = paced(h, g)
	if q.listener, err = q.transport.ListenEarly(q.http.TLSConfig, quicConfig()); err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "listening at %s for HTTP/3: %w", at, errors.Join(err, packets.Close()))
	}
	go func() {
		if err := q.http.ServeListener(q.listener); !errors.Is(err, http.ErrServerClosed) {
			fail(ovenbird.Errorf(ovenbird.Internal, "serving HTTP/3 at %s: %w", at, err))
		}
	}()
	return nil
}

// stop takes no more connections, tells clients to leave, and closes what is
// left after a while.
func (q *overQUIC) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, q.grace)
	defer cancel()
	_ = q.http.Shutdown(ctx) // fails when time is up
	return errors.Join(q.listener.Close(), q.http.Close(), q.transport.Close(), q.transport.Conn.Close())
}

// tell makes answers over TCP tell of HTTP/3 at the same port (RFC 7838).
func tell(port int, h http.Handler) http.Handler {
	service := []string{`h3=":` + strconv.Itoa(port) + `"; ma=86400`}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Alt-Svc"] = service
		h.ServeHTTP(w, r)
	})
}

var errRefused = errors.New("the client has as many connections as it may")

// clientKey is the key of the client in the context of a QUIC connection.
type clientKey struct{}

// enterQUIC admits a connection, as quic.Transport wants it. The context ends
// with the connection.
func (g *gate) enterQUIC(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	c := g.enter(info.RemoteAddr)
	if c == nil {
		return nil, errRefused
	}
	context.AfterFunc(ctx, func() { g.leave(c) })
	return context.WithValue(ctx, clientKey{}, c), nil
}

// suspicious reports whether a client over UDP has to show that its address is
// its own: not while there is room, because it takes a round trip.
func (g *gate) suspicious(net.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return 2*g.open > g.connections
}

// paced does for requests over QUIC what connection and net/http do over TCP: a
// client waits for its share, and one that does not take an answer loses it.
func paced(h http.Handler, g *gate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(clientKey{}).(*client); ok {
			g.pace(c)
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
		h.ServeHTTP(w, r)
	})
}
