package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// caller calls subscribers.
type caller struct {
	client *http.Client
	now    func() time.Time
}

// outcome is what became of a call. The zero value is none.
type outcome struct {
	status int    // of the answer; 0: there was none
	err    string // "" where the answer was 2xx
}

// newCaller returns a caller that gives an answer a time to come, follows no
// redirect, uses no proxy, and, unless it may, connects to no address that is not
// public. That is looked at when it connects: a name may lead elsewhere than it
// did when it was subscribed.
func newCaller(private bool, timeout time.Duration, now func() time.Time) *caller {
	dialer := &net.Dialer{Timeout: timeout}
	if !private {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return checkAddress(address) }
	}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}
	return &caller{now: now, client: &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call sends a delivery once.
func (c *caller) call(ctx context.Context, to *Subscription, d *Delivery) outcome {
	now := c.now()
	signature, err := sign(to.secret, d.ID, now, d.body)
	if err != nil {
		return outcome{err: err.Error()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, strings.NewReader(d.body))
	if err != nil {
		return outcome{err: err.Error()}
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "ovenbird",
		"Webhook-Id": d.ID, "Webhook-Timestamp": strconv.FormatInt(now.Unix(), 10), "Webhook-Signature": signature,
	} {
		request.Header.Set(name, value)
	}
	response, err := c.client.Do(request)
	if err != nil {
		// The address is known, and may be a secret.
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return outcome{err: clip(err.Error())}
	}
	_ = response.Body.Close() // whatever it says
	switch {
	case response.StatusCode >= 200 && response.StatusCode < 300:
		return outcome{status: response.StatusCode}
	case response.StatusCode >= 300 && response.StatusCode < 400:
		const remedy = "redirects are not followed; subscribe the address that they lead to"
		return outcome{response.StatusCode, fmt.Sprintf("it answered %d: %s", response.StatusCode, remedy)}
	default:
		return outcome{response.StatusCode, "it answered " + clip(cmp.Or(response.Status, "nothing"))}
	}
}

// maxError is how much of an error, in bytes, is kept.
const maxError = 300

// clip makes what somebody else said fit for the database.
func clip(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s[:min(len(s), maxError)], "\x00", ""), "")
}

// errNotPublic says that an address is not called.
var errNotPublic = errors.New("the address is in a network that is not public, which is not called")

func checkAddress(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return errNotPublic
	}
	return nil
}

// special are the networks that are not public though they look it: the
// registries of special-purpose addresses (RFC 6890) have them.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared by providers' customers
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),        // IPv4 in IPv6, as it was once
	netip.MustParsePrefix("64:ff9b::/96"), // IPv4 behind a translator
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // IPv4 in IPv6
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("fec0::/10"),
}

// public reports whether an address can be one of somebody else.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	isSpecial := func(p netip.Prefix) bool { return p.Contains(ip.WithZone("")) }
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(special, isSpecial)
}
