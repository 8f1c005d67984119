package edge

import (
	"syscall"

	"ovenbird/internal/ovenbird"
)

// Limits are how many connections viewers may have open to a server. The zero
// value takes the defaults.
type Limits struct {
	// Connections is how many in total, over TCP and over UDP; 0 means as many as
	// the process may have files open, but for some that it needs itself, and 16,384
	// at most.
	Connections int
	// PerClient is how many of these one client may have: an IPv4 address, or a /64
	// of IPv6; 0 means a sixteenth of them, and 16 at least.
	PerClient int
	// TrustedProxies are the addresses and ranges that many viewers come through.
	// These, and the machine itself, are not held to what one client may take.
	TrustedProxies []string
}

// The defaults of Limits.
const (
	mostConnections = 16 << 10
	ownFiles        = 256 // for the bucket, the cache, databases, logs
	clientPart      = 16
	fewestPerClient = 16
)

// loopback are the addresses of the machine itself.
var loopback = []string{"127.0.0.0/8", "::1"}

// UseLimits makes the server hold its clients to limits, from its start on. It
// fails, with an Invalid error, on a proxy that is no address.
func (s *Server) UseLimits(l Limits) error {
	exempt, err := parseNetworks(append(loopback, l.TrustedProxies...))
	if err != nil {
		return err
	}
	if l.Connections < 0 || l.PerClient < 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "a limit of connections can not be negative; leave it out for what suits the machine")
	}
	if l.Connections == 0 {
		l.Connections = mostConnections
		if files, known := fileLimit(); known {
			l.Connections = min(l.Connections, max(files-ownFiles, files/2))
		}
	}
	if l.PerClient == 0 {
		l.PerClient = max(l.Connections/clientPart, fewestPerClient)
	}
	s.gate = newGate(l.Connections, l.PerClient, exempt)
	return nil
}

// fileLimit returns how many files the process may have open. Go has raised it
// to what the system allows.
func fileLimit() (files int, known bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(limit.Cur, 1<<30)), true
}
