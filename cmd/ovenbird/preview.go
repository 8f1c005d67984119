package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/preview"
)

// previewFlags are what a token is made of.
type previewFlags struct {
	country, application, at, url, key string
	expires                            time.Duration
}

func (c *cli) preview() *cobra.Command {
	var f previewFlags
	cmd := &cobra.Command{
		Use:   "preview --country FI",
		Short: "Make a token with which an editor sees another country's documents",
		Long: "Preview prints a signed token. An edge of the environment (--env) that was given the public key (--preview-keys)\n" +
			"answers who shows it with that country's documents, wherever they are: in the header Ovenbird-Preview, or below\n" +
			"/_preview/TOKEN/, where an application takes a base address. No cache keeps such an answer. Windows hold as for\n" +
			"everybody: a preview is of another country, or with --at of an instant up to the release's horizon.\n\n" +
			"A token is good for whoever has it until it expires. To end all, take the key away from the edges.",
		Example: "  ovenbird preview keygen --env prod >> preview-keys.pem\n" +
			"  ovenbird edge --env prod --bucket s3://releases --country-from fixed:FI --preview-keys preview-keys.pem\n" +
			"  ovenbird preview --env prod --country SE --application web --expires 8h --url https://edge.example",
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return c.makePreview(f, time.Now()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.country, "country", "", "the country to see")
	flags.StringVar(&f.application, "application", "", "the application to see; all by default")
	flags.DurationVar(&f.expires, "expires", 8*time.Hour, "how long it is good, 168h at most")
	flags.StringVar(&f.at, "at", "", "see what viewers will see at this instant (RFC 3339), before the release's horizon")
	flags.StringVar(&f.url, "url", "", "an edge's address, for what to call")
	flags.StringVar(&f.key, "key", "", "the private key (default: preview.key in the environment's data)")
	cmd.AddCommand(c.previewKey())
	return cmd
}

func (c *cli) makePreview(f previewFlags, now time.Time) error {
	country, err := ovenbird.ParseCountry(f.country)
	if err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, "--country: %w", err)
	}
	at, err := parseInstant(f.at)
	if err != nil {
		return err
	}
	key, err := preview.ReadKey(c.previewKeyFile(f.key))
	if err != nil {
		return err
	}
	made := preview.Token{
		Grant:       preview.Grant{Country: country, Application: f.application, At: at},
		Environment: c.env, From: now, Until: now.Add(f.expires),
	}
	token, err := preview.Sign(made, key)
	if err != nil {
		return err
	}
	return c.tellPreview(made, token, f.url)
}

// tellPreview prints the token alone, for programs, and notes for people.
func (c *cli) tellPreview(made preview.Token, token, url string) error {
	url = strings.TrimSuffix(url, "/")
	data := struct {
		Token   string    `json:"token"`
		Header  string    `json:"header"`
		URL     string    `json:"url"` // the base address for applications; a path without --url
		Expires time.Time `json:"expires"`
	}{token, "Ovenbird-Preview: " + token, url + "/_preview/" + token + "/", made.Until.UTC().Truncate(time.Second)}
	return c.print(data, func(w io.Writer) error {
		path := made.Application
		if path == "" {
			path = "tv"
		}
		c.note("preview of %s for edges of %s, until %s", made.Country, made.Environment, data.Expires.Format(time.RFC3339))
		if url != "" {
			c.note("  curl -H 'Ovenbird-Preview: %s' %s/%s/home.json\n  %s%s/home.json", token, url, path, data.URL, path)
		}
		_, err := fmt.Fprintln(w, token)
		return err
	})
}

// previewKeyFile is where the private key is.
func (c *cli) previewKeyFile(named string) string {
	if named != "" {
		return named
	}
	return filepath.Join(c.data, c.env, "preview.key")
}

func (c *cli) previewKey() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key that signs previews, and print its public part",
		Long: "Keygen keeps a new private key in a file that you alone may read, and prints the public key for --preview-keys\n" +
			"of edges. To change keys, append the new public key to the file that edges have, make previews with the new key,\n" +
			"and take the old one out when its previews have expired. Edges notice without a restart.",
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			file := c.previewKeyFile(file)
			if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
				return fmt.Errorf("make the folder for the key: %w", err)
			}
			key, err := preview.CreateKey(file)
			if err != nil {
				return err
			}
			public, err := preview.PublicKey(key)
			if err != nil {
				return err
			}
			c.note("the private key is in %s: it signs previews, keep it to yourself", file)
			_, err = c.stdout.Write(public)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "key", "", "file for the private key (default: preview.key in the environment's data)")
	return cmd
}

// takePreviews gives an edge the keys in a file; "" is none.
func (c *cli) takePreviews(deps *edge.Deps, file string, log *slog.Logger) error {
	if file == "" {
		return nil
	}
	verifier, err := preview.NewVerifier(preview.Config{File: file, Environment: c.env, Log: log})
	if err != nil {
		return err
	}
	deps.Previews = verifier
	return nil
}
