package edge

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go/http3"

	"ovenbird/internal/ovenbird"
)

// TLS is what a server needs to speak TLS, with HTTP/2 and, if asked for, HTTP/3.
type TLS struct {
	CertFile, KeyFile string // PEM; read again when they change
	HTTP3             bool   // over UDP, at the same port
}

// UseTLS makes the server speak TLS from its start on. It fails, with an Invalid
// error, if certificate and key can not be used.
func (s *Server) UseTLS(t TLS) error {
	certificate := &certificate{files: t, log: s.log}
	if err := certificate.load(time.Now()); err != nil {
		return err
	}
	s.useTLS(&tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}, t.HTTP3)
	return nil
}

func (s *Server) useTLS(config *tls.Config, http3Too bool) {
	s.tls, s.http.TLSConfig = true, config
	if http3Too {
		s.quic = &overQUIC{grace: closeGrace, http: http3.Server{
			TLSConfig:      http3.ConfigureTLSConfig(s.http.TLSConfig),
			MaxHeaderBytes: maxHeaderBytes,
			IdleTimeout:    idleTimeout,
		}}
	}
}

// certificateCheck is how often the files are looked at while there are handshakes.
const certificateCheck = 10 * time.Second

// certificate is a certificate in files, as they are now.
type certificate struct {
	files TLS
	log   *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	written time.Time // the younger of the files, when it was loaded
	checked time.Time
}

// get returns the certificate for a handshake. Files that can not be used leave
// the one before in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.checked) < certificateCheck {
		return c.loaded, nil
	}
	if err := c.load(now); err != nil {
		c.log.Error("the new certificate can not be used; the one before stays", "error", err)
	}
	return c.loaded, nil
}

// load reads the files if they changed.
func (c *certificate) load(now time.Time) error {
	c.checked = now
	written, err := youngest(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "certificate: %w", err)
	}
	if c.loaded != nil && written.Equal(c.written) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "certificate %s with key %s: %w", c.files.CertFile, c.files.KeyFile, err)
	}
	c.loaded, c.written = &pair, written
	return nil
}

func youngest(files ...string) (time.Time, error) {
	var latest time.Time
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return latest, err
		}
		if info.ModTime().After(latest) {
			latest = info.ModTime()
		}
	}
	return latest, nil
}
