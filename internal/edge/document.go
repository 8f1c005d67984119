package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"ovenbird/internal/ovenbird"
)

// coding is a content coding (RFC 9110 section 8.4.1) that the edge can send.
type coding uint8

const (
	identity coding = iota
	zstandard
	brotliCoding
	gzipCoding
	codingCount
)

// codingNames are the names in Accept-Encoding and Content-Encoding.
var codingNames = [codingCount]string{"identity", "zstd", "br", "gzip"}

// representation is a document in one coding, with the header values that go
// with it: slices, as net/http wants them, that every response shares.
type representation struct {
	body     []byte
	etag     string // strong and quoted: two bodies that differ have two tags
	etags    []string
	digests  []string // the value of Repr-Digest (RFC 9530)
	encoding []string // nil for identity
	length   []string
}

func newRepresentation(coding string, body []byte) *representation {
	hash := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(hash[:16])
	r := &representation{
		body: body, length: []string{strconv.Itoa(len(body))},
		digests: []string{"sha-256=:" + base64.StdEncoding.EncodeToString(hash[:]) + ":"},
	}
	if coding != codingNames[identity] {
		etag += "-" + coding
		r.encoding = []string{coding}
	}
	r.etag = etag + `"`
	r.etags = []string{r.etag}
	return r
}

// document is an object of a release in memory, or a list that was made of some.
// Its codings are made when the first viewer wants them.
type document struct {
	memory   *memory
	source   source
	body     []byte
	template *template // where the object is one; then there is no body
	made     [codingCount]atomic.Pointer[representation]
	// deltas are differences to earlier documents that clients have asked for.
	deltas atomic.Pointer[delta]
}

// weight is how many bytes the document takes, about.
func (d *document) weight() uint32 {
	const one, each = 256, 384 // of a document, and of a representation without its body
	size := one + len(d.body)
	if d.template != nil {
		size += d.template.size + 16*(2*len(d.template.Slots)+len(d.template.slots))
	}
	for c := range d.made {
		if r := d.made[c].Load(); r != nil {
			size += each
			if coding(c) != identity {
				size += len(r.body)
			}
		}
	}
	for known := d.deltas.Load(); known != nil; known = known.next {
		size += one + known.from.size()
		if known.representation != nil {
			size += each + len(known.representation.body)
		}
	}
	return uint32(size)
}

// size is how many bytes a body takes that is kept for a difference to it.
func (d *document) size() int { return len(d.body) }

// incompressible reports whether compressing the document makes it no smaller.
func (d *document) incompressible() bool { return len(d.in(zstandard).body) >= len(d.body) }

// in returns the document in a coding. Requests that come at the same time may
// make it twice; one wins, and nobody waits for a lock.
func (d *document) in(c coding) *representation {
	if r := d.made[c].Load(); r != nil {
		return r
	}
	made := d.body
	switch c {
	case identity:
	case zstandard:
		made = d.memory.press.compress(d.body)
	case brotliCoding:
		made = compressBrotli(d.body)
	default:
		made = compressGzip(d.body)
	}
	if d.made[c].CompareAndSwap(nil, newRepresentation(codingNames[c], made)) {
		d.memory.counts.codings.Add(1)
		d.memory.keep(d) // it has grown
	}
	return d.made[c].Load()
}

// The levels at which more effort buys little on JSON of some kilobytes.
const (
	brotliLevel = 5
	gzipLevel   = 6
)

func compressBrotli(body []byte) []byte {
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, brotliLevel)
	// Writing to memory does not fail.
	_, _ = w.Write(body)
	_ = w.Close()
	return bytes.Clone(out.Bytes())
}

func compressGzip(body []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzipLevel) // fails on an unknown level only
	_, _ = w.Write(body)
	_ = w.Close()
	return bytes.Clone(out.Bytes())
}

// press compresses documents. Any number of goroutines may use it.
type press struct{ zstd *zstd.Encoder }

// zstdWindow is far below the 8 MiB that RFC 9659 allows, to spare clients memory.
const zstdWindow = 1 << 20

func newPress() (*press, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(zstdWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "preparing compression: %w", err)
	}
	return &press{zstd: encoder}, nil
}

func (p *press) compress(body []byte) []byte {
	return bytes.Clone(p.zstd.EncodeAll(body, make([]byte, 0, len(body)/2)))
}
