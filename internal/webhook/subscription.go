package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// Type says what kind of thing has happened.
type Type string

// The types of events.
const (
	ReleasePublished Type = "release.published" // viewers get another release
	CatalogChanged   Type = "catalog.changed"   // at most once a second, with the range of changes
	DraftPublished   Type = "draft.published"
	Test             Type = "webhook.test" // somebody tries a subscription out; nobody subscribes to it
)

// Types lists the types that one can subscribe to.
func Types() []Type { return []Type{ReleasePublished, CatalogChanged, DraftPublished} }

// Subscription is who wants to be told of what.
type Subscription struct {
	ID        string
	URL       string
	Events    []Type
	Active    bool
	Why       string // it was disabled; "" where a person did it, or nobody
	CreatedAt time.Time
	CreatedBy string
	Attempts  int       // that failed, at the delivery that is next
	NextAt    time.Time // there is no attempt before

	secret string
}

// Delivery is one event on its way to one subscriber.
type Delivery struct {
	Number    int64  // of the subscription, in order; not without gaps
	ID        string // of the message: the same at each attempt
	Type      Type
	At        time.Time
	Delivered bool
	Attempts  int
	TriedAt   time.Time // the last attempt; zero: not yet
	Status    int       // of the last answer; 0: there was none
	Error     string    // of the last attempt; "" where it was answered with 2xx

	body string
}

// Draw is what a subscription is made of or changed to. What is nil stays.
type Draw struct {
	URL    *string
	Events []Type
	Active *bool
}

// maxURL is the length, in bytes, of the longest address.
const maxURL = 2048

// check refuses what can not be subscribed. Where calls into the own network are
// allowed, so is plain HTTP: both are for development.
func (d *Draw) check(private bool) error {
	if d.URL != nil {
		if err := checkURL(*d.URL, private); err != nil {
			return err
		}
	}
	for i, t := range d.Events {
		if !slices.Contains(Types(), t) || slices.Contains(d.Events[:i], t) {
			return ovenbird.Errorf(ovenbird.Invalid, "%.60q is no event, or stands there twice; use of %v", t, Types())
		}
	}
	return nil
}

func checkURL(text string, private bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || len(text) > maxURL:
		return ovenbird.Errorf(ovenbird.Invalid, "the URL is none; use one such as https://example.com/ovenbird")
	case u.Scheme != "https" && (u.Scheme != "http" || !private):
		return ovenbird.Errorf(ovenbird.Invalid, "the URL has the scheme %.20q; use https", u.Scheme)
	case u.User != nil || u.Fragment != "":
		return ovenbird.Errorf(ovenbird.Invalid, "the URL has a user or a fragment in it; leave them out")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !private && !public(ip) {
		return ovenbird.Errorf(ovenbird.Invalid, "the URL leads into a network that is not public; use a public address")
	}
	return nil
}

// A secret is written whsec_ and the key in base64.
const secretPrefix = "whsec_"

// keyBytes is how long keys are.
const keyBytes = 32

func newSecret() string {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // it never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// sign returns the signature of a message, for the header webhook-signature.
func sign(secret, id string, at time.Time, body string) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body) //nolint:errcheck // a hash takes everything
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}
