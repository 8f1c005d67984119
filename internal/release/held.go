package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

// opener is a source whose objects can be held open. Of others, a view reads
// whole packs into memory.
type opener interface {
	Open(ctx context.Context, key string) (*bucket.File, error)
}

// doubter is a source that remembers what it has checked, and can be told to
// check it again.
type doubter interface {
	Doubt(key string)
}

// heldPack is a pack that a view reads objects of. It is open, and its bytes have
// been compared with its name since this process opened it.
type heldPack struct {
	*pack
	file    atomic.Pointer[bucket.File]
	damaged atomic.Bool // it is not what it was any more
}

// hold opens a pack, checks all of it, and reads its table.
func (s *Reader) hold(ctx context.Context, hash Hash) (*heldPack, error) {
	file, err := s.openChecked(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("opening pack %s: %w", hash, err)
	}
	p, err := readTable(hash, file)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "opening pack %s: the pack is damaged: %w", hash, err)
	}
	h := &heldPack{pack: p}
	h.file.Store(file)
	return h, nil
}

func (s *Reader) openChecked(ctx context.Context, hash Hash) (*bucket.File, error) {
	file, err := s.open(ctx, PackKey(hash))
	if err != nil {
		return nil, bucketFailed(err)
	}
	if file.Checked {
		return file, nil
	}
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, io.NewSectionReader(file, 0, file.Size), make([]byte, 256<<10)); err != nil {
		return nil, bucketFailed(err)
	}
	if Hash(sum.Sum(nil)) != hash {
		return nil, ovenbird.Errorf(ovenbird.Internal, "the pack is damaged: its content has another hash")
	}
	return file, nil
}

func (s *Reader) open(ctx context.Context, key string) (*bucket.File, error) {
	if o, ok := s.source.(opener); ok {
		return o.Open(ctx, key)
	}
	body, _, err := s.source.Read(ctx, key)
	return &bucket.File{ReaderAt: bytes.NewReader(body), Size: int64(len(body))}, err
}

// readTable reads everything but the frames of a pack.
func readTable(hash Hash, file *bucket.File) (*pack, error) {
	end := make([]byte, min(int64(packFooter), file.Size))
	if _, err := file.ReadAt(end, file.Size-int64(len(end))); err != nil {
		return nil, err
	}
	f, err := parseFooter(end, file.Size)
	if err != nil {
		return nil, err
	}
	table := make([]byte, f.length())
	if _, err := file.ReadAt(table, f.table); err != nil {
		return nil, err
	}
	p, err := parsePack(hash, file.Size, f, table)
	if err == nil {
		p.manifest = bytes.Clone(p.manifest) // it must not keep the table as it was read
	}
	return p, err
}

// read returns an object of the pack, checked against its hash.
func (s *Reader) readHeld(p *heldPack, e entry) ([]byte, error) {
	frame := make([]byte, e.stored)
	_, err := p.file.Load().ReadAt(frame, e.offset)
	var body []byte
	if err == nil {
		body, err = s.codec.decompress(e, frame)
	}
	if err != nil {
		p.damaged.Store(true)
		return nil, ovenbird.Errorf(ovenbird.Internal, "pack %s is damaged: %w", p.hash, err)
	}
	return body, nil
}

// mend opens a damaged pack again, whole if its source can get it whole.
func (s *Reader) mend(ctx context.Context, p *heldPack) error {
	if d, ok := s.source.(doubter); ok {
		d.Doubt(PackKey(p.hash))
	}
	file, err := s.openChecked(ctx, p.hash)
	if err != nil {
		return fmt.Errorf("mending pack %s: %w", p.hash, err)
	}
	p.file.Store(file)
	p.damaged.Store(false)
	return nil
}

// Mend gets whole again what turned out to be damaged while it was in use. It
// reports whether there was anything of that kind.
func (v *View) Mend(ctx context.Context) (found bool, err error) {
	var failed []error
	for _, p := range v.packs {
		if p.damaged.Load() {
			found = true
			failed = append(failed, v.reader.mend(ctx, p))
		}
	}
	return found, errors.Join(failed...)
}
