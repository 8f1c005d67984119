package faulttest

import (
	"bytes"
	"context"
	"io"
	"maps"

	"gocloud.dev/blob/driver"
)

// NewRangeReader implements driver.Bucket.
func (a *access) NewRangeReader(_ context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	o, fault, err := a.look(Call{Read, key})
	if err != nil {
		return nil, err
	}
	body := o.body[min(offset, int64(len(o.body))):]
	if length >= 0 {
		body = body[:min(length, int64(len(body)))]
	}
	r := &reader{attributes: driver.ReaderAttributes{ModTime: o.modified, Size: int64(len(o.body))}}
	switch fault {
	case Flip:
		body = bytes.Clone(body)
		if len(body) > 0 {
			// Somewhere else in each object, and at the same place every time.
			body[(7*len(body)/11+len(key))%len(body)] ^= 1 << (len(body) % 8)
		}
	case Truncate:
		r.attributes.Size -= int64(len(body) - len(body)/2)
		body = body[:len(body)/2]
	case Cut:
		body, r.then = body[:len(body)/2], ErrInjected
	default:
	}
	r.body = bytes.NewReader(body)
	return r, nil
}

// reader reads a part of an object, and then fails if it is to.
type reader struct {
	body       *bytes.Reader
	then       error
	attributes driver.ReaderAttributes
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err == io.EOF && r.then != nil {
		err = r.then
	}
	return n, err
}

func (*reader) Close() error                           { return nil }
func (*reader) As(any) bool                            { return false }
func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attributes }

// NewTypedWriter implements driver.Bucket.
func (a *access) NewTypedWriter(ctx context.Context, key, _ string, opts *driver.WriterOptions) (driver.Writer, error) {
	if key == "" {
		return nil, errUnsupported
	}
	return &writer{ctx: ctx, access: a, key: key, ifNotExist: opts.IfNotExist, metadata: maps.Clone(opts.Metadata)}, nil
}

// writer gathers an object, which appears when it is closed.
type writer struct {
	ctx        context.Context //nolint:containedctx // the driver interface gives Close no context of its own
	access     *access
	key        string
	metadata   map[string]string
	ifNotExist bool
	body       bytes.Buffer
}

func (w *writer) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *writer) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	fault := w.access.weather(Call{Write, w.key})
	if fault != None && fault != Lose {
		return ErrInjected
	}
	err := w.access.store.put(w.key, &object{body: bytes.Clone(w.body.Bytes()), metadata: w.metadata}, w.ifNotExist)
	if fault == Lose {
		err = ErrInjected
	}
	return err
}
