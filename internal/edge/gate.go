package edge

import (
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// What a client is taken to cost, in time of one processor, and what it may take.
const (
	answerCost     = 25 * time.Microsecond  // of whatever is written to it
	connectionCost = 500 * time.Microsecond // most of it is the TLS handshake
	// share is which part of all processors' time one client gets: a quarter.
	share = 4
	// allowance is how much a client that was quiet may do at once, and patience
	// how far one may be ahead of its share before its new connections are refused.
	allowance = 100 * time.Millisecond
	patience  = time.Second
)

// gate admits connections: so many in total, so many of each client, none of a
// client that has taken far more than its share. Any number of goroutines may
// use it.
type gate struct {
	connections, perClient int
	exempt                 networks // whose clients are not to be told apart

	mu      sync.Mutex
	open    int
	clients map[netip.Prefix]*client
	sweepAt int     // how many clients there are when those that are gone are looked for
	proxies *client // all that are exempt

	refused, broken, delayed atomic.Int64
}

// client is whoever is behind an IPv4 address or an IPv6 /64, which is what one
// subscriber gets.
type client struct {
	free bool // of limits

	connections int // guarded by the gate's mu

	turn sync.Mutex // held by the one of its connections that lets others go first

	mu sync.Mutex
	// due is the instant by which the client's share is enough for what it took.
	due time.Time
}

func newGate(connections, perClient int, exempt networks) *gate {
	return &gate{
		connections: connections, perClient: perClient, exempt: exempt,
		clients: make(map[netip.Prefix]*client), proxies: &client{free: true},
	}
}

// enter admits a connection from an address, or returns nil. A connection that
// was admitted has to leave.
func (g *gate) enter(from net.Addr) *client {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.client(from)
	if g.open >= g.connections || !c.free && (c.connections >= g.perClient || c.owes(time.Now()) > patience) {
		g.refused.Add(1)
		return nil
	}
	c.charge(connectionCost)
	g.open++
	c.connections++
	return c
}

func (g *gate) leave(c *client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	c.connections--
}

// client returns the client at an address.
func (g *gate) client(from net.Addr) *client {
	address := addressOf(from)
	if g.exempt.contain(address) {
		return g.proxies
	}
	network := networkOf(address)
	if c := g.clients[network]; c != nil {
		return c
	}
	g.sweep()
	c := new(client)
	g.clients[network] = c
	return c
}

// sweep forgets the clients that are gone and owe nothing. It looks for them
// each time that the number of clients has doubled.
func (g *gate) sweep() {
	if len(g.clients) < g.sweepAt {
		return
	}
	now := time.Now()
	for network, c := range g.clients {
		if c.connections == 0 && c.owes(now) <= 0 {
			delete(g.clients, network)
		}
	}
	const few = 64
	g.sweepAt = 2*len(g.clients) + few
}

// addressOf returns the address of a TCP or UDP peer; the zero one for others.
func addressOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return plain(a.AddrPort().Addr())
	case *net.UDPAddr:
		return plain(a.AddrPort().Addr())
	default:
		return netip.Addr{}
	}
}

// networkOf returns what one client has: an IPv4 address or an IPv6 /64.
func networkOf(a netip.Addr) netip.Prefix {
	const subscriber = 64
	network, _ := a.Prefix(min(a.BitLen(), subscriber)) // fails on lengths that are too great
	return network
}

// charge puts something that the client costs to its account, and returns how
// long it ought to wait, for others to have their share: 0 or less where it has
// taken no more than its own.
func (c *client) charge(cost time.Duration) (wait time.Duration) {
	if c.free {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if earliest := now.Add(-allowance); c.due.Before(earliest) {
		c.due = earliest
	}
	c.due = c.due.Add(sharedTime(cost))
	return c.due.Sub(now)
}

// sharedTime returns how long one client's share of the machine takes to yield
// some time of one processor.
func sharedTime(cost time.Duration) time.Duration {
	return cost * share / time.Duration(runtime.GOMAXPROCS(0))
}

// owes returns how far the client is ahead of its share.
func (c *client) owes(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.due.Sub(now)
}

// pace charges for an answer, waits for the client's share to suffice, and lets
// others go first: requests that come one right after the other would else be
// answered until the scheduler steps in, which takes ten milliseconds. The
// connections of a client let others go one at a time, so that however many it
// has, few of them are in the scheduler's queue.
func (g *gate) pace(c *client) {
	if wait := c.charge(answerCost); wait > 0 {
		g.delayed.Add(1)
		time.Sleep(wait)
		return
	}
	if !c.free {
		c.turn.Lock()
		runtime.Gosched()
		c.turn.Unlock()
	}
}

// guarded is a listener whose connections go through a gate.
type guarded struct {
	net.Listener
	gate *gate
}

// Accept returns the next connection that is admitted. Others are reset at
// once: that costs least, and a balancer tries elsewhere.
func (g guarded) Accept() (net.Conn, error) {
	for {
		accepted, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := accepted.(*net.TCPConn)
		if !ok {
			return accepted, nil
		}
		if c := g.gate.enter(tcp.RemoteAddr()); c != nil {
			return &connection{TCPConn: tcp, gate: g.gate, client: c}, nil
		}
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
}

// connection is one that a gate admitted.
type connection struct {
	*net.TCPConn
	gate   *gate
	client *client
	leave  sync.Once
}

// Write writes, and makes a client that takes more than its share wait before
// it gets anything else.
func (c *connection) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, c.written(err)
}

// WriteBuffers does so with several pieces.
func (c *connection) WriteBuffers(pieces *net.Buffers) (int64, error) {
	n, err := pieces.WriteTo(c.TCPConn)
	return n, c.written(err)
}

func (c *connection) written(err error) error {
	if err != nil {
		c.gate.broken.Add(1)
		return err
	}
	c.gate.pace(c.client)
	return nil
}

// Close closes the connection and makes room for another.
func (c *connection) Close() error {
	defer c.leave.Do(func() { c.gate.leave(c.client) })
	return c.TCPConn.Close()
}
