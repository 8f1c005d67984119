package edge

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// pass lets time pass, in a bubble that has a clock of its own.
func pass(d time.Duration) { <-time.After(d) }

func peer(address string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 1))
}

func TestAGateAdmitsSoManyOfEachClient(t *testing.T) {
	exempt, err := parseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(10, 2, exempt)
	var first *client
	for i, tt := range []struct {
		address  string
		admitted bool
	}{
		{"192.0.2.1", true},
		{"192.0.2.1", true},
		{"192.0.2.1", false},
		{"::ffff:192.0.2.1", false},
		{"192.0.2.2", true},
		{"2001:db8::1", true},
		{"2001:db8::2", true},
		{"2001:db8::3", false},
		{"2001:db8:0:1::1", true},
		{"10.0.0.1", true},
		{"10.0.0.1", true},
		{"10.0.0.1", true},
		{"10.0.0.1", true},
		{"192.0.2.3", false}, // ten are open
	} {
		c := g.enter(peer(tt.address))
		if admitted := c != nil; admitted != tt.admitted {
			t.Errorf("%d, %s: admitted %v", i, tt.address, admitted)
		}
		if i == 0 {
			first = c
		}
	}
	g.leave(first)
	if g.enter(peer("192.0.2.1")) == nil {
		t.Error("there is no room where one left")
	}
	if got := g.refused.Load(); got != 4 {
		t.Errorf("it counted %d refusals", got)
	}
}

// However clients come and go, the gate counts them right and forgets those that are gone.
func TestAGateForgetsWhoLeft(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			g := newGate(50, 5, nil)
			var open []*client
			for range rapid.IntRange(0, 300).Draw(rt, "steps") {
				pass(time.Duration(rapid.IntRange(0, 100).Draw(rt, "ms")) * time.Millisecond)
				if n := rapid.IntRange(0, 2*len(open)).Draw(rt, "leave"); n < len(open) {
					g.leave(open[n])
					open = append(open[:n], open[n+1:]...)
					continue
				}
				address := netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(0, 200).Draw(rt, "address"))})
				if c := g.enter(peer(address.String())); c != nil {
					open = append(open, c)
				}
			}
			for _, c := range open {
				g.leave(c)
			}
			pass(time.Minute)
			g.sweepAt = 0
			g.mu.Lock()
			defer g.mu.Unlock()
			g.sweep()
			if g.open != 0 || len(g.clients) != 0 {
				rt.Errorf("%d connections are open and %d clients known when all have left", g.open, len(g.clients))
			}
		})
	})
}

// At full speed a client gets its share of the machine, no less and no more.
func TestAClientGetsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, nil)
		c := g.enter(peer("192.0.2.1"))
		started, answers := time.Now(), 0
		for ; time.Since(started) < 10*time.Second; answers++ {
			g.pace(c)
		}
		cost := time.Duration(answers) * sharedTime(answerCost)
		if most := 10*time.Second + allowance + sharedTime(answerCost); cost < 10*time.Second || cost > most {
			t.Errorf("in ten seconds it got answers for %s", cost)
		}
		pass(time.Second)
		if wait := c.charge(answerCost); wait > 0 {
			t.Errorf("after a pause it waits for %s", wait)
		}
	})
}

func TestAClientThatConnectsAllTheTimeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(10, 10, nil)
		connect := func(address string) bool {
			c := g.enter(peer(address))
			if c != nil {
				g.leave(c)
			}
			return c != nil
		}
		for connect("192.0.2.1") {
		}
		if !connect("192.0.2.2") {
			t.Error("another client is refused too")
		}
		pass(patience)
		if !connect("192.0.2.1") {
			t.Error("it is refused when it has waited")
		}
	})
}

func TestNetHTTPSaysLittleAboutClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		log := slog.NewLogLogger(newQuiet(slog.NewTextHandler(&logged, nil)), slog.LevelWarn)
		lines := func() int { return strings.Count(logged.String(), "\n") }
		for range 1000 {
			log.Print("bad client")
		}
		if lines() != complaints {
			t.Errorf("of a thousand complaints %d are logged", lines())
		}
		pass(complaintsPer)
		log.Print("bad client")
		if lines() != complaints+2 { // and that there were more
			t.Errorf("later there are %d lines", lines())
		}
	})
}
