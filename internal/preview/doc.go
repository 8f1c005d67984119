// Package preview makes and judges the tokens with which editors see what viewers
// in another country see.
//
// A token is a compact JWS (RFC 7515) of JWT claims (RFC 7519), signed with
// Ed25519 (RFC 8037): who has the private key makes tokens, and edges, which know
// the public keys alone, can judge them and make none. A token names one country
// and one environment, and is good for a while; nothing is kept of it anywhere.
package preview
