package main

import (
	"path/filepath"

	"github.com/spf13/pflag"

	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
)

// acmeFlags are how an edge gets certificates by itself.
type acmeFlags struct{ edge.ACME }

func (f *acmeFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.Domains, "acme-domain", nil,
		"get and renew certificates for these domains; their port 443 has to lead here (Let's Encrypt, TLS-ALPN-01)")
	flags.BoolVar(&f.Agreed, "acme-agree", false, "agree to the issuer's terms")
	flags.StringVar(&f.Email, "acme-email", "", "where the issuer may write to")
	flags.StringVar(&f.Directory, "acme-directory", "", "another issuer's directory, https://…")
	flags.StringVar(&f.Folder, "acme-folder", "", "folder for keys and certificates (default: acme in the environment's data)")
}

// secure makes a server speak TLS as the flags say, or not at all.
func (c *cli) secure(server *edge.Server, files edge.TLS, f acmeFlags) error {
	switch {
	case len(f.Domains) == 0 && files == edge.TLS{}:
		return nil
	case len(f.Domains) == 0:
		return server.UseTLS(files)
	case files.CertFile != "" || files.KeyFile != "":
		return ovenbird.Errorf(ovenbird.Invalid,
			"certificates come from files (--tls-cert, --tls-key) or from an issuer (--acme-domain): choose one")
	}
	f.HTTP3 = files.HTTP3
	if f.Folder == "" {
		f.Folder = filepath.Join(c.data, c.env, "acme")
	}
	return server.UseACME(f.ACME)
}
