package edge

import (
	"cmp"
	"time"

	"ovenbird/internal/ovenbird"
)

// Config says how an edge behaves. The zero value serves every country to
// everybody: for development.
type Config struct {
	// Country says how the edge finds out where a viewer is:
	//
	//	address       it does not: it believes the address (the default)
	//	fixed:FI      everybody is in Finland
	//	header:NAME   the header NAME has the country, if a trusted proxy sent it
	//	geoip:FILE    by the address of the peer, or of the viewer that trusted
	//	              proxies forward for (X-Forwarded-For), in a MaxMind DB file
	Country string
	// TrustedProxies are the addresses, or ranges such as 10.0.0.0/8, of peers
	// whose headers are believed.
	TrustedProxies []string
	// Countries are those whose documents the edge keeps and serves; none means
	// all, or the one of fixed:FI. Others' are refused.
	Countries []ovenbird.Country
	// MaxAge is for how long a cache may keep a document without asking again; 0
	// means DefaultMaxAge, less than 0 means not at all. A cache never keeps a
	// document past its next transition. Rounded down to seconds, an hour at most.
	MaxAge time.Duration
	// SharedMaxAge is for how long a CDN that is purged by key at every publication
	// may keep a document (CDN-Cache-Control, RFC 9213); 0 tells it nothing of its
	// own. Never past the next transition, an hour at most.
	SharedMaxAge time.Duration
	// KeepAfterHorizon makes the edge go on after the horizon of its release with
	// the documents of which it is known that no license in them has ended. They
	// may miss what has begun and what was edited since. Otherwise it refuses all.
	KeepAfterHorizon bool
	// Dictionaries makes the edge keep what each address led to before, and send
	// clients over TLS that have it the difference (RFC 9842).
	Dictionaries bool
	// Memory is how many bytes the edge uses, about, to keep ready what was asked for;
	// 0 means DefaultMemory, less than 0 none. A release's rows take memory beside
	// that, in proportion to what differs in them.
	Memory int64
	// Poll is how often the edge looks for a new release; 0 means DefaultPoll.
	Poll time.Duration
}

// What a Config that does not say otherwise means.
const (
	DefaultMaxAge = 60 * time.Second
	DefaultPoll   = 10 * time.Millisecond
	DefaultMemory = 128 << 20 // bytes
)

const longestMaxAge = time.Hour

func (c Config) maxAgeSeconds() int64 {
	switch {
	case c.MaxAge == 0:
		return int64(DefaultMaxAge / time.Second)
	case c.MaxAge < 0:
		return 0
	default:
		return int64(min(c.MaxAge, longestMaxAge) / time.Second)
	}
}

// serves returns the countries whose documents the edge keeps.
func (c Config) serves(l locator) ovenbird.CountrySet {
	if only, ok := l.(fixed); ok && len(c.Countries) == 0 {
		return ovenbird.NewCountrySet(ovenbird.CountryAt(only.country))
	}
	if len(c.Countries) == 0 {
		return ovenbird.Worldwide()
	}
	return ovenbird.NewCountrySet(c.Countries...)
}

func (c Config) memory() int64 { return cmp.Or(c.Memory, DefaultMemory) }

func (c Config) poll() time.Duration {
	if c.Poll <= 0 {
		return DefaultPoll
	}
	return c.Poll
}
