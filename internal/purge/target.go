package purge

import (
	"context"
	"net/url"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// target is a cache, or a network of them, that can be told.
type target interface {
	// tell makes the cache forget. It succeeds only if all is forgotten.
	tell(ctx context.Context, gone release.Outdated) error
	// most is how many documents are worth naming one by one.
	most() int
}

// forms are the targets that there are, as they are written.
const forms = "varnish:URL, nginx:URL, fastly:SERVICE:SECRET or cloudflare:ZONE:SECRET, " +
	"where SECRET is the name of the secret that holds the API's token"

// Where the APIs are.
const (
	fastlyAPI     = "https://api.fastly.com"
	cloudflareAPI = "https://api.cloudflare.com/client/v4"
)

// parse reads a target. No error repeats what may be a secret.
func parse(text string, c *caller) (target, error) {
	kind, rest, _ := strings.Cut(text, ":")
	id, secret, _ := strings.Cut(rest, ":")
	api := id != "" && secret != "" && !strings.ContainsAny(rest, "/?# ")
	switch {
	case kind == "varnish" || kind == "nginx":
		at, err := parseURL(rest)
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "a cache to purge, %s: %w", kind, err)
		}
		if kind == "nginx" {
			return nginx{c, at}, nil
		}
		return varnish{c, at}, nil
	case kind == "fastly" && api:
		return fastly{c, fastlyAPI, id, secret}, nil
	case kind == "cloudflare" && api:
		return cloudflare{c, cloudflareAPI, id, secret}, nil
	default:
		return nil, ovenbird.Errorf(ovenbird.Invalid, "a cache to purge, %.20q: write %s", kind, forms)
	}
}

func parseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", ovenbird.Errorf(ovenbird.Invalid, "write its address as http://HOST:PORT")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", ovenbird.Errorf(ovenbird.Invalid, "write no more of its address than http://HOST:PORT, and let it trust this machine")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// named is how many documents are named to a cache that knows keys, before it is
// told to forget their editions.
const named = 1000

// batches splits keys into groups of at most so many keys, and bytes with one
// between each two; a key that is longer stands alone.
func batches(keys []string, count, size int) [][]string {
	var all [][]string
	length := 0
	for _, key := range keys {
		if last := len(all) - 1; last >= 0 && len(all[last]) < count && length+1+len(key) <= size {
			all[last] = append(all[last], key)
			length += 1 + len(key)
			continue
		}
		all, length = append(all, []string{key}), len(key)
	}
	return all
}
