package release

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

const (
	// frameSize is about how many bytes of objects are compressed together. What is
	// made of one title for several countries is nearly the same, so a frame of many
	// objects is a small part of what they are compressed each by itself; but reading
	// one object decompresses all of its frame. An object of this size has a frame to
	// itself.
	frameSize  = 32 << 10
	rawBelow   = 64 // bytes; fewer do not shrink
	codingRaw  = 0
	codingZstd = 1
)

// batch is objects that are to be compressed together, one after the other.
type batch struct {
	body    []byte
	objects []entry
	frame   []byte // reused
	dense   bool   // is not worth compressing
}

func (b *batch) add(h Hash, body []byte) {
	b.objects = append(b.objects, entry{hash: h, at: uint32(len(b.body)), raw: uint32(len(body))})
	b.body = append(b.body, body...)
}

func (b *batch) reset() { b.body, b.objects = b.body[:0], b.objects[:0] }

// codec compresses and decompresses frames. Any number of goroutines may use it.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newCodec() (*codec, error) {
	// A frame of a single segment says how many bytes it decompresses to.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return &codec{encoder: encoder, decoder: decoder}, nil
}

// compress returns the frame of a batch and its coding. The frame is valid until
// the batch is changed.
func (c *codec) compress(b *batch) ([]byte, byte) {
	if len(b.body) >= rawBelow && !b.dense {
		if b.frame = c.encoder.EncodeAll(b.body, b.frame[:0]); len(b.frame) < len(b.body) {
			return b.frame, codingZstd
		}
	}
	return b.body, codingRaw
}

// decompress returns the object of an entry whose frame is given, and makes sure
// that it is the one.
func (c *codec) decompress(e entry, frame []byte) ([]byte, error) {
	u := unpacker{codec: c}
	return u.object(e, frame)
}

// unpacker returns objects of one pack. It remembers the last frame: in order of
// their places, each frame is decompressed once.
type unpacker struct {
	codec  *codec
	offset int64
	body   []byte // nil at first
}

// object returns the object of an entry whose frame is given, and makes sure that it
// is the one.
func (u *unpacker) object(e entry, frame []byte) ([]byte, error) {
	part, err := u.part(e, frame)
	return bytes.Clone(part), err // it must not keep all of the frame
}

// part is object as a part of the frame, or of what that decompresses to.
func (u *unpacker) part(e entry, frame []byte) ([]byte, error) {
	if u.body == nil || u.offset != e.offset {
		body, err := u.codec.open(e, frame)
		if err != nil {
			return nil, fmt.Errorf("object %s: %w", e.hash, err)
		}
		u.offset, u.body = e.offset, body
	}
	if uint64(e.at)+uint64(e.raw) > uint64(len(u.body)) {
		return nil, fmt.Errorf("object %s: it lies outside of its frame", e.hash)
	}
	body := u.body[e.at : e.at+e.raw]
	if HashOf(body) != e.hash {
		return nil, fmt.Errorf("object %s: its content has another hash", e.hash)
	}
	return body, nil
}

// open decompresses a frame.
func (c *codec) open(e entry, frame []byte) ([]byte, error) {
	if e.coding == codingRaw {
		return frame, nil
	}
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return nil, err
	}
	size := uint64(e.at) + uint64(e.raw)
	if header.HasFCS { // always but in small frames of the formats before 3, which are one object
		size = header.FrameContentSize
	}
	if size > maxObject {
		return nil, errors.New("its frame is too large")
	}
	return c.decoder.DecodeAll(frame, make([]byte, 0, size))
}
