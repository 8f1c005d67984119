package bucket_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

func TestOpenTakesFoldersAndMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a bucket")
	for _, url := range []string{dir, "file://" + dir, "file://" + strings.ReplaceAll(dir, " ", "%20"), "mem://"} {
		b, err := bucket.Open(t.Context(), bucket.Config{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		mustCreateIn(t, b, "a", "x")
		if b.Remote() {
			t.Errorf("%s is remote", url)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesURLs(t *testing.T) {
	for url, want := range map[string]string{
		"":                                       "is empty",
		"https://example.com/b":                  `begins with "https://"`,
		"mem://name":                             "has no name",
		"file://folder":                          "three slashes",
		"s3://":                                  "names no bucket",
		"s3:///prefix":                           "names no bucket",
		"s3://name:9000/prefix":                  "endpoint=",
		"s3://hunter:hunter2@name":               "remove them",
		"s3://hunter2@name":                      "remove them",
		"s3://hun%ter2@name":                     "can not be read",
		"s3://name?secret=hunter2":               `unknown parameter "secret"; there are anonymous`,
		"s3://name?region=":                      `one value for the parameter "region"`,
		"s3://name?region=a&region=b":            `one value for the parameter "region"`,
		"s3://name?%zzhunter2":                   "can not be read",
		"s3://name?endpoint=localhost":           "write endpoint=https://HOST:PORT",
		"s3://name?endpoint=http://hunter2@host": "write endpoint=https://HOST:PORT",
		"s3://name/a//b":                         "prefix",
		"s3://name/../b":                         "prefix",
		"s3://name?use_path_style=sometimes&region=x": "use_path_style",
	} {
		_, err := bucket.Open(t.Context(), bucket.Config{URL: url})
		if !errors.Is(err, bucket.ErrSettings) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want what says %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the message repeats what may be secret: %v", url, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	name := gateway.NewBucket(t)
	wrong := filepath.Join(t.TempDir(), "credentials")
	content := "[key]\naws_access_key_id = nobody\naws_secret_access_key = hunter2\n" +
		"[secret]\naws_access_key_id = default\naws_secret_access_key = hunter2\n[none]\n"
	if err := os.WriteFile(wrong, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		situation, url, profile, want string
		settings                      bool
	}{
		{"no such bucket", gateway.URL("no-such-bucket"), "", "does not exist; make it", true},
		{"unknown access key", gateway.URL(name), "key", "refuses the credentials; see AWS_ACCESS_KEY_ID", true},
		{"wrong secret key", gateway.URL(name), "secret", "refuses the credentials; see AWS_ACCESS_KEY_ID", true},
		{"no credentials", gateway.URL(name), "none", "needs credentials, and there are none; set", true},
		{"wrong region", strings.Replace(gateway.URL(name), "us-east-1", "eu-north-1", 1), "", "is in another region; correct region=", true},
		{"nobody listens", buckettest.S3URL(name, "http://127.0.0.1:1"), "", "can not be reached; see the endpoint", false},
		{"no such host", buckettest.S3URL(name, "http://store.invalid"), "", "can not be reached; see the endpoint", false},
	} {
		t.Run(test.situation, func(t *testing.T) {
			if test.profile != "" {
				t.Setenv("AWS_SHARED_CREDENTIALS_FILE", wrong)
				t.Setenv("AWS_PROFILE", test.profile)
			}
			_, err := bucket.Open(t.Context(), quick(test.url))
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, bucket.ErrSettings) != test.settings {
				t.Errorf("got %v, want what says %q, ErrSettings: %t", err, test.want, test.settings)
			}
			if err != nil && !strings.Contains(err.Error(), "s3://") {
				t.Errorf("says not where: %v", err)
			}
			for _, secret := range append(gateway.Secrets(), "hunter2") {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("tells a secret: %v", err)
				}
			}
		})
	}
}

func TestOpenNeedsARegion(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	t.Setenv("AWS_REGION", "")
	_, err := bucket.Open(t.Context(), quick("s3://"+gateway.NewBucket(t)+"?use_path_style=true&endpoint="+gateway.Endpoint))
	if !errors.Is(err, bucket.ErrSettings) || !strings.Contains(err.Error(), "add ?region=REGION") {
		t.Errorf("got %v", err)
	}
}

func TestOpenRespectsTheContext(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	buckettest.StartGateway(t) // for its credentials
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bucket.Open(ctx, quick(buckettest.S3URL("name", hanging.URL))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	impatient := quick(buckettest.S3URL("name", hanging.URL))
	impatient.Stall = 100 * time.Millisecond
	_, err := bucket.Open(t.Context(), impatient)
	if err == nil || !strings.Contains(err.Error(), "does not answer; see the network") {
		t.Errorf("got %v", err)
	}
}
