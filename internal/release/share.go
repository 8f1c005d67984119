package release

import (
	"context"
	"fmt"

	"ovenbird/internal/ovenbird"
)

// What several processes that make one release together hand to each other. All
// of it is packs that belong to no release yet, so that garbage collection
// removes what came to nothing.

// Seal ends a writer that makes a part of a release: it writes what was added
// and returns the packs, for Adopt. All calls of Add must have returned. The
// writer can not be used after it.
func (w *Writer) Seal(ctx context.Context) ([]Hash, error) {
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	if len(w.current.entries) > 0 {
		p, err := w.store.writePack(ctx, w.current, nil)
		if err != nil {
			return nil, err
		}
		w.written = append(w.written, p)
	}
	packs := make([]Hash, len(w.written))
	for i, p := range w.written {
		packs[i] = p.hash
	}
	return packs, nil
}

// Adopt makes packs from Seal part of the release. They must come from writers
// that began with the same parent: what that has is in none of them. Adopt comes
// before the first Add.
func (w *Writer) Adopt(ctx context.Context, packs []Hash) error {
	for _, hash := range packs {
		p, err := w.store.openPack(ctx, hash)
		if err != nil {
			return fmt.Errorf("adopting pack %s: %w", hash, err)
		}
		w.mu.Lock()
		w.written = append(w.written, p)
		for _, e := range p.entries {
			w.seen[e.hash] = struct{}{}
		}
		w.mu.Unlock()
	}
	return nil
}

// Stash keeps a set of bodies in the bucket, in no order, for as long as garbage
// collection spares what belongs to no release, and returns the name for Unstash.
func (s *Store) Stash(ctx context.Context, bodies [][]byte) (Hash, error) {
	current := newPackBuilder()
	seen := make(map[Hash]struct{})
	for _, body := range bodies {
		if len(body) > maxObject {
			return Hash{}, ovenbird.Errorf(ovenbird.Internal, "%d bytes to stash at once; %d are allowed", len(body), maxObject)
		}
		h := HashOf(body)
		if _, ok := seen[h]; ok {
			continue
		}
		seen[h] = struct{}{}
		var alone batch
		alone.add(h, body)
		frame, coding := s.codec.compress(&alone)
		current.add(frame, coding, alone.objects)
	}
	p, err := s.writePack(ctx, current, nil)
	if err != nil {
		return Hash{}, fmt.Errorf("stashing: %w", err)
	}
	return p.hash, nil
}

// Unstash hands what Stash kept to yield, each body checked against its hash. An
// error from yield ends it and is returned.
func (s *Store) Unstash(ctx context.Context, stash Hash, yield func(body []byte) error) error {
	p, err := s.openPack(ctx, stash)
	if err != nil {
		return fmt.Errorf("reading stash %s: %w", stash, err)
	}
	if err := s.readFrames(ctx, p, p.entries, func(_ entry, body []byte) error { return yield(body) }); err != nil {
		return fmt.Errorf("reading stash %s: %w", stash, err)
	}
	return nil
}
