package bucket

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// errStalled means that neither side of a connection sent anything for too long.
var errStalled = errors.New("nothing arrived for too long")

// watchdog gives a request up when no byte of it or of its answer moves for a
// while. Unlike a limit on the whole of it this lets slow and large ones pass.
type watchdog struct {
	next  s3.HTTPClient
	stall time.Duration
}

// Do sends a request and watches it until the body of its answer is closed.
func (w watchdog) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(w.stall, func() { cancel(errStalled) })
	watched := &watched{ctx: ctx, timer: timer, stall: w.stall, cancel: cancel}
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watchedBody{ReadCloser: r.Body, watched: watched, request: true}
	}
	response, err := w.next.Do(r)
	if err != nil {
		watched.end()
		return nil, watched.reason(err)
	}
	watched.moved()
	response.Body = &watchedBody{ReadCloser: response.Body, watched: watched}
	return response, nil
}

// watched is one request.
type watched struct {
	ctx    context.Context //nolint:containedctx // the context of the request: to tell why it ended
	timer  *time.Timer
	stall  time.Duration
	cancel context.CancelCauseFunc
}

func (w *watched) moved() { w.timer.Reset(w.stall) }

func (w *watched) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// reason replaces an error that the watchdog caused.
func (w *watched) reason(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(w.ctx), errStalled) {
		return &stalledError{}
	}
	return err
}

// watchedBody is the body of a request or of its answer.
type watchedBody struct {
	io.ReadCloser
	watched *watched
	request bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watched.moved()
	}
	return n, b.watched.reason(err)
}

func (b *watchedBody) Close() error {
	if !b.request {
		b.watched.end()
	}
	return b.ReadCloser.Close()
}

// stalledError is errStalled for those who ask whether to try again.
type stalledError struct{}

func (*stalledError) Error() string   { return errStalled.Error() }
func (*stalledError) Unwrap() error   { return errStalled }
func (*stalledError) Timeout() bool   { return true }
func (*stalledError) Temporary() bool { return true }
