package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// feedBytes is the most that a feed may have, as it comes over the network.
const feedBytes = 2 << 30

// Validators are what an HTTP server says of the state of a feed, for asking
// later whether there is another (RFC 9110, section 8.8). The zero value asks for
// the feed in any case.
type Validators struct {
	ETag         string `json:"etag,omitzero"`
	LastModified string `json:"last_modified,omitzero"`
}

// feed is a feed: an address, or a file.
type feed struct {
	address       string
	authorization string // header; "" for none
	tempDir       string
	client        *http.Client
}

// errUnchanged says that a feed is as it was.
var errUnchanged = errors.New("the feed is as it was")

// open returns the feed's content whole: one that breaks off on the way is an
// error. The caller closes it. It is errUnchanged where the server says so.
func (f *feed) open(ctx context.Context, last Validators) (importer.Source, io.Closer, Validators, error) {
	if !f.remote() {
		source, closer, err := importer.Open(f.address, nil)
		if err != nil {
			return source, nil, last, ovenbird.Errorf(ovenbird.Unavailable, "open the feed: %w", err)
		}
		source.Reader = interrupted{ctx, source.Reader}
		return source, closer, Validators{}, nil
	}
	response, err := f.get(ctx, last)
	if err != nil {
		return importer.Source{}, nil, last, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	file, size, err := f.download(response.Body)
	if err != nil {
		return importer.Source{}, nil, last, ovenbird.Errorf(ovenbird.Unavailable, "get the feed: %w", err)
	}
	now := Validators{ETag: response.Header.Get("ETag"), LastModified: response.Header.Get("Last-Modified")}
	return importer.Source{Name: f.address, Reader: interrupted{ctx, file}, Size: size}, file, now, nil
}

func (f *feed) remote() bool { return strings.Contains(f.address, "://") }

func (f *feed) get(ctx context.Context, last Validators) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address, http.NoBody)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "get the feed: %w", err)
	}
	request.Header.Set("User-Agent", "ovenbird")
	for name, value := range map[string]string{
		"Authorization": f.authorization, "If-None-Match": last.ETag, "If-Modified-Since": last.LastModified,
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "get the feed: %w", err)
	}
	switch {
	case response.StatusCode == http.StatusOK:
		return response, nil
	case response.StatusCode == http.StatusNotModified && last != Validators{}:
		err = errUnchanged
	default:
		err = ovenbird.Errorf(ovenbird.Unavailable, "get the feed: %s answers %s", request.URL.Host, response.Status)
	}
	return nil, errors.Join(err, response.Body.Close())
}

// download copies a body to a file: a body that breaks off is found out before
// anything of it is read.
func (f *feed) download(body io.Reader) (*os.File, int64, error) {
	file, err := temporary(f.tempDir)
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(file, io.LimitReader(body, feedBytes+1))
	if err == nil && size > feedBytes {
		err = fmt.Errorf("it has more than %d bytes", int64(feedBytes))
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, size, nil
}

// newClient returns a client that does not follow from a protected address to one
// that anybody on the way can change.
func newClient() *http.Client {
	return &http.Client{CheckRedirect: func(next *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= 10:
			return errors.New("it redirects ten times")
		case via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https":
			return errors.New("it redirects from https to http")
		default:
			return nil
		}
	}}
}

// temporary makes a file that has no name any more, and so is gone when it is
// closed, or when the process ends, however that happens.
func temporary(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "ovenbird-source-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("make a temporary file: %w", err), file.Close())
	}
	return file, nil
}

// interrupted reads until its context ends: a small file may unpack to a large one.
type interrupted struct {
	ctx  context.Context //nolint:containedctx // lives as long as the one reading that it is made for
	from io.Reader
}

func (i interrupted) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.from.Read(p)
}
