package purge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// caller calls caches.
type caller struct {
	client  *http.Client
	secrets func(name string) (string, error)
	log     *slog.Logger
}

const callTimeout = 10 * time.Second

func newCaller(d Deps) *caller {
	return &caller{secrets: d.Secret, log: d.Log, client: &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what a cache said.
type answer struct {
	status int
	body   []byte // its beginning
	after  time.Duration
}

// mostAnswer is how much is read of an answer, in bytes; mostQuoted how much of
// that stands in an error.
const (
	mostAnswer = 64 << 10
	mostQuoted = 300
)

// call sends a request.
func (c *caller) call(ctx context.Context, method, to string, headers map[string]string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return answer{}, ovenbird.Errorf(ovenbird.Invalid, "purging: %w", err)
	}
	request.Header.Set("User-Agent", "ovenbird")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := c.client.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // the address is known
		}
		return answer{}, ovenbird.Errorf(ovenbird.Unavailable, "it can not be reached: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	said, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return answer{}, ovenbird.Errorf(ovenbird.Unavailable, "its answer was cut: %w", err)
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // or a date, of which backing off takes no notice
	return answer{response.StatusCode, said, time.Duration(seconds) * time.Second}, nil
}

// refusal is the error that an answer means.
func (a answer) refusal() error {
	quoted := strings.ToValidUTF8(string(bytes.TrimSpace(a.body[:min(len(a.body), mostQuoted)])), "")
	return refused{
		ovenbird.Errorf(ovenbird.Unavailable, "it refused with %d (%.*s); may this machine purge there?", a.status, mostQuoted, quoted),
		a.after,
	}
}

// refused is an error of one who says when to come back; 0 where it does not.
type refused struct {
	error

	after time.Duration
}

// Unwrap returns what was refused.
func (r refused) Unwrap() error { return r.error }
