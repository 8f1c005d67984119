package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/geoip"
	"ovenbird/internal/ovenbird"
)

func (c *cli) geoip() *cobra.Command {
	group := &cobra.Command{
		Use: "geoip", Short: "Keep the data that tells where addresses are",
	}
	needsCommand(group)
	group.AddCommand(c.refreshGeoIP())
	return group
}

func (c *cli) refreshGeoIP() *cobra.Command {
	var to, registry string
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Fetch the newest GeoIP data and put it in place",
		Long: "Refresh fetches the CC0 data of the npm package @ip-location-db/geo-whois-asn-country-mmdb, checks that it is what\n" +
			"the registry says and that all of it can be read, and puts it in place at once. The file before stays beside it,\n" +
			"with the suffix .bak. Edges take the new file up within seconds. Whatever goes wrong, the file stays as it is.",
		Example: "  ovenbird geoip refresh --to /srv/geoip/country.mmdb",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := c.geoIPFile(cmd.Context(), to)
			if err != nil {
				return err
			}
			registry = cmp.Or(registry, os.Getenv("npm_config_registry"), os.Getenv("NPM_CONFIG_REGISTRY"))
			report, err := geoip.Refresh(cmd.Context(), geoip.Config{File: file, Registry: registry})
			if err != nil {
				return fmt.Errorf("%w (%s stays as it is)", err, file)
			}
			return c.print(report, func(w io.Writer) error { return tellGeoIP(w, report) })
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the file (default: the environment's OVENBIRD_GEOIP_DB)")
	cmd.Flags().StringVar(&registry, "registry", "",
		"registry of npm packages (default: npm_config_registry, else "+geoip.PublicRegistry+")")
	return cmd
}

// geoIPFile is the file that is named, or the environment's.
func (c *cli) geoIPFile(ctx context.Context, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	loaded, err := c.loadSite(ctx)
	if err != nil {
		return "", fmt.Errorf("%w (without a site, say --to FILE)", err)
	}
	settings, err := loaded.Environment(c.env)
	if err != nil {
		return "", err
	}
	if settings.GeoIPDatabase == "" {
		return "", ovenbird.Errorf(ovenbird.Invalid, "environment %s has no OVENBIRD_GEOIP_DB: say --to FILE", c.env)
	}
	return settings.GeoIPDatabase, nil
}

func tellGeoIP(w io.Writer, r geoip.Report) error {
	said := func(i geoip.Info) string {
		return fmt.Sprintf("%s, %d networks of IPv4, %d of IPv6, %d countries",
			i.Built.Format(time.DateOnly), i.Networks4, i.Networks6, i.Countries)
	}
	if !r.Changed {
		_, err := fmt.Fprintf(w, "%s is up to date (%s): %s\n", r.File, r.Version, said(r.New))
		return err
	}
	before := "none"
	if r.Old != nil {
		before = said(*r.Old)
	}
	_, err := fmt.Fprintf(w, "%s is now %s\n  before  %s\n  now     %s\n", r.File, r.Version, before, said(r.New))
	return err
}
