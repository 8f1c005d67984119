package release

import (
	"context"
	"fmt"

	"ovenbird/internal/ovenbird"
)

// Reader is releases that can be read and not changed: all that an edge needs.
// Any number of goroutines may use it.
type Reader struct {
	source source
	codec  *codec
}

// NewReader returns the releases in a source.
func NewReader(from source) (*Reader, error) {
	codec, err := newCodec()
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "preparing compression: %w", err)
	}
	return &Reader{source: from, codec: codec}, nil
}

// footerGuess is how much of a pack's end is read at first: mostly enough for
// the table and the manifest of the pack that an edit makes.
const footerGuess = 64 << 10

// openPack reads everything but the frames of a pack.
func (s *Reader) openPack(ctx context.Context, hash Hash) (*pack, error) {
	key := PackKey(hash)
	info, err := s.source.Stat(ctx, key)
	if err != nil {
		return nil, bucketFailed(err)
	}
	tail, err := s.source.ReadRange(ctx, key, max(0, info.Size-footerGuess), min(info.Size, footerGuess))
	if err != nil {
		return nil, bucketFailed(err)
	}
	p, err := s.parseTail(ctx, key, hash, info.Size, tail)
	if err != nil {
		return nil, fmt.Errorf("opening pack %s: %w", hash, err)
	}
	return p, nil
}

func (s *Reader) parseTail(ctx context.Context, key string, hash Hash, size int64, tail []byte) (*pack, error) {
	f, err := parseFooter(tail[max(0, len(tail)-packFooter):], size)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "the pack is damaged: %w", err)
	}
	tail = tail[:len(tail)-packFooter]
	if f.length() <= int64(len(tail)) {
		tail = tail[int64(len(tail))-f.length():]
	} else if tail, err = s.source.ReadRange(ctx, key, f.table, f.length()); err != nil {
		return nil, bucketFailed(err)
	}
	p, err := parsePack(hash, size, f, tail)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "the pack is damaged: %w", err)
	}
	return p, nil
}
