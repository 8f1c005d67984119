package purge

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// varnish is Varnish with the configuration in docs/cdn/varnish.vcl: keys in a
// header of a PURGE.
type varnish struct {
	*caller

	url string
}

// Varnish takes headers of 8 KiB unless it is told otherwise.
const varnishBytes = 4 << 10

func (v varnish) most() int { return named }

func (v varnish) tell(ctx context.Context, gone release.Outdated) error {
	for _, keys := range batches(gone.PurgeKeys(), math.MaxInt, varnishBytes) {
		answer, err := v.call(ctx, "PURGE", v.url+"/", map[string]string{"Surrogate-Key": strings.Join(keys, " ")}, nil)
		if err == nil && answer.status != http.StatusOK {
			err = answer.refusal()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nginx is nginx with the configuration in docs/cdn/nginx.conf. It knows no
// keys: every address is purged by itself. What is left of whole editions ends
// with its Cache-Control.
type nginx struct {
	*caller

	url string
}

func (n nginx) most() int { return math.MaxInt }

func (n nginx) tell(ctx context.Context, gone release.Outdated) error {
	if len(gone.Editions) > 0 {
		n.log.WarnContext(ctx, "nginx forgets no whole editions: what it holds of them ends with its max-age", "editions", gone.Editions)
	}
	for _, key := range gone.Documents {
		for _, address := range addresses(key) {
			answer, err := n.call(ctx, "PURGE", n.url+address, nil, nil)
			// 412 is this module's way to say that there is nothing to purge.
			if err == nil && answer.status != http.StatusOK && answer.status != http.StatusPreconditionFailed {
				err = answer.refusal()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// addresses are those of a document, without the country: with the edition's
// language and, because it may be the one that a country gets by default, without.
func addresses(key release.Key) []string {
	address := func(edition string) string {
		return (&url.URL{Path: strings.TrimSuffix("/"+edition, "/") + "/" + key.Path}).EscapedPath()
	}
	application, _, languages := strings.Cut(key.Edition, "/")
	if !languages {
		return []string{address(key.Edition)}
	}
	return []string{address(key.Edition), address(application)}
}

// fastly is a service of Fastly.
type fastly struct {
	*caller

	api, service, secret string
}

// What Fastly takes at once: 256 keys, in a header of 16 KiB.
const (
	fastlyKeys  = 256
	fastlyBytes = 12 << 10
)

func (f fastly) most() int { return named }

func (f fastly) tell(ctx context.Context, gone release.Outdated) error {
	token, err := f.secrets(f.secret)
	if err != nil {
		return err
	}
	for _, keys := range batches(gone.PurgeKeys(), fastlyKeys, fastlyBytes) {
		answer, err := f.call(ctx, http.MethodPost, f.api+"/service/"+f.service+"/purge",
			map[string]string{"Fastly-Key": token, "Surrogate-Key": strings.Join(keys, " "), "Accept": "application/json"}, nil)
		if err == nil && answer.status != http.StatusOK {
			err = answer.refusal()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cloudflare is a zone of Cloudflare.
type cloudflare struct {
	*caller

	api, zone, secret string
}

// cloudflareTags is how many tags Cloudflare takes at once, whatever the plan.
const cloudflareTags = 30

func (c cloudflare) most() int { return named }

func (c cloudflare) tell(ctx context.Context, gone release.Outdated) error {
	token, err := c.secrets(c.secret)
	if err != nil {
		return err
	}
	for _, tags := range batches(gone.PurgeKeys(), cloudflareTags, math.MaxInt) {
		body, err := json.Marshal(map[string][]string{"tags": tags})
		if err != nil {
			return ovenbird.Errorf(ovenbird.Internal, "encoding tags: %w", err)
		}
		answer, err := c.call(ctx, http.MethodPost, c.api+"/zones/"+c.zone+"/purge_cache",
			map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, body)
		if err != nil {
			return err
		}
		var said struct {
			Success bool `json:"success"`
		}
		if answer.status != http.StatusOK || json.Unmarshal(answer.body, &said) != nil || !said.Success {
			return answer.refusal()
		}
	}
	return nil
}
