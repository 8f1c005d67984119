package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"ovenbird/internal/ovenbird"
)

// Key signs checkpoints.
type Key struct {
	note.Signer
	Public string // what a verifier needs: NAME+HASH+KEY, of note.NewVerifier
}

// LoadKey reads the key in a file, and makes it where there is none: two processes
// that do so at once get the same. name stands in signatures.
func LoadKey(path, name string) (Key, error) {
	body, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(path, name); err != nil {
			return Key{}, fmt.Errorf("make the ledger's key: %w", err)
		}
		body, err = readKey(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read the ledger's key: %w", err)
	}
	secret, public, _ := strings.Cut(strings.TrimSuffix(body, "\n"), "\n")
	signer, err := note.NewSigner(secret)
	if err != nil {
		return Key{}, ovenbird.Errorf(ovenbird.Invalid,
			"%s holds no key of the ledger: restore the file, or remove it to begin with another key", path)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil || verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return Key{}, ovenbird.Errorf(ovenbird.Invalid, "the second line of %s is not the public key to the first", path)
	}
	return Key{signer, public}, nil
}

// PublicKey returns the public key in a file of LoadKey, "" where there is no file.
func PublicKey(path string) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	key, err := LoadKey(path, "")
	return key.Public, err
}

// readKey refuses a file that others may read.
func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", ovenbird.Errorf(ovenbird.Invalid,
			"others may read or write %s (%s): chmod 600 it, and think of who has seen it", path, mode)
	}
	body, err := os.ReadFile(path)
	return string(body), err
}

// makeKey writes a new key, whole and durable, unless there is one.
func makeKey(path, name string) (err error) {
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".ledger-key-") // which only its owner can read
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(secret + "\n" + public + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
