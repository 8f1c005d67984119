package bucket

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says which bucket to open.
type Config struct {
	// URL is where the bucket lies:
	//
	//	DIR or file:///DIR    a folder, made where it is missing
	//	s3://NAME/PREFIX?…    a store that speaks S3; every key begins with PREFIX
	//	mem://                this process: empty at first, and lost with it
	//
	// What may follow a question mark are parameters of gocloud.dev's S3 URLs:
	// region, endpoint, use_path_style, and others that the message for an
	// unknown one names. Credentials come from where AWS's tools look for them:
	// the environment, a profile, a web identity, the machine's role. Never
	// from the URL, which ends up in logs and process lists.
	URL string
	// Stall is how long a remote store may neither send nor take a byte before
	// an attempt is given up; 0 means 30 s.
	Stall time.Duration
	// Attempts is how often a request to a remote store is tried; 0 means 6.
	Attempts int
	// LongestPause is the longest pause between two attempts; 0 means 5 s.
	LongestPause time.Duration
}

func (c Config) withDefaults() Config {
	c.Stall = cmp.Or(c.Stall, 30*time.Second)
	c.Attempts = cmp.Or(c.Attempts, 6)
	c.LongestPause = cmp.Or(c.LongestPause, 5*time.Second)
	return c
}

// Open opens the bucket that config names. A remote store is asked one question,
// so that a wrong name, wrong credentials or a wrong region show now (ErrSettings)
// and not with the first release.
func Open(ctx context.Context, config Config) (*Bucket, error) {
	scheme, rest, ok := strings.Cut(config.URL, "://")
	if !ok {
		return openFolder(ctx, config.URL)
	}
	switch scheme {
	case "file":
		return openFile(ctx, config.URL)
	case "mem":
		if rest != "" {
			return nil, settings("the bucket in memory", `has no name; write "mem://"`, nil)
		}
		return OpenMemory(), nil
	case "s3":
		return openS3(ctx, config.withDefaults())
	default:
		return nil, settings("the bucket's URL", fmt.Sprintf(
			"begins with %q; use a folder's path, file:///DIR, s3://NAME/PREFIX or mem://", scheme+"://"), nil)
	}
}

func openFolder(ctx context.Context, dir string) (*Bucket, error) {
	if dir == "" {
		return nil, settings("the bucket's URL", "is empty; use a folder's path or s3://NAME/PREFIX", nil)
	}
	return OpenDisk(ctx, dir)
}

func openFile(ctx context.Context, text string) (*Bucket, error) {
	u, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	if u.Host != "" || u.Path == "" || u.RawQuery != "" {
		return nil, settings("the bucket's URL", "names no folder; write file:///DIR with three slashes and no parameters", nil)
	}
	return openFolder(ctx, u.Path)
}

// parseURL parses a URL without ever repeating it: it may hold what it should not.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, settings("the bucket's URL", "can not be read; write %25, %3F and %23 for %, ? and # in a path", nil)
	}
	if u.User != nil {
		return nil, settings("the bucket's URL", "holds credentials, which would end up in logs and process lists; remove them, "+
			"and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role", nil)
	}
	return u, nil
}

// s3Parameters are those of gocloud.dev/blob/s3blob that make sense here.
var s3Parameters = map[string]bool{
	"region": true, "endpoint": true, "use_path_style": true, "profile": true, "role": true, "anonymous": true,
	"dualstack": true, "fips": true, "ssetype": true, "kmskeyid": true,
	"request_checksum_calculation": true, "response_checksum_validation": true,
}

// parseS3URL checks a URL and returns the name of the bucket, the prefix of its
// keys, and the URL that s3blob wants, without the prefix.
func parseS3URL(text string) (name, prefix string, u *url.URL, err error) {
	if u, err = parseURL(text); err != nil {
		return "", "", nil, err
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", "", nil, settings("the bucket's URL", "has parameters that can not be read; write ?name=value&name=value", nil)
	}
	for parameter, values := range query {
		if !s3Parameters[parameter] {
			return "", "", nil, settings("the bucket's URL", fmt.Sprintf("has an unknown parameter %q; there are %s",
				parameter, strings.Join(slices.Sorted(maps.Keys(s3Parameters)), ", ")), nil)
		}
		if len(values) != 1 || values[0] == "" {
			return "", "", nil, settings("the bucket's URL", fmt.Sprintf("needs one value for the parameter %q", parameter), nil)
		}
	}
	if u.Host == "" || strings.Contains(u.Host, ":") {
		return "", "", nil, settings("the bucket's URL",
			"names no bucket; write s3://NAME/PREFIX, and the server as ?endpoint=https://HOST", nil)
	}
	if endpoint := query.Get("endpoint"); endpoint != "" {
		if e, err := url.Parse(endpoint); err != nil || e.Host == "" || e.User != nil || (e.Scheme != "http" && e.Scheme != "https") {
			return "", "", nil, settings("the bucket's URL", "has an endpoint that is no address; write endpoint=https://HOST:PORT", nil)
		}
	}
	if prefix = strings.Trim(u.Path, "/"); prefix != "" {
		if err := checkS3Key(prefix); err != nil {
			return "", "", nil, settings("the prefix in the bucket's URL", "can not begin keys", err)
		}
		prefix += "/"
	}
	return u.Host, prefix, &url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: u.RawQuery}, nil
}

// settingsError is a failure that says what is wrong, where, and what to do.
type settingsError struct {
	place, remedy string
	cause         error // nil where there is nothing to add
}

func settings(place, remedy string, cause error) error {
	return &settingsError{place: place, remedy: remedy, cause: cause}
}

func (e *settingsError) Error() string {
	if e.cause == nil {
		return e.place + " " + e.remedy
	}
	return e.place + " " + e.remedy + ": " + e.cause.Error()
}

func (e *settingsError) Is(target error) bool { return target == ErrSettings }
func (e *settingsError) Unwrap() error        { return e.cause }
