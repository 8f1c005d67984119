package release

import (
	"crypto/sha256"
	"encoding/hex"

	"ovenbird/internal/ovenbird"
)

// Hash names an object: the SHA-256 of its uncompressed bytes. The zero value
// names nothing.
type Hash [sha256.Size]byte

// HashOf returns the name of an object.
func HashOf(body []byte) Hash { return sha256.Sum256(body) }

// ParseHash reads what String writes.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if hex.DecodedLen(len(s)) != len(h) {
		return Hash{}, ovenbird.Errorf(ovenbird.Invalid, "hash %.80q is not %d hexadecimal digits", s, 2*len(h))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, ovenbird.Errorf(ovenbird.Invalid, "hash %q: %w", s, err)
	}
	return h, nil
}

// String returns h in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText implements encoding.TextMarshaler, for JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler, for JSON.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}
