package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"ovenbird/internal/ovenbird"
)

// ACME is how a server gets certificates by itself (RFC 8555). It proves that the
// domains are its own by the connections that it takes (TLS-ALPN-01, RFC 8737):
// port 443 of each domain has to lead to it, with nothing before it that ends TLS.
type ACME struct {
	Domains   []string
	Directory string // the issuer's address; "" is Let's Encrypt
	Email     string // to which the issuer may write; "" is none
	Agreed    bool   // whether the issuer's terms are agreed to: without, nothing is issued
	// Folder keeps account, keys and certificates over restarts. Servers that share
	// it share the certificates, too.
	Folder string
	// Roots are those who may sign for the issuer's own server; nil is whoever the
	// system trusts.
	Roots *x509.CertPool
	HTTP3 bool // over UDP, at the same port
}

// issuing is a server's dealings with an issuer.
type issuing struct {
	settings ACME
	cache    *certmagic.Cache
	magic    *certmagic.Config
	log      *zap.Logger
	cancel   context.CancelFunc
}

// UseACME makes the server speak TLS from its start on, with certificates that it
// gets and renews by itself. What an earlier process got is used at once and for as
// long as it is good, also while the issuer is down. Until there is one for a domain,
// handshakes for it fail.
func (s *Server) UseACME(a ACME) error {
	if err := a.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(a.Folder, 0o700); err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "making the folder for certificates: %w", err)
	}
	i := &issuing{settings: a, log: zap.New(zapToSlog{log: s.log})}
	i.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return i.magic, nil }, Logger: i.log,
	})
	i.magic = certmagic.New(i.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: a.Folder}, DefaultServerName: a.Domains[0], Logger: i.log,
	})
	config := i.magic.TLSConfig()
	config.MinVersion = tls.VersionTLS12
	config.NextProtos = append([]string{"h2", "http/1.1"}, config.NextProtos...)
	s.issuing = i
	s.useTLS(config, a.HTTP3)
	return nil
}

// check reports what can not work before an issuer refuses it.
func (a *ACME) check() error {
	if !a.Agreed {
		return ovenbird.Errorf(ovenbird.Invalid,
			"an issuer wants its terms agreed to: read them (Let's Encrypt: https://letsencrypt.org/repository) and say --acme-agree")
	}
	if len(a.Domains) == 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "a certificate is for domains: name them")
	}
	for _, domain := range a.Domains {
		if net.ParseIP(domain) != nil || !certmagic.SubjectQualifiesForCert(domain) || strings.Contains(domain, "*") {
			return ovenbird.Errorf(ovenbird.Invalid, "there is no certificate for %q: name domains, such as edge.example.org", domain)
		}
	}
	if directory, err := url.Parse(a.Directory); err != nil || a.Directory != "" && (directory.Scheme != "https" || directory.Host == "") {
		return ovenbird.Errorf(ovenbird.Invalid, "the issuer's directory %q is no address that begins with https://", a.Directory)
	}
	return nil
}

// start begins to look after the certificates, once the server listens.
func (i *issuing) start(ctx context.Context, at net.Addr) error {
	issuer := certmagic.ACMEIssuer{
		CA: i.settings.Directory, Email: i.settings.Email, Agreed: true, TrustedRoots: i.settings.Roots,
		DisableHTTPChallenge: true, Logger: i.log,
	}
	// The server answers the challenge itself: certmagic must see that it is there.
	if address, ok := at.(*net.TCPAddr); ok {
		issuer.AltTLSALPNPort = address.Port
		if !address.IP.IsUnspecified() {
			issuer.ListenHost = address.IP.String()
		}
	}
	i.magic.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(i.magic, issuer)}
	managing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	i.cancel = cancel
	if err := i.magic.ManageAsync(managing, i.settings.Domains); err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "looking after certificates: %w", err)
	}
	return nil
}

// stop ends what start began.
func (i *issuing) stop() {
	if i.cancel != nil {
		i.cancel()
	}
	i.cache.Stop()
}

// zapToSlog writes what certmagic logs to where everything is logged.
type zapToSlog struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func levelOf(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	case l == zapcore.InfoLevel:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

// Enabled implements zapcore.Core.
func (z zapToSlog) Enabled(l zapcore.Level) bool {
	return z.log.Enabled(context.Background(), levelOf(l))
}

// With implements zapcore.Core.
func (z zapToSlog) With(fields []zapcore.Field) zapcore.Core {
	return zapToSlog{z.log, append(slices.Clip(z.fields), fields...)}
}

// Check implements zapcore.Core.
func (z zapToSlog) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if z.Enabled(e.Level) {
		return to.AddCore(e, z)
	}
	return to
}

// Write implements zapcore.Core.
func (z zapToSlog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	var said []any
	for _, list := range [][]zapcore.Field{z.fields, fields} {
		for _, field := range list {
			field.AddTo(values)
			if value, ok := values.Fields[field.Key]; ok {
				said = append(said, field.Key, value)
			}
		}
	}
	z.log.Log(context.Background(), levelOf(e.Level), "certificates", append([]any{"event", e.Message}, said...)...)
	return nil
}

// Sync implements zapcore.Core.
func (zapToSlog) Sync() error { return nil }
