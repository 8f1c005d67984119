package purge

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/release"
)

// stand is what stands for an API. It answers as its documentation says, and
// notes what it was told to forget.
type stand struct {
	*httptest.Server

	told    []string
	largest int    // keys in one request
	refuses string // with which answer it refuses; "" is not at all
}

func newStand(t *testing.T, read func(r *http.Request) (keys []string, ok bool), says string) *stand {
	t.Helper()
	s := &stand{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.refuses != "" {
			w.Header().Set("Retry-After", "7")
			http.Error(w, s.refuses, http.StatusTooManyRequests)
			return
		}
		keys, ok := read(r)
		if !ok {
			http.Error(w, `{"msg":"Provided credentials are missing or invalid"}`, http.StatusUnauthorized)
			return
		}
		s.told, s.largest = append(s.told, keys...), max(s.largest, len(keys))
		fmt.Fprint(w, says) //nolint:errcheck // who asked sees it
	}))
	t.Cleanup(s.Close)
	return s
}

func newStandFastly(t *testing.T) *stand {
	t.Helper()
	return newStand(t, func(r *http.Request) ([]string, bool) {
		ok := r.Method == http.MethodPost && r.URL.Path == "/service/SU1/purge" && r.Header.Get("Fastly-Key") == "hush"
		return strings.Fields(r.Header.Get("Surrogate-Key")), ok
	}, `{"tv/home.json":"1-2-3"}`)
}

func newStandCloudflare(t *testing.T, says string) *stand {
	t.Helper()
	return newStand(t, func(r *http.Request) ([]string, bool) {
		var body struct {
			Tags []string `json:"tags"`
		}
		ok := r.Method == http.MethodPost && r.URL.Path == "/zones/023e/purge_cache" && r.Header.Get("Authorization") == "Bearer hush" &&
			json.NewDecoder(r.Body).Decode(&body) == nil
		return body.Tags, ok
	}, says)
}

func testCaller(secret string) *caller {
	return newCaller(Deps{Log: slog.New(slog.DiscardHandler), Secret: func(name string) (string, error) {
		if name != "TOKEN" {
			return "", fmt.Errorf("the secret %s is not there", name)
		}
		return secret, nil
	}})
}

// much is more than any API takes at once.
func much() release.Outdated {
	var o release.Outdated
	for i := range 700 {
		o.Documents = append(o.Documents, release.Key{Edition: "web/fi", Path: fmt.Sprintf("titles/%04d.json", i)})
	}
	return o
}

func TestAPIsAreToldEverythingInGroupsThatTheyTake(t *testing.T) {
	atFastly, atCloudflare := newStandFastly(t), newStandCloudflare(t, `{"success":true,"errors":[],"result":{"id":"023e"}}`)
	for _, tt := range []struct {
		at   *stand
		to   target
		most int
	}{
		{atFastly, fastly{testCaller("hush"), atFastly.URL, "SU1", "TOKEN"}, 256},
		{atCloudflare, cloudflare{testCaller("hush"), atCloudflare.URL, "023e", "TOKEN"}, 30},
	} {
		if err := tt.to.tell(t.Context(), much()); err != nil {
			t.Fatalf("%T: %v", tt.to, err)
		}
		if !slices.Equal(tt.at.told, much().PurgeKeys()) || tt.at.largest != tt.most {
			t.Errorf("%T: told %d keys, at most %d at once", tt.to, len(tt.at.told), tt.at.largest)
		}
	}
}

func TestARefusalIsAnErrorWithoutTheSecret(t *testing.T) {
	busy, atFastly := newStandFastly(t), newStandFastly(t)
	busy.refuses = "slow down"
	inWords := newStandCloudflare(t, `{"success":false,"errors":[{"code":1094,"message":"not on this plan"}]}`)
	for name, tt := range map[string]struct {
		to    target
		want  string
		after time.Duration
	}{
		"a wrong token":          {fastly{testCaller("wrong"), atFastly.URL, "SU1", "TOKEN"}, "refused with 401", 0},
		"no token":               {fastly{testCaller("hush"), atFastly.URL, "SU1", "NONE"}, "the secret NONE is not there", 0},
		"too many requests":      {fastly{testCaller("hush"), busy.URL, "SU1", "TOKEN"}, "slow down", 7 * time.Second},
		"200 that is no success": {cloudflare{testCaller("hush"), inWords.URL, "023e", "TOKEN"}, "not on this plan", 0},
		"nobody there":           {varnish{testCaller(""), "http://127.0.0.1:1"}, "can not be reached", 0},
		"not Varnish":            {varnish{testCaller(""), atFastly.URL}, "refused with 401", 0},
		"not nginx":              {nginx{testCaller(""), atFastly.URL}, "refused with 401", 0},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.to.tell(t.Context(), much())
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if r, _ := errors.AsType[refused](err); r.after != tt.after {
				t.Errorf("it says to come back after %s, want %s", r.after, tt.after)
			}
		})
	}
}

func TestTargetsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"varnish:http://10.0.0.5:6081/": "purge.varnish http://10.0.0.5:6081",
		"nginx:https://cdn.example.org": "purge.nginx https://cdn.example.org",
		"fastly:SU1Z0isx:FASTLY_TOKEN":  "purge.fastly https://api.fastly.com SU1Z0isx FASTLY_TOKEN",
		"cloudflare:023e:CF_TOKEN":      "purge.cloudflare https://api.cloudflare.com/client/v4 023e CF_TOKEN",
	} {
		to, err := parse(text, nil)
		got := ""
		switch to := to.(type) {
		case varnish:
			got = to.url
		case nginx:
			got = to.url
		case fastly:
			got = to.api + " " + to.service + " " + to.secret
		case cloudflare:
			got = to.api + " " + to.zone + " " + to.secret
		}
		if got = fmt.Sprintf("%T %s", to, got); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "varnish", "varnish:", "varnish:10.0.0.5", "varnish:ftp://x", "varnish:http://user:hush@x", "nginx:http://x/?q", "fastly:SU1", "fastly::T",
		"fastly:SU1:", "fastly:../x:T", "cloudflare:1", "akamai:x:y",
	} {
		if _, err := parse(text, nil); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestADocumentIsPurgedAtAllItsAddresses(t *testing.T) {
	for key, want := range map[release.Key]string{
		{Edition: "tv", Path: "titles/a b.json"}:        "/tv/titles/a%20b.json",
		{Edition: "web/fi", Path: "home.json"}:          "/web/fi/home.json /web/home.json",
		{Edition: "", Path: "variations.json"}:          "/variations.json",
		{Edition: "tv", Path: "search/ä?.json"}:         "/tv/search/%C3%A4%3F.json",
		{Edition: "tv", Path: "collections/c,1/1.json"}: "/tv/collections/c,1/1.json",
	} {
		if got := strings.Join(addresses(key), " "); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestGroupsLoseNoKey(t *testing.T) {
	keys := []string{"a", "bb", strings.Repeat("c", 20), "d", "e", "f"}
	got := batches(keys, 2, 8)
	if want := [][]string{{"a", "bb"}, {keys[2]}, {"d", "e"}, {"f"}}; !equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
