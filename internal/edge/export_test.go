package edge

import "time"

// Hurry makes a server, before its start, wait for clients as long as given
// where it would wait for seconds and minutes.
func (s *Server) Hurry(limit time.Duration) {
	s.http.ReadHeaderTimeout, s.http.ReadTimeout, s.http.WriteTimeout, s.http.IdleTimeout = limit, limit, limit, limit
	s.http.HTTP2.WriteByteTimeout, s.http.HTTP2.SendPingTimeout, s.http.HTTP2.PingTimeout = limit, limit, limit
}

// WaitForLeaving makes a server give clients over HTTP/3 as long as given to leave.
func (s *Server) WaitForLeaving(limit time.Duration) { s.quic.grace = limit }

// HoldEverybody makes a server's limits, before its start, hold for the machine
// that the tests run on too.
func (s *Server) HoldEverybody() { s.gate.exempt = nil }

// Connections returns how many connections are open.
func (s *Server) Connections() int {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.gate.open
}
