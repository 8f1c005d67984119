package preview

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"

	"ovenbird/internal/ovenbird"
)

// The kinds of PEM blocks that keys lie in: what openssl writes as well.
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// CreateKey makes a key and keeps it in a new file that its owner alone may read.
// It is a Conflict where there is a file of that name.
func CreateKey(file string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "making a key: %w", err)
	}
	made, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, ovenbird.Errorf(ovenbird.Conflict, "there is a key in %s already: name another file with --key", file)
	} else if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "keeping the key: %w", err)
	}
	err = errors.Join(pem.Encode(made, &pem.Block{Type: privateBlock, Bytes: der}), made.Sync(), made.Close())
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "keeping the key in %s: %w", file, err)
	}
	return key, nil
}

// ReadKey reads a key that CreateKey kept. One that others may read is refused.
func ReadKey(file string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no key in %s: make one with `ovenbird preview keygen`", file)
	} else if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "reading the key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "others may read the key in %s: chmod 600 it, and think of making a new one", file)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "reading the key: %w", err)
	}
	block, _ := pem.Decode(body)
	if block == nil || block.Type != privateBlock {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "%s has no private key in it (PEM, PKCS #8)", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "the key in %s is no Ed25519 key: make one with `ovenbird preview keygen`", file)
	}
	return key, nil
}

// PublicKey returns the part of a key that edges are given, in PEM.
func PublicKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "writing the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// readPublicKeys reads a file of public keys, one PEM block after the other.
func readPublicKeys(file string) (map[string]ed25519.PublicKey, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "keys of previews: %w", err)
	}
	keys := make(map[string]ed25519.PublicKey)
	for block, rest := pem.Decode(body); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != publicBlock {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%s has a %s in it: edges are given public keys alone", file, block.Type)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%s has a key in it that is no Ed25519 key", file)
		}
		keys[keyID(key)] = key
	}
	if len(keys) == 0 {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "%s has no key in it: put there what `ovenbird preview keygen` prints", file)
	}
	return keys, nil
}

// keyID names a key by what it is: the thumbprint of RFC 7638, as RFC 8037 has it
// for Ed25519.
func keyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(key) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
