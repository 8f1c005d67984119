package preview

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"ovenbird/internal/ovenbird"
)

// Longest is for how long a token may be good: edges refuse any that says more.
const Longest = 7 * 24 * time.Hour

// skew is how far the clock of who made a token and that of an edge may differ.
const skew = time.Minute

// longestToken is more than a token ever needs, in bytes; what is longer is not
// looked at.
const longestToken = 1024

// tokenType tells these tokens from all others that a key might have signed
// (RFC 8725 section 3.11).
const tokenType = "ovenbird-preview+jwt"

// Grant is what a token allows: to see the documents of one country.
type Grant struct {
	Country     ovenbird.Country
	Application string    // the one it is for; "" is all
	At          time.Time // the instant to see them as of; zero is the present
}

// Token is what is signed.
type Token struct {
	Grant
	Environment string // whose edges it is for
	// From and Until bound when it is good.
	From, Until time.Time
}

// claims are a Token as it is sent.
type claims struct {
	jwt.RegisteredClaims
	Country     string    `json:"country"`
	Application string    `json:"application,omitempty"`
	At          time.Time `json:"at,omitzero"`
}

// Sign returns the token as an edge takes it. It is Invalid for a token that no
// edge would take.
func Sign(t Token, key ed25519.PrivateKey) (string, error) {
	switch lasts := t.Until.Sub(t.From); {
	case lasts <= 0:
		return "", ovenbird.Errorf(ovenbird.Invalid, "a preview that lasts %s is good for nothing; use a duration such as 8h", lasts)
	case lasts > Longest:
		return "", ovenbird.Errorf(ovenbird.Invalid, "a preview lasts %s at most, not %s", Longest, lasts)
	case t.Environment == "" || t.Country == "":
		return "", ovenbird.Errorf(ovenbird.Invalid, "a preview is for one country and one environment: name both")
	}
	made := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Audience: jwt.ClaimStrings{t.Environment}, NotBefore: jwt.NewNumericDate(t.From), ExpiresAt: jwt.NewNumericDate(t.Until),
		},
		Country: string(t.Country), Application: t.Application, At: t.At,
	})
	made.Header["typ"] = tokenType
	public, _ := key.Public().(ed25519.PublicKey) // what an ed25519.PrivateKey has
	made.Header["kid"] = keyID(public)
	token, err := made.SignedString(key)
	if err != nil {
		return "", ovenbird.Errorf(ovenbird.Internal, "signing the preview for %s: %w", t.Country, err)
	}
	if len(token) > longestToken {
		return "", ovenbird.Errorf(ovenbird.Invalid, "the names of environment and application are too long for a preview")
	}
	return token, nil
}

// Why a token is refused. Only a token with a signature that is right is told more
// than ErrUntrusted.
var (
	ErrUntrusted   = errors.New("it is no token that was signed with a key this edge knows")
	ErrExpired     = errors.New("it has expired: make a new one with `ovenbird preview`")
	ErrEarly       = errors.New("it is not good yet: compare the clocks")
	ErrEnvironment = errors.New("it is for another environment than this edge's")
	ErrTerms       = errors.New("what it says can not be used: make a new one with `ovenbird preview`")
)

// judge returns what a token allows, if one of the keys signed it.
func judge(token, environment string, keys map[string]ed25519.PublicKey, now time.Time) (Grant, error) {
	if len(token) > longestToken {
		return Grant{}, ErrUntrusted
	}
	find := func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		key, known := keys[id]
		// What is critical and not known is refused (RFC 7515 section 4.1.11).
		if _, critical := t.Header["crit"]; critical || !known || t.Header["typ"] != tokenType {
			return nil, ErrUntrusted
		}
		return key, nil
	}
	// The algorithm is never the token's to choose.
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithLeeway(skew),
		jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithAudience(environment),
	)
	var said claims
	if _, err := parser.ParseWithClaims(token, &said, find); err != nil {
		return Grant{}, reason(err)
	}
	return said.grant()
}

// reason makes one of this package's errors of one of the parser's, which judges
// the signature before everything else.
func reason(err error) error {
	switch {
	case !errors.Is(err, jwt.ErrTokenInvalidClaims):
		return ErrUntrusted
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return ErrEnvironment
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return ErrEarly
	default:
		return ErrTerms
	}
}

func (c *claims) grant() (Grant, error) {
	country, err := ovenbird.ParseCountry(c.Country)
	if err != nil || string(country) != c.Country || c.ExpiresAt.Sub(c.NotBefore.Time) > Longest {
		return Grant{}, ErrTerms
	}
	return Grant{Country: country, Application: c.Application, At: c.At}, nil
}
