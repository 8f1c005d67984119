package release_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
	"ovenbird/internal/release"
)

var policyBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

// statements returns what docs/storage.md allows each role, for the users of
// those names: the policies of an account name no principal, those of a bucket
// do. The server does not know s3:if-none-match; TestPacksAreNeverOverwritten is
// about that.
func statements(t *testing.T, place string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile("../../docs/storage.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, block := range policyBlock.FindAllSubmatch(text, -1) {
		var policy struct{ Statement []map[string]any }
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(block[1]), "NAME/PREFIX", place)), &policy); err != nil {
			t.Fatalf("%v in\n%s", err, block[1])
		}
		for _, s := range policy.Statement {
			sid, _ := s["Sid"].(string)
			for _, user := range []string{"edge", "baker", "publisher"} {
				if strings.HasPrefix(strings.ToLower(sid), user) {
					s["Principal"] = map[string]string{"AWS": user}
				}
			}
			delete(s, "Condition")
			if s["Resource"] == "arn:aws:s3:::NAME" {
				name, _, _ := strings.Cut(place, "/")
				s["Resource"] = "arn:aws:s3:::" + name
			}
			all = append(all, s)
		}
	}
	return all
}

// role is a store as a user has it who may do what a role needs.
func role(t *testing.T, gateway *buckettest.Gateway, place, user string) (*release.Store, *bucket.Bucket) {
	t.Helper()
	b, err := bucket.Open(t.Context(), bucket.Config{URL: gateway.URL(place) + "&profile=" + user})
	if err != nil {
		t.Fatal(err)
	}
	s, err := release.Open(b, release.Config{Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func TestPoliciesOfTheDocumentationAreEnoughAndNoMore(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a server")
	}
	gateway := buckettest.StartGateway(t)
	name := gateway.NewBucket(t)
	place := name + "/prod"
	for _, user := range []string{"edge", "baker", "publisher"} {
		gateway.AddUser(t, user)
	}
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements(t, place)})
	if err != nil {
		t.Fatal(err)
	}
	text := string(policy)
	if _, err := gateway.Client().PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: &text}); err != nil {
		t.Fatal(err)
	}
	bakes, baker := role(t, gateway, place, "baker")
	publishes, publisher := role(t, gateway, place, "publisher")
	serves, edge := role(t, gateway, place, "edge")

	// Enough: bake, publish, serve, collect.
	if err := baker.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	var parent *release.Release
	for i, body := range []string{`{"a":1}`, `{"a":2}`, `{"a":3}`} {
		r := commit(t, bakes, parent, noon.Add(time.Duration(i)*time.Minute), map[string]string{"home.json": body})
		publish(t, publishes, r)
		head, err := serves.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kept, _ := head.CurrentRelease()
		served, err := serves.Load(t.Context(), kept.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bodyOf(t.Context(), served, "home.json", "FI"); err != nil || got != body {
			t.Errorf("served %q, %v", got, err)
		}
		parent = r
	}
	commit(t, bakes, parent, noon.Add(time.Hour), map[string]string{"home.json": "never published"})
	if done, err := publishes.Collect(t.Context(), time.Now().Add(time.Hour), time.Minute); err != nil || done.Packs != 1 {
		t.Errorf("collected %+v, %v", done, err)
	}

	// No more.
	pack := release.PackKey(parent.Ref().Pack)
	refused(t, "edge", edge, map[string]string{"create": "packs/00/x", "swap": release.HeadKey, "delete": pack, "list": "packs/"})
	refused(t, "baker", baker, map[string]string{"swap": release.HeadKey, "delete": pack, "create": "elsewhere"})
	refused(t, "publisher", publisher, map[string]string{"create": "packs/00/x", "delete": release.HeadKey})
	if err := edge.Probe(t.Context()); !errors.Is(err, bucket.ErrSettings) {
		t.Errorf("an edge probed: %v", err)
	}
}

// refused tries what a role may not do, each with a key.
func refused(t *testing.T, who string, b *bucket.Bucket, attempts map[string]string) {
	t.Helper()
	for doing, key := range attempts {
		var err error
		switch doing {
		case "create":
			err = b.Create(t.Context(), key, []byte("x"))
		case "swap":
			var version bucket.Version
			if version, err = b.Version(t.Context(), key); err == nil {
				_, err = b.Swap(t.Context(), key, []byte("x"), version)
			}
		case "delete":
			err = b.Delete(t.Context(), key)
		case "list":
			for _, listed := range b.List(t.Context(), key) {
				err = listed
			}
		}
		if !errors.Is(err, bucket.ErrSettings) || !strings.Contains(err.Error(), "does not allow this to these credentials") {
			t.Errorf("%s, %s %s: got %v", who, doing, key, err)
		}
	}
}

// TestPacksAreNeverOverwritten: every write of a pack requires that there is
// none, as the baker's policy demands, and every write of the head names the one
// that it replaces.
func TestPacksAreNeverOverwritten(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a server")
	}
	gateway := buckettest.StartGateway(t)
	target, err := url.Parse(gateway.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var packs, heads int
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		absent, match := r.Header.Get("If-None-Match"), r.Header.Get("If-Match")
		switch {
		case r.Method != http.MethodPut:
		case strings.Contains(r.URL.Path, "/packs/"):
			packs++
			if absent != "*" {
				t.Errorf("%s is written without If-None-Match", r.URL.Path)
			}
		case strings.HasSuffix(r.URL.Path, release.HeadKey):
			heads++
			if absent != "*" && match == "" {
				t.Errorf("%s is written without a condition", r.URL.Path)
			}
		default:
			t.Errorf("%s is written", r.URL.Path)
		}
		mu.Unlock()
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	b, err := bucket.Open(t.Context(), bucket.Config{URL: buckettest.S3URL(gateway.NewBucket(t), proxy.URL)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := release.Open(b, release.Config{})
	if err != nil {
		t.Fatal(err)
	}
	first := commit(t, s, nil, noon, map[string]string{"home.json": "1"})
	publish(t, s, first)
	publish(t, s, commit(t, s, first, noon.Add(time.Minute), map[string]string{"home.json": "2"}))
	if packs != 2 || heads != 2 {
		t.Errorf("saw %d packs and %d heads, want 2 of each", packs, heads)
	}
}
