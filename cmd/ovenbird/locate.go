package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"ovenbird/internal/site"
	"ovenbird/internal/stack"
)

// locate finds the site that the current folder belongs to, unless --site says
// which is meant: from within a stack, even one in a repository of its own, a
// command finds the environments of its site. The folder for data is then the
// site's own too.
func (c *cli) locate(cmd *cobra.Command) {
	flags := cmd.Flags()
	c.spot, c.lost = site.Find(c.siteDir)
	if c.lost != nil || c.spot.Site == "" {
		return
	}
	if flags.Changed("site") && c.spot.Instead == "" {
		c.spot = site.Spot{} // what is named is meant, and nothing around it
		return
	}
	if !flags.Changed("data") && !flags.Changed("site") {
		c.data = filepath.Join(c.spot.Site, c.data)
	}
	c.siteDir = c.spot.Site
}

// loadSite loads the site. Of a stack in a repository, what is not in the folder
// for data yet is fetched.
func (c *cli) loadSite(ctx context.Context) (*site.Site, error) {
	if c.lost != nil {
		return nil, c.lost
	}
	return site.Open(ctx, c.siteDir, c.siteConfig())
}

func (c *cli) siteConfig() site.Config {
	config := site.Config{Checkout: stack.NewRepositories(filepath.Join(c.data, "git")).Checkout}
	if c.spot.Instead != "" {
		config.Instead = map[string]string{c.spot.Stack: c.spot.Instead}
	}
	return config
}

// checkSite looks the site over.
func (c *cli) checkSite(ctx context.Context) []site.Finding {
	if c.lost != nil {
		return site.Findings(c.lost)
	}
	return site.CheckOpen(ctx, c.siteDir, c.siteConfig())
}
