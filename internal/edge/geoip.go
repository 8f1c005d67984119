package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ovenbird/internal/geoip"
	"ovenbird/internal/ovenbird"
)

// geoIP looks addresses up in a file, as it is now.
type geoIP struct {
	file     string
	trusted  networks
	database atomic.Pointer[geoip.Database]
	written  time.Time // belongs to whoever reads the file
}

func openGeoIP(file string, trusted networks) (*geoIP, error) {
	g := &geoIP{file: file, trusted: trusted}
	if err := g.load(); err != nil {
		return nil, err
	}
	return g, nil
}

// geoIPCheck is how often the file is looked at.
const geoIPCheck = 10 * time.Second

// follow takes the file up whenever it changes, until ctx ends. One that can not
// be used is told of once, and leaves the one before in use.
func (g *geoIP) follow(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(geoIPCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		before := g.database.Load()
		if err := g.load(); err != nil {
			log.Error("the new GeoIP file can not be used; the one before stays", "error", err)
		} else if now := g.database.Load(); now != before {
			log.Info("a new GeoIP file is in use", "file", g.file, "built", now.Info().Built, "countries", now.Info().Countries)
		}
	}
}

// load reads the file if it changed.
func (g *geoIP) load() error {
	info, err := os.Stat(g.file)
	if err != nil {
		if g.written.IsZero() {
			return ovenbird.Errorf(ovenbird.Invalid, "GeoIP file: %w", err)
		}
		return nil // on its way, or it will be missed at the next start
	}
	if info.ModTime().Equal(g.written) {
		return nil
	}
	g.written = info.ModTime()
	database, err := geoip.Open(g.file)
	if err != nil {
		return err
	}
	g.database.Store(database)
	return nil
}

func (g *geoIP) locate(r *http.Request) viewer {
	address, ok := peerOf(r)
	if !ok {
		return viewer{}
	}
	if g.trusted.contain(address) {
		address, ok = g.forwarded(r.Header["X-Forwarded-For"], address)
		if !ok {
			return viewer{}
		}
	}
	country, known := g.database.Load().Country(address)
	return viewer{country: country, known: known}
}

// forwarded returns the last address in X-Forwarded-For that is no trusted
// proxy: whatever stands before it, anybody may have written. ok is false where
// that place does not hold an address.
func (g *geoIP) forwarded(lines []string, peer netip.Addr) (address netip.Addr, ok bool) {
	address = peer
	for _, line := range slices.Backward(lines) {
		for rest := line; rest != ""; {
			var hop string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				rest, hop = "", rest
			}
			if address, ok = parseHop(trimSpace(hop)); !ok {
				return netip.Addr{}, false
			}
			if !g.trusted.contain(address) {
				return address, true
			}
		}
	}
	return address, true
}

// parseHop reads an address, with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(s); err == nil {
		return plain(address), true
	}
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return plain(withPort.Addr()), true
	}
	if address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return plain(address), true
	}
	return netip.Addr{}, false
}
