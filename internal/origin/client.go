package origin

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/spread"
)

const (
	// maxHead and maxPack are how many bytes an object may have, at most, before an
	// origin is taken to talk nonsense.
	maxHead = 4 << 20
	maxPack = 256 << 20
	// maxDetail is how much of a refusal is read.
	maxDetail = 1 << 10
	// connecting is how long it may take to reach an origin.
	connecting = 6 * time.Second
)

// ClientConfig says where the origins are.
type ClientConfig struct {
	// URLs are the addresses of the origins, such as https://origin.example.org:8443,
	// all of the same environment. At least one.
	URLs []string
	// Token returns the bearer token. It is called for each request, so a file with
	// it may be replaced.
	Token func() (string, error)
	// Stall is how long an origin may be silent in the middle of an answer; 0 means 10 s.
	Stall time.Duration
}

// Client reads releases from origins, as if they were the bucket. It asks the one
// that had news or worked last, and the others where that fails. Any number of
// goroutines may use it.
type Client struct {
	http      *http.Client
	origins   []string // addresses with Prefix
	token     func() (string, error)
	stall     time.Duration
	preferred atomic.Int64 // index of the origin to ask first

	mu   sync.Mutex
	head headCopy
}

// headCopy is the newest head that any origin had.
type headCopy struct {
	body     []byte
	version  bucket.Version
	sequence uint64
}

// NewClient returns a client; nothing is asked yet. It fails with Invalid for a
// wrong address.
func NewClient(cfg ClientConfig) (*Client, error) {
	if len(cfg.URLs) == 0 || cfg.Token == nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "there is no origin to read from, or no token for it")
	}
	c := &Client{token: cfg.Token, stall: cmp.Or(cfg.Stall, 10*time.Second)}
	for _, text := range cfg.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%q is no address of an origin: write it like https://origin.example.org", text)
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "the address of an origin has neither credentials nor a query: %s", u.Redacted())
		}
		c.origins = append(c.origins, strings.TrimRight(u.String(), "/")+Prefix)
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: connecting / 2, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:    connecting / 2,
			ResponseHeaderTimeout:  c.stall,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true, // packs are compressed, and lengths count
			ForceAttemptHTTP2:      true,
		},
		// The token is for the address that was given, and for no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close ends connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Version returns the version of the newest head that an origin has, or of
// another object.
func (c *Client) Version(ctx context.Context, key string) (bucket.Version, error) {
	_, version, err := c.Read(ctx, key)
	return version, err
}

// Read returns a whole object. A head that is older than one that was read before
// is not taken: the origin is behind, and another may not be.
func (c *Client) Read(ctx context.Context, key string) (body []byte, version bucket.Version, err error) {
	err = c.each(ctx, func(origin string) error {
		if key == release.HeadKey {
			body, version, err = c.readHead(ctx, origin)
			return err
		}
		response, err := c.ask(ctx, http.MethodGet, origin+key, nil, nil)
		if err != nil {
			return err
		}
		defer response.Body.Close() //nolint:errcheck // what was read is what counts
		if body, err = accept(response, http.StatusOK, maxPack); err != nil {
			return err
		}
		version = versionOf(body)
		return nil
	})
	return body, version, failed("reading", key, err)
}

// readHead asks one origin for the head, which answers shortly where it is the one
// that is known.
func (c *Client) readHead(ctx context.Context, origin string) ([]byte, bucket.Version, error) {
	known := c.knownHead()
	header := http.Header{}
	if known.version != "" {
		header.Set("If-None-Match", `"`+string(known.version)+`"`)
	}
	response, err := c.ask(ctx, http.MethodGet, origin+release.HeadKey, header, nil)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close() //nolint:errcheck // what was read is what counts
	if response.StatusCode == http.StatusNotModified && known.version != "" {
		return known.body, known.version, nil
	}
	body, err := accept(response, http.StatusOK, maxHead)
	if err != nil {
		return nil, "", err
	}
	next := headCopy{body: body, version: versionOf(body)}
	var head release.Head
	if err := json.Unmarshal(body, &head); err != nil {
		return nil, "", fmt.Errorf("what it sends is no head: %w", err)
	}
	next.sequence = head.Sequence
	return body, next.version, c.learn(next)
}

func (c *Client) knownHead() headCopy {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head
}

// learn takes a head in, unless it is older than the one that is known.
func (c *Client) learn(next headCopy) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if next.sequence < c.head.sequence {
		return fmt.Errorf("its head is number %d, and %d was seen already: it is behind; "+
			"if the bucket was replaced by an older one, start this edge again", next.sequence, c.head.sequence)
	}
	c.head = next
	return nil
}

// ReadRange returns length bytes of an object from offset on.
func (c *Client) ReadRange(ctx context.Context, key string, offset, length int64) (body []byte, err error) {
	if length == 0 {
		return nil, nil
	}
	if offset < 0 || length < 0 {
		return nil, failed("reading a part of", key, io.ErrUnexpectedEOF)
	}
	err = c.each(ctx, func(origin string) error {
		header := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)}}
		response, err := c.ask(ctx, http.MethodGet, origin+key, header, nil)
		if err != nil {
			return err
		}
		defer response.Body.Close() //nolint:errcheck // what was read is what counts
		if response.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			return io.ErrUnexpectedEOF
		}
		if body, err = accept(response, http.StatusPartialContent, length); err == nil && int64(len(body)) < length {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	return body, failed("reading a part of", key, err)
}

// Stat describes an object.
func (c *Client) Stat(ctx context.Context, key string) (info bucket.Info, err error) {
	err = c.each(ctx, func(origin string) error {
		response, err := c.ask(ctx, http.MethodHead, origin+key, nil, nil)
		if err != nil {
			return err
		}
		defer response.Body.Close() //nolint:errcheck // it has none
		if _, err := accept(response, http.StatusOK, maxPack); err != nil {
			return err
		}
		if response.ContentLength < 0 || response.ContentLength > maxPack {
			return fmt.Errorf("it says that there are %d bytes", response.ContentLength)
		}
		info = bucket.Info{Key: key, Size: response.ContentLength}
		return nil
	})
	return info, failed("looking up", key, err)
}

// Report hands a report to one of the origins.
func (c *Client) Report(ctx context.Context, r spread.Report) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return c.each(ctx, func(origin string) error {
		response, err := c.ask(ctx, http.MethodPost, origin+reportsPath, http.Header{"Content-Type": {"application/json"}}, body)
		if err != nil {
			return err
		}
		defer response.Body.Close() //nolint:errcheck // it has none
		_, err = accept(response, http.StatusNoContent, maxDetail)
		return err
	})
}

// each tries the origins, the preferred one first, until one will do.
func (c *Client) each(ctx context.Context, try func(origin string) error) error {
	var missing, failed error
	first := int(c.preferred.Load())
	for i := range c.origins {
		at := (first + i) % len(c.origins)
		err := try(c.origins[at])
		switch {
		case err == nil:
			c.preferred.Store(int64(at))
			return nil
		case ctx.Err() != nil:
			return err
		case errors.Is(err, bucket.ErrNotFound):
			missing = err
		default:
			failed = errors.Join(failed, fmt.Errorf("origin %s: %w", strings.TrimSuffix(c.origins[at], Prefix), err))
		}
	}
	// That one does not have it says little where another could not be asked.
	return cmp.Or(failed, missing)
}

// prefer makes an origin the one to ask first.
func (c *Client) prefer(origin int) { c.preferred.Store(int64(origin)) }

// ask sends a request, which ends when nothing of its answer arrives for a while.
func (c *Client) ask(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, error) {
	return c.askWithin(ctx, c.stall, method, address, header, body)
}

func (c *Client) askWithin(
	ctx context.Context, stall time.Duration, method, address string, header http.Header, body []byte,
) (*http.Response, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watched{ctx: ctx, cancel: cancel, stall: stall}
	w.timer = time.AfterFunc(stall+connecting, func() { cancel(errStalled) })
	//nolint:gosec // the address is the operator's, and what follows it a key
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	maps.Copy(request.Header, header)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("User-Agent", "ovenbird-edge")
	response, err := c.http.Do(request) //nolint:gosec // the same
	if err != nil {
		return nil, errors.Join(w.reason(err), w.Close())
	}
	w.timer.Reset(stall)
	w.body, response.Body = response.Body, w
	return response, nil
}

// accept returns the body of an answer with the status that was hoped for.
func accept(response *http.Response, status int, most int64) ([]byte, error) {
	if response.StatusCode != status {
		return nil, refusal(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("it sends more than the %d bytes that there can be", most)
	}
	return body, err
}

// refusal says what an origin said instead of what was asked for.
func refusal(response *http.Response) error {
	if response.StatusCode == http.StatusNotFound {
		return bucket.ErrNotFound
	}
	var problem struct {
		Detail string `json:"detail"`
	}
	// One that is no problem document says no more than its status.
	_ = json.NewDecoder(io.LimitReader(response.Body, maxDetail)).Decode(&problem)
	return fmt.Errorf("it answers %s %.200q", response.Status, problem.Detail)
}

// failed says what was being done to which key; nil stays nil.
func failed(doing, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", doing, key, err)
}

func versionOf(body []byte) bucket.Version {
	sum := sha256.Sum256(body)
	return bucket.Version(hex.EncodeToString(sum[:]))
}

// errStalled means that an origin was silent for too long.
var errStalled = errors.New("nothing arrived for too long")

// watched is the body of an answer that ends when nothing of it arrives for a
// while. Unlike a limit on the whole of it this lets slow and large ones pass.
type watched struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // of the request: to tell why it ended
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if n > 0 {
		w.timer.Reset(w.stall)
	}
	return n, w.reason(err)
}

// Close implements io.Closer.
func (w *watched) Close() error {
	w.timer.Stop()
	w.cancel(nil)
	if w.body == nil {
		return nil
	}
	return w.body.Close()
}

func (w *watched) reason(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(w.ctx), errStalled) {
		return errStalled
	}
	return err
}
