package preview

import (
	"crypto/ed25519"
	"log/slog"
	"os"
	"sync"
	"time"

	"ovenbird/internal/ovenbird"
)

// Config says what a Verifier trusts.
type Config struct {
	File        string // of public keys; read again when it changes
	Environment string // whose edge it is
	// Now is the clock that tokens expire by; nil means time.Now. It is not the one
	// that windows open by, which a demo may set.
	Now func() time.Time
	Log *slog.Logger // nil: nothing is logged
}

// Verifier judges tokens. Any number of goroutines may use it.
type Verifier struct {
	config Config

	mu      sync.Mutex
	keys    map[string]ed25519.PublicKey
	written time.Time
	size    int64
}

// NewVerifier reads the keys. It is Invalid if they can not be used.
func NewVerifier(c Config) (*Verifier, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{config: c}
	if err := v.load(); err != nil {
		return nil, err
	}
	return v, nil
}

// Verify returns what a token allows now, or one of the errors that say why it is
// refused.
func (v *Verifier) Verify(token string) (Grant, error) {
	return judge(token, v.config.Environment, v.current(), v.config.Now())
}

// current returns the keys that are in the file now: one that was taken out ends
// its tokens. Keys that can not be used leave the ones before in use.
func (v *Verifier) current() map[string]ed25519.PublicKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.load(); err != nil {
		v.config.Log.Error("the new keys of previews can not be used; the ones before stay", "error", err)
	}
	return v.keys
}

// load reads the file if it changed.
func (v *Verifier) load() error {
	info, err := os.Stat(v.config.File)
	if err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "keys of previews: %w", err)
	}
	if v.keys != nil && info.ModTime().Equal(v.written) && info.Size() == v.size {
		return nil
	}
	v.written, v.size = info.ModTime(), info.Size() // what can not be used is told of once
	keys, err := readPublicKeys(v.config.File)
	if err != nil {
		return err
	}
	v.keys = keys
	return nil
}
