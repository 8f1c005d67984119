package tree

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"ovenbird/internal/ovenbird"
)

// coding is a content coding (RFC 9110 section 8.4.1) of copies.
type coding struct {
	name   string // in Accept-Encoding and Content-Encoding
	suffix string // of a copy's name
	encode func(p *press, body []byte) ([]byte, error)
	decode func(p *unpress, body []byte) ([]byte, error)
}

// codings are all there are. Their suffixes are those that web servers look for.
var codings = []coding{
	{"br", ".br", (*press).brotli, (*unpress).brotli},
	{"gzip", ".gz", (*press).gzip, (*unpress).gzip},
	{"zstd", ".zst", (*press).zstd, (*unpress).zstd},
}

// Where more effort buys little on JSON of some kilobytes.
const (
	brotliLevel = 5
	gzipLevel   = 6
	// zstdWindow is far below the 8 MiB that RFC 9659 allows, to spare clients memory.
	zstdWindow = 1 << 20
)

// largest bounds what a copy is decoded to, in bytes: a damaged one may stand for
// any amount.
const largest = 64 << 20

// codingsOf returns the codings with the given names.
func codingsOf(names []string) []coding {
	return slices.DeleteFunc(slices.Clone(codings), func(c coding) bool { return !slices.Contains(names, c.name) })
}

// uncoded returns the name of the document that a file is a copy of, and its
// coding; ok is false for a document's own file.
func uncoded(name string) (document string, c coding, ok bool) {
	for _, c := range codings {
		if document, ok := strings.CutSuffix(name, c.suffix); ok {
			return document, c, true
		}
	}
	return name, coding{}, false
}

// press makes copies. Any number of goroutines may use it.
type press struct {
	encoder           *zstd.Encoder
	brotlis, gzippers sync.Pool // of writers, which are dear to make
}

func newPress() (*press, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "preparing compression: %w", err)
	}
	return &press{encoder: encoder}, nil
}

// unpress reads copies. Any number of goroutines may use it.
type unpress struct{ decoder *zstd.Decoder }

func newUnpress() (*unpress, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(largest), zstd.WithDecoderConcurrency(0))
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "preparing to read what is compressed: %w", err)
	}
	return &unpress{decoder}, nil
}

func (p *press) brotli(body []byte) ([]byte, error) {
	w, ok := p.brotlis.Get().(*brotli.Writer)
	if !ok {
		w = brotli.NewWriterLevel(nil, brotliLevel)
	}
	defer p.brotlis.Put(w)
	return encode(w, body)
}

func (p *unpress) brotli(body []byte) ([]byte, error) {
	return io.ReadAll(io.LimitReader(brotli.NewReader(bytes.NewReader(body)), largest))
}

func (p *press) gzip(body []byte) ([]byte, error) {
	w, ok := p.gzippers.Get().(*gzip.Writer)
	if !ok {
		var err error
		if w, err = gzip.NewWriterLevel(nil, gzipLevel); err != nil {
			return nil, err
		}
	}
	defer p.gzippers.Put(w)
	return encode(w, body)
}

func (p *unpress) gzip(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, largest))
}

func (p *press) zstd(body []byte) ([]byte, error) { return p.encoder.EncodeAll(body, nil), nil }

func (p *unpress) zstd(body []byte) ([]byte, error) { return p.decoder.DecodeAll(body, nil) }

// resettable is a writer that can be used again.
type resettable interface {
	io.WriteCloser
	Reset(to io.Writer)
}

func encode(w resettable, body []byte) ([]byte, error) {
	var out bytes.Buffer
	w.Reset(&out)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
